import Foundation
import SluiceConfiguration
import SluiceGateway
import SluiceReactor
import SluiceWire
import Testing

extension Scenarios {
  /// The corpus against the running gateway: nothing ambiguous gets through, in neither direction.
  @Suite struct Malformed {
    private static let statuses = Dictionary(
      uniqueKeysWithValues: HeadError.allCases.map { ("\($0.code)", $0.status) })

    /// Cases that end before their head does can only time out.
    private static let refused = Corpus.requests.filter {
      $0.expected != "ok" && $0.expected != "incomplete-head"
    }

    @Test func everyMalformedRequestIsRefusedAndNothingReachesTheTarget() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) {
        $0.web.timeouts.head = .milliseconds(300)
        // Its preface is among them.
        $0.web.http2.enabled = false
      }
      for entry in Self.refused {
        let client = try fixture.client()
        // Behind the attack waits what it would smuggle.
        try? client.socket.send(entry.bytes + Array("GET /after HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
        let response = try client.reader.readResponse()
        #expect(response.status == Self.statuses[entry.expected], "\(entry.testDescription)")
        #expect(response["Connection"] == "close", "\(entry.testDescription)")
        #expect(response.code != nil, "\(entry.testDescription)")
        #expect(try client.isClosedByGateway(), "\(entry.testDescription)")
      }
      #expect(Self.refused.count > 150)
      #expect(upstream.connectionCount == 0)
    }

    /// The path alone is wrong: it is said why, and the next request is read.
    @Test(arguments: [
      ("/a%2Fb", PathError.encodedSlash), ("/../a", .aboveRoot), ("/a%00", .encodedNul),
      ("/a%0A", .encodedControl), ("/%zz", .invalidEscape), ("/a/..;x/b", .dotParameters),
    ])
    func aPathThatMeansNothingIsRefusedWithItsReason(path: String, error: PathError) throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client()
      let refused = try client.get(path)
      #expect(refused.status == 400)
      #expect(refused.code == "malformed-request")
      #expect(refused.text.contains("\"detail\":\"\(error.text)\""))
      #expect(refused["Connection"] == nil)
      #expect(upstream.connectionCount == 0)
      #expect(try client.get("/after").status == 200)
    }

