import Foundation
import Glibc
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// One slow side stops the other; memory does not grow with what is sent.
  @Suite struct BackPressure {
    /// What two sockets' kernel buffers may hold, and the gateway's share, with room to spare.
    private static let bound = 24 << 20
    private static let total = 64 << 20
    private static let block = [UInt8](repeating: 7, count: 256 * 1_024)

    /// What `count` is when it has stopped growing.
    private func stalled(_ count: () -> Int) throws -> Int {
      var last = 0
      try waitUntil("a stall") {
        let before = last
        last = count()
        if last > 0 && last == before { return true }
        usleep(100_000)
        return false
      }
      return last
    }

    @Test func aDownloadWaitsForItsReader() throws {
      let sent = Counter()
      let upstream = try ScriptedUpstream { peer in
        _ = try peer.readRequest()
        try peer.send("HTTP/1.1 200 OK\r\nContent-Length: \(Self.total)\r\n\r\n")
        for _ in 0..<(Self.total / Self.block.count) {
          try peer.socket.send(Self.block)
          sent.add(Self.block.count)
        }
        _ = try peer.reader.readToEnd()
      }
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client(receiveBuffer: 16_384)
      try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(try stalled { sent.value } < Self.bound)
      let response = try client.reader.readResponse()
      #expect(response.body.count == Self.total)
      #expect(sent.value == Self.total)
    }

    @Test func anUploadWaitsForItsTarget() throws {
      let gate = Gate()
      let received = Counter()
      let upstream = try ScriptedUpstream { peer in
        guard try peer.reader.readHead() != nil else { return }
        gate.wait()
        var count = peer.reader.buffer.count
        while count < Self.total { count += try peer.socket.receive(atMost: 1 << 20).count }
        received.add(count)
        try peer.send(ok("thanks"))
      }
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client()
      let sent = Counter()
      let socket = client.socket
      try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(Self.total)\r\n\r\n")
      Thread.detachNewThread {
        for _ in 0..<(Self.total / Self.block.count) {
          guard (try? socket.send(Self.block)) != nil else { return }
          sent.add(Self.block.count)
        }
      }
      #expect(try stalled { sent.value } < Self.bound)
      gate.open()
      #expect(try client.reader.readResponse().text == "thanks")
      #expect(received.value == Self.total)
    }

    @Test func aSessionWaitsForBothSides() throws {
      let gate = Gate()
      let sent = Counter()
      let upstream = try ScriptedUpstream { peer in
        let socket = try peer.accept()
        for _ in 0..<(Self.total / Self.block.count) {
          try socket.send(binary: Self.block)
          sent.add(Self.block.count)
        }
        gate.wait()
      }
      let fixture = try Fixture(to: upstream) { $0.all.kind = .websocket }
      let client = try fixture.client(receiveBuffer: 16_384)
      let socket = try client.open()
      #expect(try stalled { sent.value } < Self.bound)
      var count = 0
      while count < Self.total { count += try #require(try socket.read()).payload.count }
      #expect(count == Self.total)
      gate.open()
    }

    @Test func pipelinedRequestsWaitForTheReaderOfTheirAnswers() throws {
      let responder = BigResponder()
      var options = Gateway.Options()
      options.responders = [(name: "big", address: "127.0.0.1:0", responder: responder)]
      let fixture = try Fixture(configuration(targets: ["http://127.0.0.1:1"]), options: options)
      let port = try #require(fixture.port(ofListener: "big"))
      let client = try TestClient(port: port, receiveBuffer: 4_096)
      let requests = 1_500
      try client.send(
        String(repeating: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", count: requests))
      // Ninety megabytes of answers that nobody reads.
      #expect(try stalled { responder.answers.value } * BigResponder.size < Self.bound)
      for _ in 0..<requests {
        #expect(try client.reader.readResponse().body.count == BigResponder.size)
      }
    }

    @Test func eventsArriveAsTheyAreSent() throws {
      let turns = DispatchSemaphore(value: 0)
      let upstream = try ScriptedUpstream { peer in
        _ = try peer.readRequest()
        try peer.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        for event in 0..<20 {
          try peer.send("data: \(event)\n\n")
          // The next one only after the caller has this one.
          if turns.wait(timeout: .now() + 10) == .timedOut { return }
        }
      }
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client()
      try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      for event in 0..<20 {
        while !String(decoding: client.reader.buffer, as: UTF8.self).contains("data: \(event)\n\n")
        {
          try #require(try client.reader.fill())
        }
        turns.signal()
      }
      #expect(try !client.reader.readResponse().isTruncated)
    }

    @Test(arguments: ["length", "chunked"]) func largeBodiesArriveAsTheyWere(framing: String) throws
    {
      let kilobyte = (0..<1_024).map { UInt8(truncatingIfNeeded: $0 * $0 / 7 + $0) }
      // A period that no buffer's size divides.
      let megabyte = Array(
        [[UInt8]](repeating: Array(kilobyte[..<1_021]), count: 1_028).joined().prefix(1 << 20))
      let size = 50 << 20
      let upstream = try ScriptedUpstream { peer in
        guard let request = try peer.readRequest() else { return }
        try peer.send("HTTP/1.1 200 OK\r\nContent-Length: \(request.body.count)\r\n\r\n")
        try peer.socket.send(request.body)
        _ = try peer.reader.readToEnd()
      }
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client()
      let socket = client.socket
      Thread.detachNewThread {
        let field = framing == "length" ? "Content-Length: \(size)" : "Transfer-Encoding: chunked"
        try? socket.send("POST / HTTP/1.1\r\nHost: a\r\n\(field)\r\n\r\n")
        for _ in 0..<50 {
          if framing == "chunked" { try? socket.send("100000\r\n") }
          try? socket.send(megabyte)
          if framing == "chunked" { try? socket.send("\r\n") }
        }
        if framing == "chunked" { try? socket.send("0\r\n\r\n") }
      }
      let response = try client.reader.readResponse()
      #expect(response.body.count == size)
      for part in 0..<50 {
        let slice = response.body[(part << 20)..<((part + 1) << 20)]
        #expect(Array(slice) == megabyte, "megabyte \(part)")
      }
    }
  }
}

/// Answers everything with a large body.
final class BigResponder: LocalResponder {
  static let size = 65_536
  let answers = Counter()

  func answer(_ request: LocalRequest) async -> LocalAnswer {
    answers.add(1)
    return LocalAnswer(status: 200, body: [UInt8](repeating: 7, count: Self.size))
  }
}
