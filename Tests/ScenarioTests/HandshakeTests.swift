import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// Before the 101: what the gateway asks of a handshake and of its answer (RFC 6455 4).
  @Suite struct Handshakes {
    private func fixture(
      _ script: @escaping ScriptedUpstream.Script, _ edit: (inout Configuration) -> Void = { _ in }
    ) throws -> (Fixture, ScriptedUpstream) {
      let upstream = try ScriptedUpstream(script)
      let fixture = try Fixture(to: upstream) {
        $0.all.kind = .websocket
        edit(&$0)
      }
      return (fixture, upstream)
    }

    private func echoing(
      _ edit: (inout Configuration) -> Void = { _ in }
    ) throws -> (Fixture, ScriptedUpstream) {
      try fixture({ try $0.accept().echo() }, edit)
    }

    @Test func messagesPassBothWaysFromTheFirst() throws {
      let (fixture, upstream) = try fixture { peer in
        let request = try peer.readRequest()
        let socket = WebSocketPeer(peer.socket, peer.reader, masks: false)
        let hello = socket.bytes(.init(opcode: 1, payload: Array("hello".utf8)))
        // In one segment with the 101.
        try peer.socket.send(
          Array(WebSocketPeer.accept(request?["Sec-WebSocket-Key"]).utf8) + hello)
        try socket.echo()
      }
      let client = try fixture.client()
      let socket = WebSocketPeer(client.socket, client.reader, masks: true)
      // In one segment with the handshake.
      try client.socket.send(
        Array(WebSocketPeer.handshake().utf8)
          + socket.bytes(.init(opcode: 1, payload: Array("early".utf8))))
      let head = try #require(try client.reader.readHead())
      #expect(head.status == 101)
      #expect(head["Connection"] == "Upgrade")
      #expect(head["Upgrade"] == "websocket")
      #expect(head["Sec-WebSocket-Accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
      #expect(Set([try socket.text(), try socket.text()]) == ["hello", "early"])
      for turn in 0..<5 {
        try socket.send(text: "turn \(turn)")
        #expect(try socket.text() == "turn \(turn)")
      }
      let request = try #require(upstream.requests.first)
      #expect(request["Upgrade"] == "websocket")
      #expect(request["Connection"] == "Upgrade")
      #expect(request["Sec-WebSocket-Key"] != nil)
    }

    @Test func theTargetLearnsTheIDAndNobodyElseSetsIt() throws {
      let (fixture, upstream) = try echoing()
      let client = try fixture.client()
      _ = try client.open("Sluice-Connection-Id: forged")
      let id = try #require(upstream.requests.first?["Sluice-Connection-Id"])
      #expect(SessionID(id) != nil)
      // Also where no session begins.
      let plain = try ScriptedUpstream.echoing()
      let other = try Fixture(to: plain)
      _ = try other.get("/", "Sluice-Connection-Id: forged")
      #expect(plain.requests.first?["Sluice-Connection-Id"] == nil)
    }

    /// RFC 9110 7.8: a server must not switch to what was not asked for.
    @Test(arguments: [
      "Upgrade: h2c", "Upgrade: websocket, h2c", "Upgrade: ",
    ]) func onlyWhatWasAskedForBegins(upgrade: String) throws {
      let (fixture, _) = try fixture { peer in
        let request = try peer.readRequest()
        try peer.send(
          WebSocketPeer.accept(request?["Sec-WebSocket-Key"])
            .replacingFirst("Upgrade: websocket", upgrade))
        _ = try peer.reader.readToEnd()
      }
      let response = try fixture.client().exchange(WebSocketPeer.handshake())
      #expect(response.status == 502)
      #expect(response.code == "upstream-malformed")
    }

    @Test(arguments: [
      "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "X: 1",
      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: other",
      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        + "Sec-WebSocket-Extensions: permessage-deflate",
    ]) func anAnswerThatDoesNotFitIsNoAnswer(fields: String) throws {
      let (fixture, upstream) = try fixture { peer in
        _ = try peer.readRequest()
        try peer.send(
          "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            + fields + "\r\n\r\n")
        _ = try peer.reader.readToEnd()
      }
      let response = try fixture.client().exchange(
        WebSocketPeer.handshake("Sec-WebSocket-Protocol: chat, log"))
      #expect(response.status == 502)
      #expect(response.code == "upstream-malformed")
      try waitUntil { upstream.endedCount == 1 }
    }

    @Test func subprotocolAndExtensionsAreAgreedOn() throws {
      let (fixture, _) = try fixture { peer in
        try peer.accept(
          "Sec-WebSocket-Protocol: log", "Sec-WebSocket-Extensions: permessage-deflate"
        ).echo()
      }
      let client = try fixture.client()
      try client.send(
        WebSocketPeer.handshake(
          "Sec-WebSocket-Protocol: chat, log",
          "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"))
      let head = try #require(try client.reader.readHead())
      #expect(head.status == 101)
      #expect(head["Sec-WebSocket-Protocol"] == "log")
      #expect(head["Sec-WebSocket-Extensions"] == "permessage-deflate")
    }

    @Test(arguments: [
      ("Sec-WebSocket-Key: short", 400, "invalid-handshake"),
      (
        "Sec-WebSocket-Key: \(WebSocketPeer.key)\r\nSec-WebSocket-Key: \(WebSocketPeer.key)", 400,
        "invalid-handshake"
      ),
      ("X: 1", 400, "invalid-handshake"),
      (
        "Sec-WebSocket-Key: \(WebSocketPeer.key)\r\nSec-WebSocket-Version: 13", 400,
        "invalid-handshake"
      ),
    ]) func aMalformedKeyIsRefused(fields: String, status: Int, code: String) throws {
      let (fixture, upstream) = try echoing()
      let response = try fixture.client().exchange(
        WebSocketPeer.handshake().replacingFirst(
          "Sec-WebSocket-Key: \(WebSocketPeer.key)", fields))
      #expect(response.status == status)
      #expect(response.code == code)
      #expect(upstream.connectionCount == 0)
    }

    @Test(arguments: ["8", "14", "0"]) func anotherVersionIsRefused(
      version: String
    ) throws {
      let (fixture, _) = try echoing()
      let response = try fixture.client().exchange(
        WebSocketPeer.handshake().replacingFirst("Version: 13", "Version: \(version)"))
      #expect(response.status == 426)
      #expect(response.code == "websocket-version")
      #expect(response["Sec-WebSocket-Version"] == "13")
    }

    @Test func withoutUpgradeTheAnswerIsUpgradeRequired() throws {
      let (fixture, upstream) = try echoing()
      let response = try fixture.client().get("/socket")
      #expect(response.status == 426)
      #expect(response.code == "upgrade-required")
      #expect(response["Upgrade"] == "websocket")
      #expect(response["Connection"]?.contains("Upgrade") == true)
      #expect(upstream.connectionCount == 0)
    }

    @Test func aRefusalPassesUnchanged() throws {
      let upstream = try ScriptedUpstream.answering { request in
        request.target == "/socket"
          ? "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nX-Why: 1\r\n\r\nno" : ok("")
      }
      let fixture = try Fixture(to: upstream) { $0.all.kind = .websocket }
      let client = try fixture.client()
      for _ in 0..<2 {
        let response = try client.exchange(WebSocketPeer.handshake())
        #expect(response.status == 403)
        #expect(response["X-Why"] == "1")
        #expect(response.text == "no")
      }
    }

    @Test func aHandshakeHasADeadline() throws {
      let (fixture, _) = try fixture(
        { peer in
          _ = try peer.readRequest()
          _ = try peer.reader.readToEnd()
        },
        {
          var connection = Configuration.ConnectionSettings()
          connection.connectTimeout = .milliseconds(50)
          $0.all.connection = connection
        })
      let response = try fixture.client().exchange(WebSocketPeer.handshake())
      #expect(response.status == 504)
    }

    // MARK: Origins

    @Test(arguments: [
      ("http://gateway.test", true), ("https://gateway.test", true), ("HTTP://GATEWAY.test", true),
      ("http://gateway.test:80", true), ("http://gateway.test:8080", false),
      ("http://evil.test", false), ("http://gateway.test.evil.test", false), ("null", false),
      ("gateway.test", false), ("", false),
    ]) func withoutSettingOnlyPagesOfTheSameHostMayConnect(origin: String, isAllowed: Bool) throws {
      let (fixture, _) = try echoing()
      let response = try fixture.client().exchange(WebSocketPeer.handshake("Origin: \(origin)"))
      #expect(response.status == (isAllowed ? 101 : 403))
      if !isAllowed { #expect(response.code == "origin-not-allowed") }
    }

    @Test(arguments: [
      ("https://app.example.com", true), ("https://a.b.example.org", true),
      ("https://example.org", false), ("https://evilexample.org", false),
      ("http://app.example.com", false), ("https://app.example.com:444", false),
      ("https://app.example.com:443", true), ("http://gateway.test", false),
    ]) func listedOriginsMayConnect(origin: String, isAllowed: Bool) throws {
      let (fixture, _) = try echoing {
        $0.all.origins = ["https://app.example.com", "https://*.example.org"]
      }
      let response = try fixture.client().exchange(WebSocketPeer.handshake("Origin: \(origin)"))
      #expect(response.status == (isAllowed ? 101 : 403))
    }

    @Test func aStarOpensTheRoute() throws {
      let (fixture, _) = try echoing { $0.all.origins = ["*"] }
      for origin in ["http://evil.test", "null"] {
        let response = try fixture.client().exchange(WebSocketPeer.handshake("Origin: \(origin)"))
        #expect(response.status == 101)
      }
    }

    // MARK: Limits

    @Test func aFullRouteRefusesAndHasRoomAgain() throws {
      let (fixture, _) = try echoing {
        var connection = Configuration.ConnectionSettings()
        connection.maxOpen = 2
        $0.all.connection = connection
      }
      let first = try fixture.client()
      let socket = try first.open()
      let second = try fixture.client()
      _ = try second.open()
      let refused = try fixture.client().exchange(WebSocketPeer.handshake())
      #expect(refused.status == 429)
      #expect(refused.code == "too-many-sessions")
      #expect(refused["Retry-After"] == "5")
      try socket.sendClose(1_000)
      try waitUntil {
        let client = try fixture.client()
        return try client.exchange(WebSocketPeer.handshake()).status == 101
      }
    }

    @Test func aRefusedHandshakeTakesNoPlace() throws {
      let upstream = try ScriptedUpstream.answering { _ in
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
      }
      let fixture = try Fixture(to: upstream) {
        $0.all.kind = .websocket
        var connection = Configuration.ConnectionSettings()
        connection.maxPerAddress = 1
        $0.all.connection = connection
      }
      for _ in 0..<3 {
        #expect(try fixture.client().exchange(WebSocketPeer.handshake()).status == 403)
      }
    }

    @Test func openingsPerSecondAreLimited() throws {
      let (fixture, _) = try echoing {
        var connection = Configuration.ConnectionSettings()
        connection.maxOpensPerSecond = 1
        $0.all.connection = connection
      }
      let client = try fixture.client()
      _ = try client.open()
      var statuses: [Int] = []
      for _ in 0..<3 {
        statuses.append(try fixture.client().exchange(WebSocketPeer.handshake()).status)
      }
      #expect(statuses.contains(429))
    }
  }
}

extension String {
  func replacingFirst(_ text: String, _ other: String) -> String {
    guard let range = firstRange(of: text) else { return self }
    return String(self[..<range.lowerBound]) + other + String(self[range.upperBound...])
  }
}