    @Test func theSameOneByteAtATime() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) { $0.web.http2.enabled = false }
      for entry in Self.refused where entry.bytes.count < 200 {
        let client = try fixture.client()
        // The refusal may come before the last byte.
        for byte in entry.bytes where (try? client.socket.send([byte])) == nil { break }
        client.socket.finishWriting()
        let received = try client.reader.readToEnd()
        if received.isEmpty { continue }
        let text = String(decoding: received, as: UTF8.self)
        #expect(
          text.hasPrefix("HTTP/1.1 \(Self.statuses[entry.expected] ?? 0) "),
          "\(entry.testDescription)")
      }
      #expect(upstream.connectionCount == 0)
    }

    @Test func everyMalformedChunkedBodyIsRefusedAndNeverWhole() throws {
      let upstream = try ScriptedUpstream { peer in
        // Answers only what is whole.
        while let request = try peer.readRequest(), !request.isTruncated {
          try peer.send(ok("whole"))
        }
      }
      let fixture = try Fixture(to: upstream)
      let cases = Corpus.chunked.filter { $0.expected != "ok" }
      for entry in cases {
        let client = try fixture.client()
        try? client.socket.send(
          Array("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
            + entry.bytes + Array("GET /after HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
        client.socket.finishWriting()
        let received = try client.reader.readToEnd()
        let text = String(decoding: received, as: UTF8.self)
        #expect(text.isEmpty || text.hasPrefix("HTTP/1.1 400 "), "\(entry.testDescription)")
      }
      #expect(cases.count > 20)
      try waitUntil { upstream.endedCount == upstream.connectionCount }
      #expect(upstream.requests.allSatisfy { $0.isTruncated })
    }

    @Test func everyMalformedResponseIsABadGatewayAndItsConnectionIsNotUsedAgain() throws {
      let cases = Corpus.responses.filter {
        $0.expected != "ok" && $0.expected != "incomplete-head" && $0.subject != "CONNECT"
      }
      let upstream = try ScriptedUpstream { peer in
        while let request = try peer.readRequest() {
          let index = Int(request.target.dropFirst()) ?? 0
          try peer.socket.send(cases[index].bytes + Array(ok("smuggled").utf8))
        }
      }
      let fixture = try Fixture(to: upstream) { $0.service.health.failures = 0 }
      let client = try fixture.client()
      for (index, entry) in cases.enumerated() {
        let response = try client.exchange(
          "\(entry.subject) /\(index) HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(response.status == 502, "\(entry.testDescription)")
        #expect(response["X-Injected"] == nil, "\(entry.testDescription)")
        #expect(upstream.connectionCount == index + 1, "\(entry.testDescription)")
      }
      #expect(cases.count > 40)
    }

    @Test func malformedResponseBodiesCutTheResponseVisibly() throws {
      let cases = Corpus.chunked.filter { $0.expected != "ok" }
      let upstream = try ScriptedUpstream { peer in
        while let request = try peer.readRequest() {
          let index = Int(request.target.dropFirst()) ?? 0
          try peer.socket.send(
            Array("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
              + cases[index].bytes)
          peer.socket.finishWriting()
        }
      }
      let fixture = try Fixture(to: upstream) { $0.service.health.failures = 0 }
      for (index, entry) in cases.enumerated() {
        let new = try fixture.get("/\(index)")
        #expect(new.status == 200 && new.isTruncated, "\(entry.testDescription)")
        let old = try fixture.client().exchange("GET /\(index) HTTP/1.0\r\n\r\n")
        #expect(old.wasReset, "\(entry.testDescription)")
      }
    }

    @Test func bytesBehindAResponseAreNobodysResponse() throws {
      let upstream = try ScriptedUpstream { peer in
        while try peer.readRequest() != nil {
          try peer.send(ok("mine") + ok("smuggled"))
        }
      }
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client()
      for _ in 0..<5 { #expect(try client.get("/").text == "mine") }
      #expect(upstream.connectionCount == 5)
    }

    /// The bytes come while the connection is idle, and the loop learns of them in the same turn as of
    /// the next request, but after it.
    @Test func bytesOnAnIdleConnectionAreNobodysResponse() throws {
      let (stall, smuggle, smuggled) = (StallingResponder(), Gate(), Gate())
      let upstream = try ScriptedUpstream { peer in
        _ = try peer.readRequest()
        try peer.send(ok("mine"))
        if peer.index == 0 {
          smuggle.wait()
          try peer.send(ok("smuggled"))
          smuggled.open()
        }
        _ = try peer.reader.readToEnd()
      }
      var options = Gateway.Options()
      options.responders = [(name: "stall", address: "127.0.0.1:0", responder: stall)]
      let fixture = try Fixture(configuration(targets: [upstream.url]), options: options)
      let client = try fixture.client()
      #expect(try client.get("/").text == "mine")

      let staller = try TestClient(port: try #require(fixture.port(ofListener: "stall")))
      try staller.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
      stall.isStalled.wait()
      // The worker stands still: this arrives first, that second, both before it looks.
      try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      smuggle.open()
      smuggled.wait()
      stall.mayGoOn.open()
      #expect(try client.reader.readResponse().text == "mine")
      #expect(upstream.connectionCount == 2)
    }

    /// The response fills the read exactly, so the bytes behind it are still in the kernel when the
    /// connection goes to the exchange that waits for it.
    @Test func bytesBehindAFullReadAreNobodysResponse() throws {
      let (stall, answer, answered) = (StallingResponder(), Gate(), Gate())
      let upstream = try ScriptedUpstream { peer in
        guard let request = try peer.readRequest() else { return }
        if request.target != "/first" { return try peer.send(ok("mine")) }
        answer.wait()
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 73000\r\nX-Filler: "
        let filler = EventLoop.readBufferSize - 73_000 - head.utf8.count - 4
        try peer.send(
          head + String(repeating: "x", count: filler) + "\r\n\r\n"
            + String(repeating: "y", count: 73_000) + ok("smuggled"))
        answered.open()
        _ = try peer.reader.readToEnd()
      }
      var options = Gateway.Options()
      options.responders = [(name: "stall", address: "127.0.0.1:0", responder: stall)]
      let fixture = try Fixture(
        configuration(targets: [upstream.url]) { $0.service.connections.maxPerTarget = 1 },
        options: options)
      let first = try fixture.client()
      try first.send("GET /first HTTP/1.1\r\nHost: a\r\n\r\n")
      try waitUntil { upstream.requests.count == 1 }
      let second = try fixture.client()
      try second.send("GET /second HTTP/1.1\r\nHost: a\r\n\r\n")
      let staller = try TestClient(port: try #require(fixture.port(ofListener: "stall")))
      try staller.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
      stall.isStalled.wait()
      answer.open()
      answered.wait()
      stall.mayGoOn.open()
      #expect(try first.reader.readResponse().body.count == 73_000)
      #expect(try second.reader.readResponse().text == "mine")
    }

    /// The log says what was malformed, on either side, and nothing of a target that was tried in vain before.
    @Test func theLogNamesTheFault() throws {
      let upstream = try ScriptedUpstream.answering { request in
        switch request.target {
        case "/head": "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n"
        case "/length": "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"
        case "/chunk": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"
        default: ok("fine")
        }
      }
      let log = FileManager.default.temporaryDirectory.appendingPathComponent(
        "sluice-fault-\(UUID().uuidString).log")
      defer { try? FileManager.default.removeItem(at: log) }
      let fixture = try Fixture(to: upstream) {
        $0.accessLog.format = .json
        $0.accessLog.output = log.path
      }
      let calls: [(head: String, code: String, fault: String?)] = [
        ("GET /head HTTP/1.1\r\nHost: a\r\n", "upstream-malformed", "bare-line-feed"),
        ("GET /length HTTP/1.1\r\nHost: a\r\n", "upstream-malformed", "duplicate-content-length"),
        ("GET /chunk HTTP/1.1\r\nHost: a\r\n", "upstream-reset", "invalid-chunk-size"),
        ("GET /a%2Fb HTTP/1.1\r\nHost: a\r\n", "malformed-request", "path-encoded-slash"),
        ("GET / HTTP/1.1\r\n", "malformed-request", "missing-host"),
        ("GET / HTTP/2.1\r\nHost: a\r\n", "version-not-supported", "unsupported-version"),
        ("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n", "connect-refused", nil),
      ]
      for (index, call) in calls.enumerated() {
        let client = try fixture.client()
        try client.send(call.head + "Connection: close\r\n\r\n")
        _ = try client.reader.readToEnd()
        func lines() -> [Substring] {
          ((try? String(contentsOf: log, encoding: .utf8)) ?? "").split(separator: "\n")
        }
        try waitUntil { lines().count == index + 1 }
        let line = try #require(lines().last)
        let fault = call.fault.map { ",\"fault\":\"\($0)\"" } ?? ""
        #expect(line.contains("\"code\":\"\(call.code)\"\(fault),\"duration\""), "\(line)")
      }
    }

    /// By HTTP/2 rules of HTTP/1.1 and paths have names, its own rules do not.
    @Test func byHTTP2TheLogNamesWhatHTTP1HasANameFor() throws {
      let log = FileManager.default.temporaryDirectory.appendingPathComponent(
        "sluice-fault-\(UUID().uuidString).log")
      defer { try? FileManager.default.removeItem(at: log) }
      let fixture = try Fixture(to: .echoing()) {
        $0.web.limits.uri = ByteCount(512)
        $0.accessLog.format = .json
        $0.accessLog.output = log.path
      }
      let client = try fixture.http2()
      #expect(try client.get("/" + String(repeating: "a", count: 600)).status == 414)
      #expect(try client.get("/a%2Fb").status == 400)
      _ = try client.get("/", [("host", "other.test")])
      func lines() -> [Substring] {
        ((try? String(contentsOf: log, encoding: .utf8)) ?? "").split(separator: "\n")
      }
      try waitUntil { lines().count == 3 }
      for (line, expected) in zip(
        lines(),
        [
          "\"code\":\"uri-too-long\",\"fault\":\"target-too-long\",",
          "\"code\":\"malformed-request\",\"fault\":\"path-encoded-slash\",",
          "\"code\":\"malformed-request\",\"duration\"",
        ])
      { #expect(line.contains(expected), "\(line)") }
    }

    @Test func switchingProtocolsUnaskedIsABadGateway() throws {
      let upstream = try ScriptedUpstream.answering { _ in
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
      }
      let fixture = try Fixture(to: upstream)
      let response = try fixture.get("/", "Connection: Upgrade", "Upgrade: websocket")
      #expect(response.status == 502)
      #expect(response.code == "upstream-malformed")
      #expect(upstream.requests.first?["Upgrade"] == nil)
    }
  }
}

/// Keeps its worker from turning until it is told.
private final class StallingResponder: LocalResponder {
  let isStalled = Gate()
  let mayGoOn = Gate()

  func answer(_ request: LocalRequest) async -> LocalAnswer {
    isStalled.open()
    mayGoOn.wait()
    return LocalAnswer(status: 200, body: [])
  }
}
