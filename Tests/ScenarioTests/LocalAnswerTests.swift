import Foundation
import SluiceConfiguration
import SluiceGateway
import SluiceReactor
import Testing

/// Says what it was asked, or streams what a test sends.
private final class EchoResponder: LocalResponder {
  func maxBodyBytes(of request: LocalRequest) -> Int { 1_000 }
  let streams = Locked([LocalStream]())
  let ends = Counter()

  func answer(_ request: LocalRequest) async -> LocalAnswer {
    if request.path == "/stream" {
      var settings = LocalStream.Settings()
      settings.maxBytes = 100_000
      settings.lostNotice = { Array("<lost \($0)>".utf8) }
      settings.onEnd = { [ends] in ends.add(1) }
      let stream = LocalStream(settings)
      stream.send(Array("hello".utf8))
      var answer = LocalAnswer(status: 200, body: [])
      answer.stream = stream
      streams.withLock { $0.append(stream) }
      return answer
    }
    let kind = request.field("content-type") ?? "-"
    let text = "\(request.method) \(request.path) \(request.query ?? "-") \(kind) "
    return LocalAnswer(status: 200, body: Array(text.utf8) + request.body)
  }

  var stream: LocalStream? { streams.withLock { $0.last } }
}

extension Scenarios {
  /// What the process answers itself: bodies that are read, answers that are streamed.
  @Suite struct LocalAnswers {
    private let responder = EchoResponder()

    private func fixture() throws -> (fixture: Fixture, port: UInt16) {
      var options = Gateway.Options()
      options.responders = [("local", "127.0.0.1:0", responder)]
      let fixture = try Fixture(configuration(targets: ["http://127.0.0.1:9"]), options: options)
      return (fixture, try #require(fixture.port(ofListener: "local")))
    }

    @Test func bodiesArriveWhole() throws {
      let (fixture, port) = try fixture()
      let client = try TestClient(port: port)
      let head = "POST /a?b=c HTTP/1.1\r\nHost: a\r\nContent-Type: text/x\r\n"
      for _ in 0..<2 {
        let answer = try client.exchange(head + "Content-Length: 5\r\n\r\nhello")
        #expect(answer.text == "POST /a b=c text/x hello")
        let chunked = try client.exchange(
          head + "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n")
        #expect(chunked.text == "POST /a b=c text/x hello")
        let empty = try client.exchange(head + "Content-Length: 0\r\n\r\n")
        #expect(empty.text == "POST /a b=c text/x ")
      }
      // One byte at a time.
      for byte in (head + "Content-Length: 3\r\n\r\nabc").unicodeScalars {
        try client.send("\(byte)")
      }
      #expect(try client.reader.readResponse().text.hasSuffix(" abc"))
      withExtendedLifetime(fixture) {}
    }

    @Test(arguments: [
      "Content-Length: 1001\r\n\r\n",
      "Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + String(repeating: "x", count: 1_001),
    ])
    func bodiesThatAreTooLargeAreRefused(rest: String) throws {
      let (fixture, port) = try fixture()
      let client = try TestClient(port: port)
      let answer = try client.exchange("POST / HTTP/1.1\r\nHost: a\r\n" + rest)
      #expect(answer.status == 413)
      #expect(answer.code == "body-too-large")
      withExtendedLifetime(fixture) {}
    }

    @Test func theLargestBodyIsTaken() throws {
      let (fixture, port) = try fixture()
      let body = String(repeating: "x", count: 1_000)
      let answer = try TestClient(port: port).exchange(
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + body)
      #expect(answer.text == "PUT / - - " + body)
      withExtendedLifetime(fixture) {}
    }

    @Test func whoAsksBeforeSendingIsToldToGoOn() throws {
      let (fixture, port) = try fixture()
      let client = try TestClient(port: port)
      try client.send(
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
      #expect(try client.reader.readHead()?.status == 100)
      try client.send("ok")
      #expect(try client.reader.readResponse().text == "POST / - - ok")
      withExtendedLifetime(fixture) {}
    }

    // MARK: Streams

    private func open(_ port: UInt16, receiveBuffer: Int32? = nil) throws -> TestClient {
      let client = try TestClient(port: port, receiveBuffer: receiveBuffer)
      try client.send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(try client.reader.readHead()?["Transfer-Encoding"] == "chunked")
      #expect(try chunk(client) == "hello")
      return client
    }

    private func chunk(_ client: TestClient) throws -> String {
      var line = ""
      while !line.hasSuffix("\r\n") { line += try take(1, client) }
      let size = try #require(Int(line.dropLast(1), radix: 16))
      let text = try take(size, client)
      _ = try take(2, client)
      return text
    }

    private func take(_ count: Int, _ client: TestClient) throws -> String {
      while client.reader.buffer.count < count { try #require(try client.reader.fill()) }
      return String(decoding: client.reader.take(count), as: UTF8.self)
    }

    @Test func piecesArriveAsTheyAreSentAndThenTheEnd() throws {
      let (fixture, port) = try fixture()
      let client = try open(port)
      let stream = try #require(responder.stream)
      for piece in ["one", "two"] {
        stream.send(Array(piece.utf8))
        #expect(try chunk(client) == piece)
      }
      stream.finish()
      #expect(try chunk(client) == "")
      try waitUntil { responder.ends.value == 1 }
      // The connection goes on.
      try client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(try client.reader.readResponse().text == "GET /x - - ")
      withExtendedLifetime(fixture) {}
    }

    @Test func anOldCallerGetsItWithoutChunks() throws {
      let (fixture, port) = try fixture()
      let client = try TestClient(port: port)
      try client.send("GET /stream HTTP/1.0\r\n\r\n")
      #expect(try client.reader.readHead()?["Transfer-Encoding"] == nil)
      #expect(try take(5, client) == "hello")
      responder.stream?.finish()
      #expect(try client.reader.readToEnd().isEmpty)
      withExtendedLifetime(fixture) {}
    }

    @Test(arguments: [true, false]) func aCallerThatLeavesIsNoticed(byFIN: Bool) throws {
      let (fixture, port) = try fixture()
      do {
        let client = try open(port)
        if byFIN {
          client.socket.finishWriting()
          try waitUntil("the FIN") { responder.ends.value == 1 }
        }
      }
      try waitUntil("the end") { responder.ends.value == 1 }
      #expect(responder.stream?.send([1]) == false)
      withExtendedLifetime(fixture) {}
    }

    /// Memory is bounded, the sender never waits, and the reader is told what it missed.
    @Test func aSlowCallerLosesPiecesAndIsToldHowMany() throws {
      let (fixture, port) = try fixture()
      let client = try open(port, receiveBuffer: 4_096)
      let stream = try #require(responder.stream)
      let piece = [UInt8](repeating: UInt8(ascii: "."), count: 20_000)
      // More than kernel, connection and queue hold together.
      for _ in 0..<2_000 { stream.send(piece) }
      stream.finish()
      var pieces = 0
      var lost = 0
      while true {
        let text = try chunk(client)
        if text.isEmpty { break }
        if text.hasPrefix("<lost ") {
          lost += Int(text.dropFirst(6).dropLast()) ?? 0
        } else {
          #expect(text.utf8.count == 20_000)
          pieces += 1
        }
      }
      #expect(lost > 0)
      #expect(pieces + lost == 2_000)
      withExtendedLifetime(fixture) {}
    }
  }
}
