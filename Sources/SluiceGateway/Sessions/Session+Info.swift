import Glibc
import SluiceReactor
import SluiceWire

extension Session {
  /// What the admin API shows of it.
  func info(now: MonotonicTime) -> SessionInfo {
    let clock = worker.wallClock(now: now)
    var info = SessionInfo(id: id)
    info.worker = worker.index
    info.route = route.name
    info.service = service.name
    info.target = target.displayName
    info.consumer = consumer.map { String(decoding: $0, as: UTF8.self) }
    for claim in identity?.claims ?? [] {
      info.claims[String(decoding: claim.name, as: UTF8.self)] = String(
        decoding: claim.value, as: UTF8.self)
    }
    info.address = client.isUnix ? "" : client.hostText
    info.origin = facts.origin
    info.userAgent = facts.userAgent
    info.subprotocol = facts.subprotocol
    for label in facts.labels {
      info.labels[String(decoding: label.name, as: UTF8.self)] = String(
        decoding: label.value, as: UTF8.self)
    }
    info.openedAt = clock.milliseconds(opened)
    info.expiresAt = identity?.expiresAt.map { $0 * 1_000 }
    info.age = now.nanoseconds(since: opened)
    info.idle = now.nanoseconds(since: lastActivity)
    info.roundTrip = roundTrip > 0 ? Int64(roundTrip) * 1_000 : nil
    if machine.isEnding {
      info.state = "closing"
    } else if reconnector != nil {
      info.state = "reconnecting"
    }
    info.reconnects = extras?.handshake?.schedule.reconnections ?? 0
    info.isInspected = inspection != nil
    info.fromClient = direction(.client, fromClient, clock)
    info.fromUpstream = direction(.upstream, fromUpstream, clock)
    return info
  }

  /// Who calls, by a name of the configuration.
  var consumer: [UInt8]? {
    guard let identity, !identity.consumer.isEmpty else { return nil }
    return identity.consumer
  }

  private func direction(
    _ side: SessionSide, _ flow: SessionFlow, _ clock: WallClock
  ) -> SessionInfo.Direction {
    var direction = SessionInfo.Direction()
    (direction.messages, direction.bytes) = counts(side)
    direction.dropped = inspection?.dropped(side) ?? 0
    direction.lastMessageAt =
      flow.lastMessage.nanoseconds == 0 ? nil : clock.milliseconds(flow.lastMessage)
    direction.backlog = waitingBytes(for: side.other)
    return direction
  }
}

/// Turns moments of the monotonic clock into Unix time, as both are now.
struct WallClock {
  private let offset: Int64

  /// `former`: the clock that was read before. Its offset stays unless the clocks have parted since, so
  /// that a moment has the same time whenever it is asked for.
  init(now: MonotonicTime, former: WallClock? = nil) {
    self.now = now
    var clock = timespec()
    clock_gettime(CLOCK_REALTIME, &clock)
    let offset = Int64(clock.tv_sec) * 1_000_000_000 + Int64(clock.tv_nsec) - now.nanoseconds
    if let former, abs(former.offset - offset) < 50_000_000 {
      self.offset = former.offset
    } else {
      self.offset = offset
    }
  }

  private let now: MonotonicTime

  /// Unix time in seconds, now.
  var seconds: Int64 { (now.nanoseconds + offset) / 1_000_000_000 }

  /// Unix time in microseconds.
  func microseconds(_ moment: MonotonicTime) -> Int64 { (moment.nanoseconds + offset) / 1_000 }

  /// Unix time in milliseconds.
  func milliseconds(_ moment: MonotonicTime) -> Int64 { (moment.nanoseconds + offset) / 1_000_000 }
}
