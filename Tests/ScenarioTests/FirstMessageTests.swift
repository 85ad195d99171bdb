import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// Credentials in the first message of a WebSocket.
  @Suite struct FirstMessages {
    private func fixture(
      to upstream: ScriptedUpstream,
      _ edit: (inout Configuration.FirstMessage) -> Void = { _ in },
      configuration editMore: (inout Configuration) -> Void = { _ in }
    ) throws -> Fixture {
      try Fixture(to: upstream) {
        var consumer = Configuration.Consumer()
        consumer.groups = ["partners"]
        var credential = Configuration.Credential()
        credential.keyAuth = Configuration.KeyCredential(key: "alice-key")
        consumer.credentials = [credential]
        $0.consumers["alice"] = consumer
        $0.all.kind = .websocket
        var message = Configuration.FirstMessage()
        // Where a test does not wait for it, it must not come.
        message.timeout = .seconds(60)
        edit(&message)
        var keyAuth = Configuration.KeyAuth()
        keyAuth.firstMessage = message
        $0.all.policies[Configuration.KeyAuth.self] = keyAuth
        editMore(&$0)
      }
    }

    @Test func theMessageSaysWhoCallsAndGoesNoFurther() throws {
      let upstream = try ScriptedUpstream { try $0.accept().echo() }
      let fixture = try fixture(to: upstream)
      let socket = try fixture.client().open()
      #expect(upstream.requests.isEmpty)
      try socket.send(text: "alice-key")
      try socket.send(text: "hello")
      #expect(try socket.text() == "hello")
      let request = try #require(upstream.requests.first)
      #expect(request["X-Consumer-Username"] == "alice")
      #expect(request["X-Consumer-Groups"] == "partners")
      #expect(request["Sluice-Connection-Id"] != nil)
      try socket.sendClose(1_000)
      #expect(try socket.read()?.closeCode == 1_000)
    }

    /// Fragments, pings between them, and what comes in the same segment.
    @Test func everySplitIsTheSame() throws {
      for piece in [1, 5, 1_000] {
        let upstream = try ScriptedUpstream { try $0.accept().echo() }
        let fixture = try fixture(to: upstream) { $0.path = "$.auth.token" }
        let socket = try fixture.client().open()
        let frames: [WebSocketPeer.Frame] = [
          .init(opcode: 1, payload: Array("{\"auth\":{\"tok".utf8), isFinal: false),
          .init(opcode: 9, payload: Array("still there".utf8)),
          .init(opcode: 0, payload: Array("en\":\"\\u0061lice-key\"}}".utf8)),
          .init(opcode: 1, payload: Array("hello".utf8)),
          .init(opcode: 2, payload: [UInt8](repeating: 7, count: 20_000)),
        ]
        let bytes = frames.flatMap { socket.bytes($0) }
        for start in stride(from: 0, to: min(300, bytes.count), by: piece) {
          try socket.socket.send(Array(bytes[start..<min(300, bytes.count, start + piece)]))
        }
        try socket.socket.send(Array(bytes.dropFirst(300)))
        #expect(try socket.read()?.line == "pong still there")
        #expect(try socket.text() == "hello")
        #expect(try socket.read()?.payload.count == 20_000)
      }
    }

    @Test func bytesThatCameWithTheHandshakeAreNotLost() throws {
      let upstream = try ScriptedUpstream { try $0.accept().echo() }
      let fixture = try fixture(to: upstream)
      let client = try fixture.client()
      let peer = WebSocketPeer(client.socket, client.reader, masks: true)
      try client.socket.send(
        Array(WebSocketPeer.handshake().utf8)
          + peer.bytes(.init(opcode: 1, payload: Array("alice-key".utf8)))
          + peer.bytes(.init(opcode: 1, payload: Array("hello".utf8))))
      #expect(try client.reader.readHead()?.status == 101)
      #expect(try peer.text() == "hello")
    }

    @Test func aKeyInTheHandshakeNeedsNoMessage() throws {
      let upstream = try ScriptedUpstream { try $0.accept().echo() }
      let fixture = try fixture(to: upstream)
      let socket = try fixture.client().open("apikey: alice-key")
      try socket.send(text: "first")
      #expect(try socket.text() == "first")
      let refused = try fixture.client().exchange(
        WebSocketPeer.handshake("apikey: wrong"))
      #expect(refused.status == 401)
    }

    @Test(arguments: ["wrong", "", "{\"token\":\"alice-key\"}", "alice-key2"])
    func aWrongMessageOpensNothing(message: String) throws {
      let upstream = try ScriptedUpstream { try $0.accept().echo() }
      let fixture = try fixture(to: upstream)
      let socket = try fixture.client().open()
      try socket.send(text: message)
      let close = try #require(try socket.read())
      #expect(close.closeCode == 4_401 && close.text.hasSuffix("unauthorized"))
      #expect(try socket.read() == nil)
      #expect(upstream.requests.isEmpty)
    }

    @Test func whoSaysNothingIsClosed() throws {
      let upstream = try ScriptedUpstream { try $0.accept().echo() }
      let fixture = try fixture(to: upstream) { $0.timeout = .milliseconds(50) }
      let socket = try fixture.client().open()
      // Pings and a part of a message are no message.
      try socket.send(.init(opcode: 9, payload: []))
      try socket.send(.init(opcode: 1, payload: Array("alice".utf8), isFinal: false))
      var frame = try socket.read()
      if frame?.opcode == 10 { frame = try socket.read() }
      #expect(frame?.closeCode == 4_401)
      #expect(try socket.read() == nil)
      #expect(upstream.requests.isEmpty)
    }

    @Test func whatIsNoMessageIsRefused() throws {
      let upstream = try ScriptedUpstream { try $0.accept().echo() }
      let fixture = try fixture(to: upstream) { $0.maxSize = ByteCount(16) }
      let cases: [(Int, (WebSocketPeer) throws -> Void)] = [
        (1_003, { try $0.send(binary: Array("alice-key".utf8)) }),
        (1_009, { try $0.send(text: String(repeating: "a", count: 17)) }),
        (1_007, { try $0.send(.init(opcode: 1, payload: [0xFF])) }),
        (1_002, { try $0.socket.send($0.bytes(.init(opcode: 1, payload: [65]), masked: false)) }),
        (1_002, { try $0.send(.init(opcode: 3, payload: [])) }),
        (1_000, { try $0.sendClose(4_000) }),
        (1_008, { for _ in 0..<20 { try $0.send(.init(opcode: 10, payload: [])) } }),
      ]
      for (code, act) in cases {
        let socket = try fixture.client().open()
        try act(socket)
        #expect(try socket.read()?.closeCode == code)
        #expect(try socket.read() == nil)
      }
      #expect(upstream.requests.isEmpty)
    }

    @Test func otherPoliciesFollowTheMessage() throws {
      let upstream = try ScriptedUpstream { try $0.accept().echo() }
      let fixture = try fixture(
        to: upstream,
        configuration: {
          var acl = Configuration.ACL()
          acl.allow = ["staff"]
          $0.all.policies[Configuration.ACL.self] = acl
        })
      let socket = try fixture.client().open()
      try socket.send(text: "alice-key")
      #expect(try socket.read()?.closeCode == 4_403)
      #expect(upstream.requests.isEmpty)
    }

    @Test(arguments: [("403 Forbidden", 4_403), ("404 Not Found", 1_008), ("503 Busy", 1_013)])
    func aTargetThatRefusesIsTold(status: String, code: Int) throws {
      let upstream = try ScriptedUpstream { peer in
        _ = try peer.readRequest()
        try peer.send("HTTP/1.1 \(status)\r\nContent-Length: 4\r\n\r\nbody")
      }
      let fixture = try fixture(to: upstream)
      let socket = try fixture.client().open()
      try socket.send(text: "alice-key")
      #expect(try socket.read()?.closeCode == code)
      #expect(try socket.read() == nil)
    }

    @Test func withoutATargetTryAgainLater() throws {
      let upstream = try ScriptedUpstream { try $0.accept().echo() }
      let fixture = try fixture(
        to: upstream,
        configuration: {
          $0.service.targets = [Configuration.Target(url: "http://127.0.0.1:1")]
        })
      let socket = try fixture.client().open()
      try socket.send(text: "alice-key")
      #expect(try socket.read()?.closeCode == 1_013)
    }

    /// The caller's first choice is what the target is offered, and has to take.
    @Test func aSubprotocolIsAgreedOnBeforehand() throws {
      for (answer, isTaken) in [("v1", true), ("v2", false), (nil, false)] {
        let upstream = try ScriptedUpstream { peer in
          if let answer {
            try peer.accept("Sec-WebSocket-Protocol: \(answer)").echo()
          } else {
            try peer.accept().echo()
          }
        }
        let fixture = try fixture(to: upstream)
        let client = try fixture.client()
        try client.send(WebSocketPeer.handshake("Sec-WebSocket-Protocol: v1, v2"))
        let head = try #require(try client.reader.readHead())
        #expect(head.status == 101 && head["Sec-WebSocket-Protocol"] == "v1")
        let socket = WebSocketPeer(client.socket, client.reader, masks: true)
        try socket.send(text: "alice-key")
        try socket.send(text: "hello")
        let frame = try #require(try socket.read())
        if isTaken { #expect(frame.text == "hello") } else { #expect(frame.closeCode == 1_011) }
        #expect(upstream.requests.first?["Sec-WebSocket-Protocol"] == "v1")
      }
    }

    /// Nobody asks the target about compression before the caller is told.
    @Test func nothingIsCompressed() throws {
      let upstream = try ScriptedUpstream { try $0.accept().echo() }
      let fixture = try fixture(to: upstream)
      let client = try fixture.client()
      try client.send(WebSocketPeer.handshake("Sec-WebSocket-Extensions: permessage-deflate"))
      let head = try #require(try client.reader.readHead())
      #expect(head.status == 101 && head["Sec-WebSocket-Extensions"] == nil)
      let socket = WebSocketPeer(client.socket, client.reader, masks: true)
      try socket.send(text: "alice-key")
      try socket.send(text: "hello")
      #expect(try socket.text() == "hello")
      #expect(upstream.requests.first?["Sec-WebSocket-Extensions"] == nil)
    }

    @Test func callersThatLeaveLeaveNothing() async throws {
      let upstream = try ScriptedUpstream { try $0.accept().echo() }
      let fixture = try fixture(to: upstream)
      for leave in [{ $0.close() }, { $0.reset() }] as [(RawSocket) -> Void] {
        let socket = try fixture.client().open()
        try socket.send(.init(opcode: 1, payload: Array("alice".utf8), isFinal: false))
        leave(socket.socket)
      }
      try await eventually("nobody is left") {
        let isBusy = await fixture.gateway.reports().contains { $0.exchangesInProgress > 0 }
        let open = await fixture.openConnections()
        return !isBusy && open == 0
      }
      #expect(upstream.requests.isEmpty)
    }

    @Test func aGatewayThatStopsDoesNotWaitForMessages() throws {
      let upstream = try ScriptedUpstream { try $0.accept().echo() }
      let fixture = try fixture(to: upstream)
      let socket = try fixture.client().open()
      fixture.shutDown()
      #expect(try socket.read() == nil)
    }

    // MARK: Tokens

    private static let secret = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    private static let good =
      "eyJhbGciOiAiSFMyNTYifQ.eyJpc3MiOiAiaHR0cHM6Ly9sb2dpbi50ZXN0LyIsICJzdWIiOiAiYWxpY2UiLCAiYXVkIjogWyJ0aW1lIiwgIm90aGVyIl0sICJleHAiOiA0MTAyNDQ0ODAwLCAicm9sZXMiOiBbInBhcnRuZXJzIiwgInN0YWZmIl0sICJlbWFpbCI6ICJhbGljZUBleGFtcGxlLnRlc3QifQ.VPdUGXLn33HZtNpCL18xlXKOdUt6_Qv0keQyqEmxihg"
    private static let forged =
      "eyJhbGciOiAiSFMyNTYifQ.eyJpc3MiOiAiaHR0cHM6Ly9sb2dpbi50ZXN0LyIsICJzdWIiOiAiYWxpY2UiLCAiYXVkIjogWyJ0aW1lIiwgIm90aGVyIl0sICJleHAiOiA0MTAyNDQ0ODAwLCAicm9sZXMiOiBbInBhcnRuZXJzIiwgInN0YWZmIl0sICJlbWFpbCI6ICJhbGljZUBleGFtcGxlLnRlc3QifQ.Tfy--UDb8QNV0TjwJSe33B85l3ythPp7_hKhjRTFlqg"

    @Test func aSignedTokenMayBeTheMessage() throws {
      for (token, isGood) in [(Self.good, true), (Self.forged, false)] {
        let upstream = try ScriptedUpstream { try $0.accept().echo() }
        let fixture = try fixture(
          to: upstream,
          configuration: {
            var jwt = Configuration.JWT()
            var key = Configuration.JWTKey()
            key.algorithm = .hs256
            key.secret = Secret(Self.secret)
            jwt.keys = [key]
            jwt.claims.consumer = "sub"
            jwt.firstMessage = Configuration.FirstMessage()
            jwt.firstMessage?.path = "$.token"
            $0.all.policies = Configuration.Policies()
            $0.all.policies[Configuration.JWT.self] = jwt
          })
        let socket = try fixture.client().open()
        try socket.send(text: "{\"token\": \"\(token)\"}")
        try socket.send(text: "hello")
        let frame = try #require(try socket.read())
        if isGood { #expect(frame.text == "hello") } else { #expect(frame.closeCode == 4_401) }
        #expect(upstream.requests.first?["X-Consumer-Username"] == (isGood ? "alice" : nil))
      }
    }

    /// The stage waits a second time, for the server's answer.
    @Test func anAuthorizationServerIsAskedAboutTheMessage() throws {
      let login = try ScriptedUpstream.answering {
        ok("{\"active\":\($0.text.contains("token=good")),\"username\":\"alice\"}")
      }
      for (token, isGood) in [("good", true), ("bad", false)] {
        let upstream = try ScriptedUpstream { try $0.accept().echo() }
        let fixture = try fixture(
          to: upstream,
          configuration: {
            var settings = Configuration.Introspection()
            settings.url = login.url + "/introspect"
            settings.clientID = "gateway"
            settings.clientSecret = Secret("p")
            settings.claims.consumer = "username"
            settings.firstMessage = Configuration.FirstMessage()
            $0.all.policies = Configuration.Policies()
            $0.all.policies[Configuration.Introspection.self] = settings
          })
        let socket = try fixture.client().open()
        try socket.send(text: token)
        try socket.send(text: "hello")
        let frame = try #require(try socket.read())
        if isGood { #expect(frame.text == "hello") } else { #expect(frame.closeCode == 4_401) }
        #expect(upstream.requests.first?["X-Consumer-Username"] == (isGood ? "alice" : nil))
      }
    }

    @Test func allMayBeNeeded() throws {
      let upstream = try ScriptedUpstream { try $0.accept().echo() }
      let fixture = try fixture(
        to: upstream,
        configuration: {
          var identify = Configuration.Identify()
          identify.require = .all
          $0.all.policies[Configuration.Identify.self] = identify
        })
      let socket = try fixture.client().open()
      try socket.send(text: "alice-key")
      try socket.send(text: "hello")
      #expect(try socket.text() == "hello")
    }
  }
}
