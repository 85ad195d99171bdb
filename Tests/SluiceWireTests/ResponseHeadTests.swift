import SluiceWire
import Testing

private struct Response: Equatable {
  var status = 200
  var reason = ""
  var framing = BodyFraming.untilClose
  var keepsAlive = false
  var isInformational = false
  var upgrade: String?
  var contentLength: UInt64?
}

private func parse(_ source: String, _ method: HTTPMethod = .get) throws -> Response {
  var head = ResponseHead()
  let bytes = ascii(source)
  try head.parse(bytes.span, requestMethod: method, limits: HeadLimits())
  let upgrade = head.upgrade.map { text(head.span($0)) }
  return Response(
    status: head.status, reason: text(head.span(head.reason)), framing: head.framing,
    keepsAlive: head.keepsAlive, isInformational: head.isInformational, upgrade: upgrade,
    contentLength: head.contentLength)
}

@Suite struct ResponseHeadTests {
  @Test func framing() throws {
    func framing(_ head: String, _ method: HTTPMethod = .get) throws -> BodyFraming {
      try parse("HTTP/1.1 \(head)\r\n\r\n", method).framing
    }
    #expect(try framing("200 OK") == .untilClose)
    #expect(try framing("200 OK\r\nContent-Length: 5") == .length(5))
    #expect(try framing("200 OK\r\nTransfer-Encoding: chunked") == .chunked)
    #expect(try framing("200 OK\r\nContent-Length: 5", .head) == .none)
    #expect(try framing("200 OK", .head) == .none)
    #expect(try framing("200 OK\r\nTransfer-Encoding: chunked", .head) == .none)
    #expect(try framing("204 x") == .none)
    #expect(try framing("304 x\r\nContent-Length: 5") == .none)
    #expect(try framing("100 x") == .none)
    #expect(try framing("205 x\r\nContent-Length: 0") == .length(0))
    #expect(try framing("407 x\r\nContent-Length: 2", .connect) == .length(2))
  }

  @Test func wholeResponses() throws {
    #expect(
      try parse("HTTP/1.1 404 Not  Found \r\nContent-Length: 7\r\n\r\n")
        == Response(
          status: 404, reason: "Not  Found ", framing: .length(7), keepsAlive: true,
          contentLength: 7))
    #expect(
      try parse("HTTP/1.1 200\r\n\r\n", .head)
        == Response(framing: .none, keepsAlive: true))
    #expect(
      try parse("HTTP/1.1 103 Hints\r\n\r\n")
        == Response(
          status: 103, reason: "Hints", framing: .none, keepsAlive: true, isInformational: true))
    #expect(
      try parse("HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        == Response(
          status: 101, reason: "S", framing: .none, keepsAlive: true, upgrade: "websocket"))
  }

  @Test func persistence() throws {
    func keepsAlive(_ version: String, _ fields: String) throws -> Bool {
      try parse("HTTP/\(version) 200 OK\r\n\(fields)\r\n").keepsAlive
    }
    #expect(try keepsAlive("1.1", "Content-Length: 1\r\n"))
    #expect(try !keepsAlive("1.0", "Content-Length: 1\r\n"))
    #expect(try keepsAlive("1.0", "Content-Length: 1\r\nConnection: keep-alive\r\n"))
    #expect(try !keepsAlive("1.1", "Content-Length: 1\r\nConnection: close\r\n"))
    #expect(try !keepsAlive("1.1", "Connection: keep-alive\r\n"), "ends with the connection")
  }

  @Test func nominatedFieldsAreHopByHop() throws {
    var head = ResponseHead()
    let bytes = ascii(
      "HTTP/1.1 200 OK\r\nx-debug: 1\r\nConnection: X-Debug, ETag\r\nETag: 2\r\nServer: s\r\n\r\n")
    try head.parse(bytes.span, requestMethod: .get, limits: HeadLimits())
    #expect(head.fields.map(\.isHopByHop) == [true, true, true, false])
    #expect(head.firstIndex(of: .server) == 3)
  }
}
