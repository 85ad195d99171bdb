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
