import SluiceConfiguration
import SluiceGateway
import SluiceReactor
import Testing

/// Keeps its requests until the test lets them go.
private final class HoldingResponder: LocalResponder {
  let bodyBudget: LocalBodyBudget? = LocalBodyBudget(bytes: 100_000, freeBytesPerBody: 1_000)
  let waiting = Locked([CheckedContinuation<Void, Never>]())

  func maxBodyBytes(of request: LocalRequest) -> Int { 80_000 }

  func answer(_ request: LocalRequest) async -> LocalAnswer {
    if request.path == "/hold" {
      await withCheckedContinuation { continuation in
        waiting.withLock { $0.append(continuation) }
      }
    }
    return LocalAnswer(status: 200, body: Array("\(request.body.count)".utf8))
  }

  func letGo() {
    let all = waiting.withLock { waiting in
      defer { waiting = [] }
      return waiting
    }
    for continuation in all { continuation.resume() }
  }
}

extension Scenarios {
  /// What bodies may take together, and that every ending gives it back.
  @Suite struct LocalBodies {
    private let responder = HoldingResponder()

    private func fixture() throws -> (fixture: Fixture, port: UInt16) {
      var options = Gateway.Options()
      options.responders = [("local", "127.0.0.1:0", responder)]
      let fixture = try Fixture(configuration(targets: ["http://127.0.0.1:9"]), options: options)
      return (fixture, try #require(fixture.port(ofListener: "local")))
    }

    private func head(_ path: String, _ framing: String) -> String {
      "POST \(path) HTTP/1.1\r\nHost: a\r\n\(framing)\r\n\r\n"
    }

    private func request(_ count: Int, to path: String = "/", sending part: Int? = nil) -> String {
      head(path, "Content-Length: \(count)") + String(repeating: "x", count: part ?? count)
    }

    private var left: Int { responder.bodyBudget?.bytesLeft ?? 0 }

    @Test(arguments: [true, false])
    func whatArrivesCountsUntilItsCallerLeaves(byReset: Bool) throws {
      let (fixture, port) = try fixture()
      do {
        let slow = try TestClient(port: port)
        try slow.send(request(80_000, sending: 79_999))
        // Its last byte may have no room yet.
        try waitUntil("what it takes") { left <= 21_001 }
        let rest = left
        let refused = try TestClient(port: port).exchange(request(30_000))
        #expect(refused.status == 503 && refused.code == "overloaded")
        #expect(refused["Retry-After"] == "1")
        // What it had got is there again, and small ones pass.
        try waitUntil("what the refused one gives back") { left == rest }
        #expect(try TestClient(port: port).exchange(request(1_000)).text == "1000")
        #expect(try TestClient(port: port).exchange(request(22_000)).text == "22000")
        try waitUntil("what the answered one gives back") { left == rest }
        if !byReset {
          slow.socket.finishWriting()
          try waitUntil("what the slow one gives back") { left == 100_000 }
        }
      }
      try waitUntil("everything") { left == 100_000 }
      #expect(try TestClient(port: port).exchange(request(80_000)).text == "80000")
      try waitUntil("everything again") { left == 100_000 }
      withExtendedLifetime(fixture) {}
    }

    @Test func whatWaitsForItsHandlerCountsThoughItsCallerHasLeft() throws {
      let (fixture, port) = try fixture()
      do {
        let client = try TestClient(port: port)
        try client.send(request(80_000, to: "/hold"))
        try waitUntil("the handler") { responder.waiting.withLock { $0.count } == 1 }
      }
      #expect(try TestClient(port: port).exchange(request(30_000)).status == 503)
      try waitUntil("what the refused one gives back") { left == 21_000 }
      responder.letGo()
      try waitUntil("everything") { left == 100_000 }
      #expect(try TestClient(port: port).exchange(request(30_000)).text == "30000")
      withExtendedLifetime(fixture) {}
    }

    /// Nobody knows how long it gets: it takes what it needs as it comes.
    @Test func aBodyInChunksTakesAsItGrows() throws {
      let (fixture, port) = try fixture()
      let client = try TestClient(port: port)
      try client.send(head("/", "Transfer-Encoding: chunked"))
      for _ in 0..<79 { try client.send("3e8\r\n" + String(repeating: "x", count: 1_000) + "\r\n") }
      try waitUntil("what it takes") { left <= 100_000 - 78_000 && left >= 21_000 }
      try client.send("3e9\r\n" + String(repeating: "x", count: 1_001) + "\r\n")
      let refused = try client.reader.readResponse()
      #expect(refused.status == 413)
      try waitUntil("everything") { left == 100_000 }
      withExtendedLifetime(fixture) {}
    }
  }
}
