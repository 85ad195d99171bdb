import Foundation
import SluiceConfiguration
import SluiceGateway
import SluiceReactor
import Testing

extension Scenarios {
  /// WebSockets to targets that speak HTTP/2 (RFC 8441): to a session nothing is different.
  @Suite struct HTTP2TargetWebSockets {
    // MARK: The handshake

    @Test func aHandshakeOfHTTP1BecomesAnExtendedCONNECT() async throws {
      let seen = HTTP2Handshakes()
      let upstream = try ScriptedUpstream.http2Sockets { peer in
        let socket = try peer.accept(
          1,
          [
            ("sec-websocket-protocol", "chat"), ("sluice-label-room", "7"), ("x-two", "2"),
            // RFC 8441 5: of no use.
            ("sec-websocket-accept", "nonsense"),
            // RFC 9110 9.3.6: to be ignored.
            ("content-length", "5"),
          ])
        seen.add(socket.stream)
        try socket.echo()
        try peer.readToEnd()
      }
      let fixture = try Fixture.http2Sockets(to: upstream)
      let client = try fixture.client()
      let handshake = WebSocketPeer.handshake(
        "Sec-WebSocket-Protocol: chat", "X-One: 1", "Origin: http://gateway.test",
        "Cookie: a=1", path: "/a/../b?c=d")
      try client.send(handshake)
      let head = try #require(try client.reader.readHead())
      #expect(head.status == 101)
      #expect(
        head["Sec-WebSocket-Accept"]
          == String(
            decoding: WebSocketAccept.value(forKey: Array(WebSocketPeer.key.utf8).span),
            as: UTF8.self))
      #expect(head.values("Sec-WebSocket-Accept").count == 1)
      #expect(head["Sec-WebSocket-Protocol"] == "chat")
      #expect(head["X-Two"] == "2")
      #expect(head["Sluice-Label-Room"] == nil)
      let socket = WebSocketPeer(client.socket, client.reader, masks: true)
      try socket.send(text: "hello")
      #expect(try socket.text() == "hello")
      let request = try #require(seen.all.first)
      #expect(request[":method"] == "CONNECT")
      #expect(request[":protocol"] == "websocket")
      #expect(request[":scheme"] == "http")
      #expect(request[":authority"] == "gateway.test")
      #expect(request[":path"] == "/b?c=d")
      #expect(request["sec-websocket-version"] == "13")
      #expect(request["sec-websocket-protocol"] == "chat")
      #expect(request["x-one"] == "1")
      #expect(request["cookie"] == "a=1")
      for name in ["sec-websocket-key", "upgrade", "connection", "host", "content-length"] {
        #expect(request[name] == nil, "\(name)")
      }
      let infos = await fixture.gateway.page(SessionQuery()).sessions
      let info = try #require(infos.first)
      #expect(request["sluice-connection-id"] == "\(info.id)")
      #expect(info.labels == ["room": "7"] && info.subprotocol == "chat")
      #expect(info.fromClient.messages == 1 && info.fromUpstream.messages == 1)
      try socket.sendClose(4_000)
      #expect(try socket.read()?.closeCode == 4_000)
      #expect(try socket.read() == nil)
      try await fixture.ended(by: .client)
    }

