import SluiceReactor
import SluiceWire

/// What time does to a session.
extension Session {
  /// Sets the one deadline to the earliest of all that may happen next. Traffic does not call this:
  /// it only puts deadlines off, and whoever fires too early looks again.
  func schedule() {
    if machine.isEnding { return setDeadline(closingEnd) }
    var next = min(lifetimeEnd, lastActivity.advanced(byNanoseconds: idleTimeout))
    next = min(next, trustEnd)
    if trust != nil { next = min(next, renewalTime) }
    next = min(next, pingTime(fromClient, interval: settings.ping))
    if reconnector == nil {
      next = min(next, pingTime(fromUpstream, interval: settings.upstreamPing))
    }
    next = min(next, slownessEnd)
    if let inspection {
      next = min(next, inspection.delayEnd(.client), inspection.delayEnd(.upstream))
    }
    setDeadline(next)
  }

  func timeReached() {
    let now = loop.now
    if machine.isEnding {
      if now >= closingEnd { return cutOff() }
      return setDeadline(closingEnd)
    }
    if now >= lifetimeEnd { return end(SessionEnding(.lifetime, code: 1_001)) }
    if now >= trustEnd {
      return end(SessionEnding(.tokenExpired, code: 4_401))
    }
    if now >= lastActivity.advanced(byNanoseconds: idleTimeout) {
      return end(SessionEnding(.idleTimeout, code: 1_001))
    }
    if now >= slownessEnd { return endForSlowness() }
    if trust != nil && now >= renewalTime { renew() }
    if let inspection { endDelays(inspection) }
    if settings.ping > 0 { pingWhenDue(.client, interval: settings.ping) }
    if settings.upstreamPing > 0 && !machine.isEnding && reconnector == nil {
      pingWhenDue(.upstream, interval: settings.upstreamPing)
    }
    if token != .none { schedule() }
  }

  // MARK: Pings

  private func pingTime(_ flow: SessionFlow, interval: Int64) -> MonotonicTime {
    if interval == 0 { return .distantFuture }
    let last = max(flow.pinged, opened)
    let due = last.advanced(byNanoseconds: interval)
    if !flow.pings.isAwaited { return due }
    let silence = last.advanced(byNanoseconds: settings.pongTimeout)
    // Nothing is sent while an answer is waited for, so only the end of the wait is left.
    if due <= loop.now && flow.lastSeen <= flow.pinged { return silence }
    return min(due, silence)
  }

  private func pingWhenDue(_ side: SessionSide, interval: Int64) {
    let now = loop.now
    let flow = side == .client ? fromClient : fromUpstream
    let last = max(flow.pinged, opened)
    if flow.pings.isAwaited {
      // Whom we do not read cannot show that it lives.
      if flow.lastSeen > flow.pinged || socket(side).isReadingPaused {
        setFlow(side) { $0.pings.isAwaited = false }
      } else if now >= last.advanced(byNanoseconds: settings.pongTimeout) {
        return fellSilent(side)
      } else {
        // Another ping would begin the wait anew.
        return
      }
    }
    if now < last.advanced(byNanoseconds: interval) { return }
    if isAtBorder(towards: side) {
      sendPing(side)
    } else {
      // Data is on its way, and whether it gets there shows as well, if some of it waits for its reader.
      let shows = socket(side).backlog > 0
      setFlow(side) { $0.pings.skip(isAwaited: shows) }
    }
    setFlow(side) { $0.pinged = now }
  }

  private func sendPing(_ side: SessionSide) {
    if isWatched { noteInjected(.ping, size: 8, to: side) }
    var number = pingMark
    setFlow(side) { number |= UInt64($0.pings.send()) }
    let mask: WebSocketMask? =
      side == .client ? nil : WebSocketMask(key: UInt32(truncatingIfNeeded: worker.random.next()))
    socket(side).stage { $0.appendWebSocketPing(number, mask: mask) }
  }

  /// Tells this session's pings from others' without being kept, in all bits but the last eight, which
  /// count. It does not show the id.
  private var pingMark: UInt64 { StableHash.mix(id.high ^ StableHash.mix(id.low)) & ~0xFF }

  /// Whether the pong in the worker's scratch answers a ping of the gateway's, be it late.
  func isOwnPong(from side: SessionSide) -> Bool {
    guard let number = Self.number(worker.scratch), number & ~0xFF == pingMark else { return false }
    let pings = side == .client ? fromClient.pings : fromUpstream.pings
    return pings.remembers(UInt8(truncatingIfNeeded: number))
  }

  private static func number(_ payload: borrowing ByteBuffer) -> UInt64? {
    let bytes = payload.span
    guard bytes.count == 8 else { return nil }
    var number: UInt64 = 0
    for index in bytes.indices { number = number << 8 | UInt64(bytes[index]) }
    return number
  }

  /// Of the gateway's own; the other end does not hear of it.
  func pongReceived(from side: SessionSide) {
    guard let number = Self.number(worker.scratch) else { return }
    var answer = PingWindow.Answer.late
    setFlow(side) { answer = $0.pings.take(UInt8(truncatingIfNeeded: number)) }
    guard side == .client, answer == .latest(isTimed: true) else { return }
    let nanoseconds = loop.now.nanoseconds(since: fromClient.pinged)
    roundTrip = UInt32(clamping: max(1, nanoseconds / 1_000))
    route.counters.sessions.answered(nanoseconds: nanoseconds)
  }
}
