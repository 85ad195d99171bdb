import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

@testable import SluiceControl

/// Live sessions through the admin API.
@Suite struct AdminSessionTests {
  private func refusal(
    _ body: () throws(AdminClient.Failure) -> Void
  ) -> AdminRefusal? {
    do throws(AdminClient.Failure) {
      try body()
      return nil
    } catch {
      if case .refused(let refusal) = error { return refusal }
      return nil
    }
  }

  @Test func sessionsAreListedAndFound() throws {
    let fixture = try AdminFixture()
    let stocks = try (0..<3).map { _ in try fixture.open() }
    let more = try fixture.open("/more")
    let all = try fixture.sessions(4)
    #expect(Set(all.map(\.id)).count == 4)
    #expect(try fixture.sessions(3, [("route", "stocks")]).allSatisfy { $0.route == "stocks" })
    #expect(try fixture.sessions(4, [("service", "stocks")]).count == 4)
    #expect(try fixture.sessions(4, [("address", "127.0.0.0/8")]).count == 4)
    for filter in [
      ("route", "time"), ("consumer", "nobody"), ("address", "10.0.0.0/8"), ("label", "a:b"),
      ("minAge", "1h"), ("idleFor", "1h"), ("target", "http://127.0.0.1:1"),
    ] {
      #expect(try fixture.client().sessionCount(matching: [filter]) == 0, "\(filter)")
    }
    let one = try #require(all.first { $0.route == "more" })
    let shown = try fixture.client().session(one.id)
    #expect(shown.service == "stocks" && shown.address == "127.0.0.1" && shown.state == "open")
    #expect(shown.openedAt == one.openedAt)
    withExtendedLifetime((stocks, more)) {}
  }

  /// Each alone and all together find the one session that they mean among others.
  @Test func everyFilterFindsItsSessions() throws {
    let fixture = try AdminFixture(
      rest: "consumers: {alice: {credentials: [{key-auth: alice-1}]}}",
      routes: """
          mine:
            kind: websocket
            match: {path: /mine}
            service: stocks
            path: {replacePrefix: /stocks}
            connection: {labels: {desk: "7", team: blue}}
            policies: {key-auth: {}}
        """)
    let others = [try fixture.open(), try fixture.open("/more")]
    let mine = try fixture.open("/mine?apikey=alice-1")
    let all = try fixture.sessions(3)
    let one = try #require(all.first { $0.route == "mine" })
    let target = one.target
    let only: [[(String, String)]] = [
      [("route", "mine")], [("consumer", "alice")], [("label", "desk:7")],
      [("label", "desk:7"), ("label", "team:blue")],
    ]
    let both: [[(String, String)]] = [
      [("service", "stocks")], [("target", target)], [("address", "127.0.0.1")],
      [("minAge", "0s")], [("maxAge", "1h")], [("idleFor", "0s")],
    ]
    for filter in only {
      #expect(try fixture.sessions(1, filter).map(\.id) == [one.id], "\(filter)")
    }
    for filter in both { #expect(try fixture.sessions(3, filter).count == 3, "\(filter)") }
    let together = only.flatMap(\.self) + both.flatMap(\.self)
    let unique = Dictionary(together.map { ("\($0)", $0) }, uniquingKeysWith: { $1 }).map(\.value)
    #expect(try fixture.sessions(1, unique).map(\.id) == [one.id])
    #expect(try fixture.client().sessionCount(matching: unique) == 1)
    for filter in only.dropFirst() {
      #expect(
        try fixture.client().sessionCount(matching: filter + [("route", "more")]) == 0, "\(filter)")
    }
    withExtendedLifetime((others, mine)) {}
  }

