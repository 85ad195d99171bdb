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
    next = min(next, pingTime(fromUpstream, interval: settings.upstreamPing))
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
    if settings.upstreamPing > 0 && !machine.isEnding {
      pingWhenDue(.upstream, interval: settings.upstreamPing)
    }
    if token != .none { schedule() }
  }

  // MARK: Pings

  private func pingTime(_ flow: SessionFlow, interval: Int64) -> MonotonicTime {
    if interval == 0 { return .distantFuture }
    let last = max(flow.pinged, opened)
    let due = last.advanced(byNanoseconds: interval)
    if !flow.isPingOutstanding { return due }
    return min(due, last.advanced(byNanoseconds: settings.pongTimeout))
  }

  private func pingWhenDue(_ side: SessionSide, interval: Int64) {
    let now = loop.now
    let flow = side == .client ? fromClient : fromUpstream
    let last = max(flow.pinged, opened)
    if flow.isPingOutstanding {
      // Whom we do not read cannot show that it lives.
      if flow.lastSeen > flow.pinged || socket(side).isReadingPaused {
        setPing(side, pinged: flow.pinged, isOutstanding: false)
      } else if now >= last.advanced(byNanoseconds: settings.pongTimeout) {
        return fellSilent(side)
      }
    }
    if now < last.advanced(byNanoseconds: interval) { return }
    let isAtBorder =
      side == .client
      ? fromUpstream.follower.isAtFrameBoundary : fromClient.follower.isAtFrameBoundary
    if isAtBorder { sendPing(side, at: now) }
    // In the middle of a frame data is on its way, and whether it gets there shows as well.
    setPing(side, pinged: now, isOutstanding: true)
  }

  private func setPing(_ side: SessionSide, pinged: MonotonicTime, isOutstanding: Bool) {
    if side == .client {
      fromClient.pinged = pinged
      fromClient.isPingOutstanding = isOutstanding
    } else {
      fromUpstream.pinged = pinged
      fromUpstream.isPingOutstanding = isOutstanding
    }
  }

  private func sendPing(_ side: SessionSide, at now: MonotonicTime) {
    let number = pingNumber(at: now)
    let mask: WebSocketMask? =
      side == .client ? nil : WebSocketMask(key: UInt32(truncatingIfNeeded: worker.random.next()))
    socket(side).stage { $0.appendWebSocketPing(number, mask: mask) }
  }

  /// Tells the gateway's pings from others' without being kept: nobody else knows the id's bits.
  private func pingNumber(at time: MonotonicTime) -> UInt64 {
    UInt64(bitPattern: time.nanoseconds) ^ id.high
  }

  /// Whether the pong in the worker's scratch answers the gateway's last ping.
  func isOwnPong(from side: SessionSide) -> Bool {
    let flow = side == .client ? fromClient : fromUpstream
    return flow.isPingOutstanding
      && Self.number(worker.scratch) == pingNumber(at: flow.pinged)
  }

  private static func number(_ payload: borrowing ByteBuffer) -> UInt64? {
    let bytes = payload.span
    guard bytes.count == 8 else { return nil }
    var number: UInt64 = 0
    for index in bytes.indices { number = number << 8 | UInt64(bytes[index]) }
    return number
  }

  func pongReceived(from side: SessionSide) {
    let pinged = side == .client ? fromClient.pinged : fromUpstream.pinged
    setPing(side, pinged: pinged, isOutstanding: false)
    if side == .upstream { return }
    let nanoseconds = loop.now.nanoseconds(since: pinged)
    roundTrip = UInt32(clamping: max(1, nanoseconds / 1_000))
    route.counters.sessions.answered(nanoseconds: nanoseconds)
  }
}
