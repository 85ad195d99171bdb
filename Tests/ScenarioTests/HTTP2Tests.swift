import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// Callers who speak HTTP/2, to targets who don't.
  @Suite struct HTTP2 {
    // MARK: Requests and responses

    @Test func requestsPassByPriorKnowledge() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) {
        $0.web.forwarded.forwarded = true
        $0.web.forwarded.via = "sluice"
      }
      let client = try fixture.http2()
      let response = try client.get(
        "/a/../b?c=d", [("x-one", "1"), ("cookie", "a=1"), ("cookie", "b=2"), ("te", "trailers")])
      #expect(response.status == 200)
      #expect(response.text == "/b?c=d")
      #expect(response["content-length"] == "6")
      let request = try #require(upstream.requests.first)
      #expect(request.startLine == "GET /b?c=d HTTP/1.1")
      #expect(request.values("Host") == ["gateway.test"])
      #expect(request.values("Cookie") == ["a=1; b=2"])
      #expect(request["X-One"] == "1")
      #expect(request["Via"] == "2.0 sluice")
      #expect(request["X-Forwarded-Proto"] == "http")
      #expect(request["X-Forwarded-For"] == "127.0.0.1")
      #expect(request["X-Forwarded-Host"] == "gateway.test")
      for name in ["TE", "Connection", "Transfer-Encoding", "HTTP2-Settings"] {
        #expect(request[name] == nil)
      }
      #expect(try client.get("/again").text == "/again")
    }

    @Test func thePrefaceMayComeInPieces() throws {
      let fixture = try Fixture(to: .echoing())
      let socket = try RawSocket(port: fixture.port)
      let bytes =
        HTTP2Frame.preface + HTTP2Frame.settings().bytes
        + HTTP2Frame.headers(1, HTTP2Frame.request()).bytes
      for byte in bytes { try socket.send([byte]) }
      let received = HTTP2Received()
      while !received[1].isOver { received.receive(try socket.receive()) }
      #expect(received[1].status == 200)
    }

    @Test func manyRequestsAreUnderWayAtOnce() throws {
      let gate = Gate()
      let upstream = try ScriptedUpstream { peer in
        while let request = try peer.readRequest() {
          if request.target == "/0" { gate.wait() }
          try peer.send(ok(request.target))
        }
      }
      let fixture = try Fixture(to: upstream)
      let client = try fixture.http2()
      let ids = try (0..<50).map { try client.begin("GET", "/\($0)") }
      for (index, id) in ids.enumerated().dropFirst() {
        #expect(try client.response(id).text == "/\(index)")
      }
      #expect(!client.received[ids[0]].isOver)
      gate.open()
      #expect(try client.response(ids[0]).text == "/0")
    }

    @Test func bodiesAndTrailersPassBothWays() throws {
      let upstream = try ScriptedUpstream.answering { request in
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\(String(request.body.count, radix: 16))\r\n"
          + request.text + "\r\n0\r\nX-Sum: \(request.body.count)\r\n\r\n"
      }
      let fixture = try Fixture(to: upstream)
      let client = try fixture.http2()
      let id = try client.begin("POST", "/", end: false)
      try client.send(.data(id, Array("hello ".utf8)), .data(id, Array("world".utf8)))
      try client.send(.headers(id, [("x-trailer", "1"), ("x-consumer-id", "forged")]))
      let response = try client.response(id)
      #expect(response.text == "hello world")
      #expect(response.heads.last?.contains { $0.name == "x-sum" && $0.value == "11" } == true)
      let request = try #require(upstream.requests.first)
      #expect(request["Transfer-Encoding"] == "chunked")
      #expect(request.trailers.map(\.name).map { $0.lowercased() } == ["x-trailer"])
      // With a length, it is passed on.
      let second = try client.begin("POST", "/", [("content-length", "3")], end: false)
      try client.send(.data(second, Array("abc".utf8), end: true))
      #expect(try client.response(second).text == "abc")
      #expect(upstream.requests.last?["Content-Length"] == "3")
    }

    @Test func responsesWithoutBodyEndWithTheirHead() throws {
      let upstream = try ScriptedUpstream.answering { request in
        switch request.target {
        case "/204": "HTTP/1.1 204 No Content\r\n\r\n"
        case "/304": "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nETag: \"a\"\r\n\r\n"
        case "/empty": ok("")
        default: "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"
        }
      }
      let fixture = try Fixture(to: upstream)
      let client = try fixture.http2()
      for (method, path, status, length) in [
        ("GET", "/204", 204, nil), ("GET", "/304", 304, "7"), ("GET", "/empty", 200, "0"),
        ("HEAD", "/", 200, "7"),
      ] {
        let response = try client.response(client.begin(method, path))
        #expect(response.status == status)
        #expect(response["content-length"] == length)
        #expect(response.body.isEmpty)
        #expect(response.resetCode == nil)
      }
      #expect(client.received.frames.filter { $0.kind == HTTP2Frame.Kind.data }.isEmpty)
    }

    @Test func earlyHintsAndContinuePass() throws {
      let upstream = try ScriptedUpstream { peer in
        while let request = try peer.readRequest() {
          try peer.send(
            "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: x\r\n\r\n" + ok(request.target))
        }
      }
      let fixture = try Fixture(to: upstream)
      let response = try fixture.http2().get("/")
      #expect(response.statuses == [103, 200])
      #expect(response["link"] == "</a>")
      #expect(response["connection"] == nil)
    }

    @Test func largeBodiesPassUnchanged() throws {
      let body = randomBytes(3_000_000)
      let upstream = try ScriptedUpstream { peer in
        while let request = try peer.readRequest() {
          try peer.send("HTTP/1.1 200 OK\r\nContent-Length: \(request.body.count)\r\n\r\n")
          try peer.socket.send(request.body)
        }
      }
      let fixture = try Fixture(to: upstream)
      // Windows far smaller than the body, both ways.
      let client = try fixture.http2(window: 30_000)
      let id = try client.begin("POST", "/", [("content-length", "\(body.count)")], end: false)
      var sent = 0
      while sent < body.count {
        let open = min(
          65_535 + client.received[id].window, 65_535 + client.received[0].window)
        let count = min(16_384, body.count - sent, open - sent)
        if count <= 0 {
          try client.step()
          continue
        }
        try client.send(
          .data(id, Array(body[sent..<(sent + count)]), end: sent + count == body.count))
        sent += count
      }
      var granted = 30_000
      while !client.received[id].isOver {
        let got = client.received[id].body.count
        if granted - got < 20_000 {
          try client.send(.windowUpdate(id, 30_000))
          granted += 30_000
        }
        try client.step()
      }
      #expect(client.received[id].body == body)
    }

    @Test func errorsAreProblemsAsByHTTP1() throws {
      let fixture = try Fixture(to: .echoing()) {
        $0.all.match.prefix = "/known"
        $0.all.match.methods = ["GET"]
        $0.all.maxBodySize = ByteCount(4)
        var socket = Configuration.Route()
        socket.kind = .websocket
        socket.service = "service"
        socket.match.path = "/socket"
        $0.routes["socket"] = socket
      }
      let client = try fixture.http2()
      let missing = try client.get("/unknown")
      #expect(missing.status == 404)
      #expect(missing.code == "no-route")
      #expect(missing["date"] != nil)
      let method = try client.response(client.begin("DELETE", "/known"))
      #expect(method.status == 405)
      #expect(method["allow"]?.contains("GET") == true)
      // A GET begins no session here.
      let socket = try client.get("/socket")
      #expect(socket.status == 426)
      #expect(socket["upgrade"] == nil)
      #expect(socket["connection"] == nil)
      let connect = 7
      try client.send(
        .headers(connect, [(":method", "CONNECT"), (":authority", "a.test:443")], end: false))
      let refused = try client.response(connect)
      #expect(refused.status == 405)
      #expect(refused.code == "connect-refused")
      // The stream's numbers go on.
      let fields = [HTTP2Frame.Field(":method", "GET")] + HTTP2Frame.request().dropFirst()
      try client.send(.headers(9, fields + [("content-length", "5")], end: false))
      #expect(try client.response(9).status == 404)
    }

    private static let malformed: [[HTTP2Frame.Field]] = [
      [("host", "other.test")], [("content-length", "5")], [("transfer-encoding", "chunked")],
      [("connection", "close")], [("upgrade", "websocket")], [("te", "gzip")], [("x", "a\r\nb: c")],
      [("X-Upper", "1")], [(":path", "/b")],
    ]

    /// Each is refused, whichever of the two layers does, and no target sees anything.
    @Test(arguments: malformed)
    func malformedRequestsNeverReachTheTarget(fields: [HTTP2Frame.Field]) throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream)
      let client = try fixture.http2()
      let response = try client.get("/", fields)
      #expect(response.resetCode == 1 || response.status == 400)
      #expect(try client.get("/fine").text == "/fine")
      #expect(upstream.requests.map(\.target) == ["/fine"])
    }

    @Test func aRefusalIsFollowedByTheStreamsError() throws {
      let fixture = try Fixture(to: .echoing()) {
        $0.web.limits.head = .kibibytes(1)
        $0.web.limits.uri = ByteCount(512)
      }
      let client = try fixture.http2()
      let id = try client.begin("POST", "/", [("host", "other.test")], end: false)
      try client.read { $0[id].resetCode != nil }
      let response = client.received[id]
      #expect(response.status == 400)
      #expect(response.code == "malformed-request")
      #expect(response.isEnded)
      #expect(response.resetCode == 1)
      let large = try client.get("/", [("x", String(repeating: "a", count: 2_000))])
      #expect(large.status == 431)
      #expect(large.code == "head-too-large")
      #expect(try client.get("/" + String(repeating: "a", count: 600)).status == 414)
      #expect(try client.get("/fine").status == 200)
    }

    @Test func byHTTP1ItIsStillSpoken() throws {
      let fixture = try Fixture(to: .echoing())
      let client = try fixture.client()
      #expect(try client.get("/").status == 200)
      // Only the first bytes are a preface.
      let late = try client.exchange("PRI * HTTP/2.0\r\n\r\n")
      #expect(late.status == 505)
      // And Upgrade is not how it begins.
      let upgrade = try fixture.client().get(
        "/", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")
      #expect(upgrade.status == 200)
    }

    @Test func itCanBeTurnedOff() throws {
      let fixture = try Fixture(to: .echoing()) { $0.web.http2.enabled = false }
      let answer = try fixture.client().exchange("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
      #expect(answer.status == 505)
    }

    // MARK: Ends

    @Test func aTargetThatDiesMidBodyResetsTheStream() throws {
      let upstream = try ScriptedUpstream { peer in
        _ = try peer.readRequest()
        try peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
      }
      let fixture = try Fixture(to: upstream)
      let client = try fixture.http2()
      let response = try client.get("/")
      #expect(response.status == 200)
      #expect(response.resetCode == 2)
      #expect(!response.isEnded)
      // Others on the connection are not concerned.
      #expect(try client.get("/").status == 200)
    }

    @Test func aStreamThatItsCallerResetsFreesTheTarget() throws {
      let upstream = try ScriptedUpstream { peer in
        while let request = try peer.readRequest() {
          if request.target == "/slow" { _ = try peer.reader.readToEnd() }
          try peer.send(ok(request.target))
        }
      }
      let fixture = try Fixture(to: upstream)
      let client = try fixture.http2()
      let id = try client.begin("GET", "/slow")
      try waitUntil { upstream.requests.count == 1 }
      try client.send(.reset(id, 8))
      try waitUntil { upstream.endedCount == 1 }
      #expect(try client.get("/next").text == "/next")
    }

    @Test func aConnectionThatBreaksFreesEveryTarget() throws {
      let upstream = try ScriptedUpstream { peer in
        _ = try peer.readRequest()
        _ = try peer.reader.readToEnd()
      }
      let fixture = try Fixture(to: upstream)
      let client = try fixture.http2()
      for _ in 0..<5 { try client.begin() }
      try waitUntil { upstream.requests.count == 5 }
      client.socket.reset()
      try waitUntil { upstream.endedCount == 5 }
    }

    @Test func aDrainSaysGoodbye() throws {
      let gate = Gate()
      let upstream = try ScriptedUpstream { peer in
        while let request = try peer.readRequest() {
          if request.target == "/slow" { gate.wait() }
          try peer.send(ok(request.target))
        }
      }
      let fixture = try Fixture(to: upstream) { $0.shutdown.timeout = .seconds(60) }
      let client = try fixture.http2()
      let slow = try client.begin("GET", "/slow")
      try waitUntil { upstream.requests.count == 1 }
      let gateway = fixture.gateway
      let ended = Gate()
      Thread.detachNewThread {
        gateway.shutDown()
        ended.open()
      }
      try client.read { !$0.goAways.isEmpty }
      #expect(client.received.goAways.first?.last == 0x7FFF_FFFF)
      try client.read { $0.goAways.count == 2 }
      #expect(client.received.goAways.map(\.code) == [0, 0])
      #expect(client.received.goAways.last?.last == slow)
      gate.open()
      #expect(try client.response(slow).text == "/slow")
      try client.readToEnd()
      #expect(!client.wasReset)
      client.socket.close()
      ended.wait()
      #expect(ended.hasOpened)
      fixture.wasShutDown()
    }

    @Test func theLastAllowedRequestEndsTheConnection() throws {
      let fixture = try Fixture(to: .echoing()) { $0.web.limits.requestsPerConnection = 2 }
      let client = try fixture.http2()
      #expect(try client.get("/1").text == "/1")
      #expect(try client.get("/2").text == "/2")
      try client.readToEnd()
      #expect(client.received.goAways.map(\.last) == [3])
      #expect(!client.wasReset)
    }

    // MARK: TLS

    @Test func overTLSItIsAgreedOn() async throws {
      let authority = TestAuthority()
      let identity = authority.issue("localhost", names: ["DNS:localhost"], .ecdsa)
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) {
        $0.web.tls = Configuration.ListenerTLS(identity)
        $0.web.timeouts.handshake = .seconds(600)
      }
      let client = try fixture.http2(TestTLSSettings(trusting: authority, protocols: ["h2"]))
      #expect(client.socket.tls?.negotiated == "h2")
      for turn in 0..<3 { #expect(try client.get("/\(turn)").text == "/\(turn)") }
      #expect(upstream.requests.first?["X-Forwarded-Proto"] == "https")
      let reports = await fixture.gateway.reports()
      #expect(reports.map(\.http2Connections) == [1])
      #expect(reports.map(\.http2Requests) == [3])
      // Who agreed on HTTP/1.1 can't begin by the preface.
      let other = try fixture.client(TestTLSSettings(trusting: authority, protocols: ["http/1.1"]))
      #expect(try other.exchange("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").status == 505)
    }
  }
}