    @Test(arguments: [false, true]) func byHTTP2OnBothSides(isInspected: Bool) throws {
      let upstream = try ScriptedUpstream.http2Sockets()
      let fixture = try Fixture.http2Sockets(to: upstream, isInspected: isInspected)
      let client = try fixture.http2()
      var sockets: [HTTP2WebSocket] = []
      for id in stride(from: 1, through: 19, by: 2) {
        let socket = try HTTP2WebSocket(client, stream: id)
        #expect(try socket.waitForHead().status == 200)
        sockets.append(socket)
      }
      for (index, socket) in sockets.enumerated() { try socket.send(text: "\(index)") }
      for (index, socket) in sockets.enumerated() { #expect(try socket.text() == "\(index)") }
      #expect(upstream.connectionCount == 1)
      // One's end is nobody else's.
      try sockets[0].sendClose(1_000)
      #expect(try sockets[0].read()?.closeCode == 1_000)
      #expect(try sockets[0].read() == nil)
      try sockets[1].send(text: "still")
      #expect(try sockets[1].text() == "still")
    }

    @Test(arguments: [false, true])
    func whatComesWithTheHandshakeIsNotLost(isInspected: Bool) throws {
      let upstream = try ScriptedUpstream.http2Sockets { peer in
        try peer.head(1)
        let coder = WebSocketPeer(peer.socket, MessageReader(peer.socket), masks: false)
        let hello = coder.bytes(.init(opcode: 1, payload: Array("welcome".utf8)))
        let head = HTTP2Frame.headers(1, [(":status", "200")], end: false)
        // Head and message in one packet, the message in two frames.
        try peer.socket.send(
          head.bytes + HTTP2Frame.data(1, Array(hello[..<3])).bytes
            + HTTP2Frame.data(1, Array(hello[3...])).bytes)
        try peer.read { !$0[1].body.isEmpty }
        try peer.send(.data(1, coder.bytes(.init(opcode: 1, payload: Array("got it".utf8)))))
        try peer.readToEnd()
      }
      let fixture = try Fixture.http2Sockets(to: upstream, isInspected: isInspected)
      let client = try fixture.client()
      let coder = WebSocketPeer(client.socket, client.reader, masks: true)
      try client.socket.send(
        Array(WebSocketPeer.handshake().utf8)
          + coder.bytes(.init(opcode: 1, payload: Array("at once".utf8))))
      #expect(try client.reader.readHead()?.status == 101)
      #expect(try coder.text() == "welcome")
      #expect(try coder.text() == "got it")
    }

    @Test func compressionIsAgreedOn() throws {
      let seen = HTTP2Handshakes()
      let upstream = try ScriptedUpstream.http2Sockets { peer in
        let socket = try peer.accept(
          1, [("sec-websocket-extensions", "permessage-deflate; server_no_context_takeover")])
        seen.add(socket.stream)
        // RSV1: as it came.
        while let frame = try socket.read() { try socket.answer(frame) }
        try peer.readToEnd()
      }
      let fixture = try Fixture.http2Sockets(to: upstream)
      let client = try fixture.client()
      try client.send(
        WebSocketPeer.handshake("Sec-WebSocket-Extensions: x-other, permessage-deflate"))
      let head = try #require(try client.reader.readHead())
      #expect(
        head["Sec-WebSocket-Extensions"] == "permessage-deflate; server_no_context_takeover")
      let socket = WebSocketPeer(client.socket, client.reader, masks: true)
      // "Hello" of RFC 7692 7.2.3.1.
      try client.socket.send(
        [0xC1, 0x87, 0, 0, 0, 0] + [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00])
      #expect(try socket.read()?.payload == [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00])
      // It notes the handshake behind its answer, and before it echoes.
      #expect(seen.all.first?["sec-websocket-extensions"] == "permessage-deflate")
    }

    @Test func aRefusalReachesTheCallerAndEndsTheStream() throws {
      let upstream = try ScriptedUpstream.http2Sockets { peer in
        for id in [1, 3] {
          try peer.head(id)
          try peer.send(
            .headers(
              id, [(":status", "403"), ("content-length", "4"), ("x-why", "no")], end: false),
            .data(id, Array("away".utf8), end: true))
          try peer.read { $0[id].isOver }
          #expect(peer.received[id].isEnded && peer.received[id].resetCode == nil)
        }
        try peer.accept(5).echo()
        try peer.readToEnd()
      }
      let fixture = try Fixture.http2Sockets(to: upstream)
      let client = try fixture.client()
      let refused = try client.exchange(WebSocketPeer.handshake())
      #expect(refused.status == 403 && refused.text == "away" && refused["X-Why"] == "no")
      let http2 = try fixture.http2()
      let second = try HTTP2WebSocket(http2, stream: 1)
      try http2.read { $0[1].isOver }
      #expect(second.stream.status == 403 && second.stream.text == "away")
      // The connection stays good.
      let open = try fixture.client().open()
      try open.send(text: "hello")
      #expect(try open.text() == "hello")
      #expect(upstream.connectionCount == 1)
    }