  @Test func pagesHaveEverySessionOnce() throws {
    let fixture = try AdminFixture()
    let clients = try (0..<7).map { _ in try fixture.open() }
    try fixture.sessions(7)
    for sort in ["id", "opened", "-opened"] {
      var ids: [String] = []
      var opened: [String] = []
      var cursor: String?
      repeat {
        var query = [("limit", "2"), ("sort", sort)]
        if let cursor { query.append(("cursor", cursor)) }
        let page = try fixture.client().get(
          "/connections", query, as: SessionListContent.self)
        #expect(page.connections.count <= 2)
        ids += page.connections.map(\.id)
        opened += page.connections.map(\.openedAt)
        cursor = page.next
      } while cursor != nil
      #expect(ids.count == 7 && Set(ids).count == 7, "\(sort)")
      // Written to the millisecond, so equal neighbours are no disorder.
      if sort == "opened" { #expect(opened == opened.sorted()) }
      if sort == "-opened" { #expect(opened == opened.sorted().reversed()) }
    }
    withExtendedLifetime(clients) {}
  }

  @Test func aCursorIsOfOneOrder() throws {
    let fixture = try AdminFixture()
    let refused = refusal { () throws(AdminClient.Failure) in
      _ = try fixture.client().get(
        "/connections", [("sort", "-id"), ("cursor", "id~0~AAAAAAAAAAAAAAAAAAAAAA")],
        as: SessionListContent.self)
    }
    #expect(refused?.code == "invalid-parameter")
  }

  @Test func aSessionIsClosedWithCodeAndReason() throws {
    let fixture = try AdminFixture()
    let events = try EventReader(fixture, query: "?type=session-closed")
    let client = try fixture.open()
    let id = try #require(try fixture.sessions(1).first?.id)
    let closing = try fixture.client().closeSession(id, [("code", "4321"), ("reason", "go away")])
    #expect(closing.id == id)
    #expect(try client.close() == (4_321, "go away"))
    client.sendClose()
    try fixture.sessions(0)
    let (name, data) = try events.next()
    #expect(name == "session-closed")
    #expect(data["cause"] as? String == "admin")
    #expect(data["code"] as? Int == 4_321)
    #expect((data["session"] as? [String: Any])?["id"] as? String == id)
    #expect(
      refusal { () throws(AdminClient.Failure) in
        _ = try fixture.client().closeSession(id, [])
      }?.code == "no-such-session")
  }

  @Test(arguments: ["x", "AbCdEfGhIjKlMnOpQrStUv", "zzzzzzzzzzzzzzzzzzzzzz"])
  func whatIsNobodysIdIsMissing(id: String) throws {
    let fixture = try AdminFixture()
    #expect(try fixture.ask("GET", "/connections/\(id)").status == 404)
    #expect(try fixture.ask("DELETE", "/connections/\(id)").status == 404)
    #expect(try fixture.ask("POST", "/connections/\(id)/messages").status == 404)
  }

  @Test func allThatMatchAreClosedByAJob() throws {
    let fixture = try AdminFixture()
    let stocks = try (0..<5).map { _ in try fixture.open() }
    let more = try fixture.open("/more")
    try fixture.sessions(6)
    #expect(
      refusal { () throws(AdminClient.Failure) in
        _ = try fixture.client().closeSessions(matching: [], [])
      }?.code == "filter-missing")
    let job = try fixture.client().closeSessions(
      matching: [("route", "stocks")], [("code", "1012"), ("rate", "1000")])
    for client in stocks {
      #expect(try client.close().code == 1_012)
      client.sendClose()
    }
    try fixture.waitUntil("the job") { try !fixture.client().job(job).isRunning }
    #expect(try fixture.client().job(job).text == "5 of 5 sessions closed")
    try fixture.sessions(1, [("route", "more")])
    withExtendedLifetime(more) {}
  }

  /// One session per second would take long; after the first the job is told to stop.
  @Test func aStoppedJobLeavesTheRest() throws {
    let fixture = try AdminFixture()
    let clients = try (0..<30).map { _ in try fixture.open() }
    try fixture.sessions(30)
    let id = try fixture.client().closeSessions(matching: [], [("all", "true"), ("rate", "1")])
    _ = try fixture.client().send("DELETE", "/jobs/\(id)", as: CloseJob.Content.self)
    try fixture.waitUntil("the job's end") { try !fixture.client().job(id).isRunning }
    let job = try fixture.client().get("/jobs/\(id)", as: CloseJob.Content.self)
    #expect(job.state == .stopped && job.matched == 30 && job.closed < 30)
    withExtendedLifetime(clients) {}
  }

