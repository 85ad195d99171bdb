/// Sessions as `sluice connections` prints them.
enum SessionView {
  static func table(_ sessions: [SessionContent]) -> TextTable {
    var table = TextTable(columns: [
      .init("ID"), .init("ROUTE"), .init("CONSUMER"), .init("ADDRESS"),
      .init("AGE", isRight: true), .init("IDLE", isRight: true), .init("RTT", isRight: true),
      .init("IN", isRight: true), .init("OUT", isRight: true), .init("BACKLOG", isRight: true),
      .init("STATE"),
    ])
    table.rows = sessions.map { session in
      [
        session.id, session.route, Readable.safe(session.consumer ?? "-"),
        session.address.isEmpty ? "-" : session.address, Readable.time(session.ageSeconds),
        Readable.time(session.idleSeconds), Readable.latency(session.roundTripSeconds),
        Readable.count(Double(session.fromClient.messages)),
        Readable.count(Double(session.fromUpstream.messages)),
        Readable.bytes(
          Double(session.fromClient.backlogBytes + session.fromUpstream.backlogBytes)),
        session.state,
      ]
    }
    return table
  }

  /// Everything about one session, a fact a line.
  static func details(_ session: SessionContent) -> String {
    var facts: [(String, String?)] = [
      ("id", session.id), ("state", session.state), ("route", session.route),
      ("service", session.service), ("target", session.target), ("consumer", session.consumer),
    ]
    facts += session.claims.sorted { $0.key < $1.key }.map { ("claim \($0.key)", $0.value) }
    facts += session.labels.sorted { $0.key < $1.key }.map { ("label \($0.key)", $0.value) }
    facts += [
      ("address", session.address.isEmpty ? nil : session.address), ("origin", session.origin),
      ("user agent", session.userAgent), ("subprotocol", session.subprotocol),
      ("opened", "\(session.openedAt), \(Readable.time(session.ageSeconds)) ago"),
      ("idle", Readable.time(session.idleSeconds)), ("expires", session.expiresAt),
      ("round trip", session.roundTripSeconds.map { Readable.latency($0) }),
      ("reconnects", session.reconnects > 0 ? "\(session.reconnects)" : nil),
      ("mode", session.isInspected ? "inspected" : "transparent"),
      ("worker", "\(session.worker)"), ("from client", direction(session.fromClient)),
      ("from upstream", direction(session.fromUpstream)),
    ]
    let width = (facts.map(\.0.count).max() ?? 0) + 2
    return facts.compactMap { name, value in
      value.map {
        Readable.safe(name) + String(repeating: " ", count: width - name.count)
          + Readable.safe($0) + "\n"
      }
    }.joined()
  }

  private static func direction(_ direction: SessionContent.Direction) -> String {
    var text =
      "\(direction.messages) messages, \(Readable.bytes(Double(direction.bytes))), "
      + "\(Readable.bytes(Double(direction.backlogBytes))) waiting"
    if direction.dropped > 0 { text += ", \(direction.dropped) dropped" }
    if let last = direction.lastMessageAt { text += ", last at \(last)" }
    return text
  }
}