    @Test func whatIsNoAgreementIsRefused() throws {
      let answers: [(fields: [HTTP2Frame.Field], end: Bool)] = [
        ([(":status", "200")], true),
        ([(":status", "101")], false),
        ([(":status", "200"), ("sec-websocket-protocol", "other")], false),
        ([(":status", "200"), ("sec-websocket-extensions", "permessage-deflate")], false),
        ([(":status", "200"), ("upgrade", "websocket")], false),
      ]
      let upstream = try ScriptedUpstream.http2Sockets { peer in
        var id = 1
        for answer in answers {
          try peer.head(id)
          try peer.send(.headers(id, answer.fields, end: answer.end))
          try peer.read { $0[id].isOver }
          id += 2
        }
        try peer.readToEnd()
      }
      let fixture = try Fixture.http2Sockets(to: upstream) { $0.service.retries.idempotent = 0 }
      for answer in answers {
        let response = try fixture.client().exchange(
          WebSocketPeer.handshake("Sec-WebSocket-Protocol: chat"))
        #expect(response.status == 502 && response.code == "upstream-malformed", "\(answer)")
      }
      #expect(upstream.connectionCount == 1)
    }

    @Test func whoDoesNotAnswerHasADeadline() throws {
      let upstream = try ScriptedUpstream.http2Sockets { peer in
        try peer.head(1)
        try peer.read { $0[1].isOver }
        #expect(peer.received[1].resetCode == 8)
      }
      let fixture = try Fixture.http2Sockets(to: upstream) {
        $0.all.connection?.connectTimeout = .milliseconds(200)
        $0.service.retries.idempotent = 0
      }
      let response = try fixture.client().exchange(WebSocketPeer.handshake())
      #expect(response.status == 504 && response.code == "upstream-response-timeout")
    }

    @Test func theFirstMessageMaySayWhoCalls() throws {
      let seen = HTTP2Handshakes()
      let upstream = try ScriptedUpstream.http2Sockets { peer in
        let socket = try peer.accept()
        seen.add(socket.stream)
        try socket.echo()
      }
      let fixture = try Fixture.http2Sockets(to: upstream) {
        $0.consumers["alice"] = .init(keys: ["alice-key"])
        var message = Configuration.FirstMessage()
        message.timeout = .seconds(60)
        var keyAuth = Configuration.KeyAuth()
        keyAuth.firstMessage = message
        $0.all.policies[Configuration.KeyAuth.self] = keyAuth
      }
      let socket = try fixture.client().open()
      try socket.send(text: "alice-key")
      try socket.send(text: "hello")
      #expect(try socket.text() == "hello")
      #expect(seen.all.first?["x-consumer-username"] == "alice")
    }

    // MARK: Targets that take none

    @Test func withoutAnAnnouncementNoneIsSent() async throws {
      let upstream = try ScriptedUpstream.echoingHTTP2()
      let fixture = try Fixture.http2Sockets(to: upstream) {
        var plain = Configuration.Route()
        plain.kind = .http
        plain.service = "service"
        plain.match.prefix = "/plain"
        $0.routes["plain"] = plain
      }
      for _ in 0..<20 {
        let refused = try fixture.client().exchange(WebSocketPeer.handshake())
        #expect(refused.status == 502 && refused.code == "upstream-takes-no-websockets")
      }
      // Nothing is wrong with the target, and its first stream is this.
      #expect(try fixture.get("/plain").text == "/plain 0")
      #expect(upstream.connectionCount == 1)
      #expect(await fixture.gateway.sessions() == (0, [:]))
    }

    @Test func anotherTargetMayTakeThem() throws {
      let deaf = try ScriptedUpstream.echoingHTTP2()
      let upstream = try ScriptedUpstream.http2Sockets()
      let fixture = try Fixture.http2Sockets(to: upstream) {
        $0.service.targets.append(Configuration.Target(url: deaf.url))
      }
      for _ in 0..<6 {
        let socket = try fixture.client().open()
        try socket.send(text: "hello")
        #expect(try socket.text() == "hello")
      }
    }
  }
}