  @Test func messagesReachTheClient() throws {
    let fixture = try AdminFixture()
    let client = try fixture.open()
    let id = try #require(try fixture.sessions(1).first?.id)
    let path = "/connections/\(id)/messages"
    _ = try fixture.client().send(
      "POST", path, body: Array("{\"news\":1}".utf8), contentType: "application/json",
      as: PushContent.self)
    #expect(
      try client.frame { opcode, payload in
        opcode == 1 && payload == Array("{\"news\":1}".utf8)
      }.opcode == 1)
    _ = try fixture.client().send("POST", path, body: [0, 0xFF], as: PushContent.self)
    #expect(try client.frame { opcode, _ in opcode == 2 }.payload == [0, 0xFF])
    #expect(
      refusal { () throws(AdminClient.Failure) in
        _ = try fixture.client().send(
          "POST", path, body: [0xFF], contentType: "text/plain; charset=utf-8", as: PushContent.self
        )
      }?.code == "body-not-text")
  }

  @Test func aMessageThatIsNotWhatTheRouteAsksForIsRefused() throws {
    let fixture = try AdminFixture(
      routes: """
          checked:
            kind: websocket
            match: {path: /checked}
            service: stocks
            path: {replacePrefix: /stocks}
            policies:
              json-schema:
                schema: "true"
                messagesFromUpstream:
                  schema: '{"required":["news"],"properties":{"news":{"type":"string"}}}'
        """)
    let client = try fixture.open("/checked")
    let id = try #require(try fixture.sessions(1).first?.id)
    func push(_ text: String) -> AdminRefusal? {
      refusal { () throws(AdminClient.Failure) in
        _ = try fixture.client().send(
          "POST", "/connections/\(id)/messages", body: Array(text.utf8),
          contentType: "application/json", as: PushContent.self)
      }
    }
    for (text, detail) in [
      ("{}", "required"), (#"{"news":1}"#, "type at /news"),
      ("news", "It has to be JSON that names nothing twice, and not too large."),
    ] {
      let refused = push(text)
      #expect(refused?.status == 422 && refused?.code == "message-invalid", "\(text)")
      #expect(refused?.detail == detail)
    }
    #expect(push(#"{"news":"good"}"#) == nil)
    // Quotes of the target are none, and left out.
    let frame = try client.frame { opcode, _ in opcode == 1 }
    #expect(frame.payload == Array(#"{"news":"good"}"#.utf8))
  }

  @Test func aMessageThatIsTooLargeIsRefused() throws {
    let fixture = try AdminFixture()
    let client = try fixture.open()
    let id = try #require(try fixture.sessions(1).first?.id)
    let refused = refusal { () throws(AdminClient.Failure) in
      _ = try fixture.client().send(
        "POST", "/connections/\(id)/messages", body: [UInt8](repeating: 0, count: (1 << 20) + 1),
        as: PushContent.self)
    }
    #expect(refused?.status == 413 && refused?.code == "body-too-large")
    withExtendedLifetime(client) {}
  }

  @Test func openingIsAnEvent() throws {
    let fixture = try AdminFixture()
    let events = try EventReader(fixture, query: "?type=session-opened&type=reload")
    let client = try fixture.open("/more")
    let (name, data) = try events.next()
    #expect(name == "session-opened")
    let session = try #require(data["session"] as? [String: Any])
    #expect(session["route"] as? String == "more")
    #expect(session["id"] as? String == (try fixture.sessions(1).first?.id))
    withExtendedLifetime(client) {}
  }

  @Test func metricsCountSessions() throws {
    let fixture = try AdminFixture()
    let client = try fixture.open()
    _ = try client.frame { opcode, _ in opcode == 1 }
    let other = try fixture.open()
    try fixture.sessions(2)
    other.sendClose()
    _ = try other.close()
    try fixture.sessions(1)
    let text = try Peer.get("/metrics", from: fixture.admin).body
    let page = try ExpositionParser(text)
    let route = ["route": "stocks"]
    #expect(page.value("sluice_open_sessions", route) == 1)
    #expect(page.value("sluice_sessions_opened_total", route) == 2)
    #expect(
      page.value("sluice_sessions_closed_total", ["route": "stocks", "cause": "client"]) == 1)
    #expect(page.value("sluice_sessions_closed_total", ["route": "stocks", "cause": "admin"]) == 0)
    #expect(page.value("sluice_handshake_duration_seconds_count", route) == 2)
    #expect(page.value("sluice_session_lifetime_seconds_count", route) == 1)
    #expect(page.value("sluice_session_round_trip_seconds_count", route) == 0)
    // While the session is open.
    let messages = ["route": "stocks", "from": "upstream"]
    #expect(try #require(page.value("sluice_session_messages_total", messages)) >= 1)
    #expect(try #require(page.value("sluice_session_bytes_total", messages)) >= 10)
    #expect(page.value("sluice_session_backlog_bytes", route) == 0)
    withExtendedLifetime(client) {}
  }
}
