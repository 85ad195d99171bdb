import SluiceWire
import Testing

/// A head's contents as values, to compare and print.
private struct Request: Equatable {
  var method = ""
  var form = TargetForm.origin
  var path = ""
  var query: String?
  var authority: String?
  var host: String?
  var port: UInt16?
  var framing = BodyFraming.none
  var keepsAlive = false
  var expectsContinue = false
  var upgrade: String?
  var fields: [String] = []
}

private func text(_ head: borrowing RequestHead, _ range: ByteRange?) -> String? {
  range.map { text(head.span($0)) }
}

private func read(_ head: borrowing RequestHead) -> Request {
  var fields: [String] = []
  for field in head.fields {
    let line = "\(text(head.span(field.name)))=\(text(head.span(field.value)))"
    fields.append(line + (field.isHopByHop ? " hop" : ""))
  }
  return Request(
    method: text(head.span(head.methodName)), form: head.form, path: text(head.span(head.path)),
    query: text(head, head.query), authority: text(head, head.authority),
    host: text(head, head.host), port: head.port, framing: head.framing,
    keepsAlive: head.keepsAlive, expectsContinue: head.expectsContinue,
    upgrade: text(head, head.upgrade), fields: fields)
}

private func parse(_ source: String) throws -> Request {
  var head = RequestHead()
  let bytes = ascii(source)
  try head.parse(bytes.span, limits: HeadLimits())
  return read(head)
}

@Suite struct RequestHeadTests {
  @Test func everyPart() throws {
    let request = try parse(
      "POST /a%20b/c?x=1&y=? HTTP/1.1\r\nHost: Example.com:8080\r\nX-A: \t one two \t\r\n"
        + "Connection: Keep-Alive, X-Hop\r\nx-hop: gone\r\nKeep-Alive: 5\r\nContent-Length: 12\r\n"
        + "Expect: 100-continue\r\nEmpty:\r\n\r\n")
    #expect(
      request
        == Request(
          method: "POST", path: "/a%20b/c", query: "x=1&y=?", authority: "Example.com:8080",
          host: "Example.com", port: 8080, framing: .length(12), keepsAlive: true,
          expectsContinue: true,
          fields: [
            "Host=Example.com:8080", "X-A=one two", "Connection=Keep-Alive, X-Hop hop",
            "x-hop=gone hop", "Keep-Alive=5 hop", "Content-Length=12", "Expect=100-continue",
            "Empty=",
          ]))
  }

  @Test func forms() throws {
    func outline(_ line: String, host: String = "a") throws -> [String?] {
      let request = try parse("\(line) HTTP/1.1\r\nHost: \(host)\r\n\r\n")
      return ["\(request.form)", request.path, request.query, request.authority]
    }
    #expect(try outline("GET /") == ["origin", "/", nil, "a"])
    #expect(try outline("GET /?") == ["origin", "/", "", "a"])
    #expect(try outline("GET //b/c") == ["origin", "//b/c", nil, "a"])
    #expect(try outline("GET http://A/b?c") == ["absolute", "/b", "c", "A"])
    #expect(try outline("GET http://a") == ["absolute", "/", nil, "a"])
    #expect(try outline("GET http://a:80") == ["absolute", "/", nil, "a:80"])
    #expect(try outline("GET http://a?b/c") == ["absolute", "/", "b/c", "a"])
    #expect(try outline("OPTIONS http://a") == ["asterisk", "*", nil, "a"])
    #expect(try outline("OPTIONS *") == ["asterisk", "*", nil, "a"])
    #expect(try outline("CONNECT a:1", host: "a:1") == ["authority", "", nil, "a:1"])
    #expect(
      try outline("GET http://[::1]:9/", host: "[::1]:9") == ["absolute", "/", nil, "[::1]:9"])
  }

  @Test func framing() throws {
    func framing(_ fields: String) throws -> BodyFraming {
      try parse("POST / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n").framing
    }
    #expect(try framing("") == .none)
    #expect(try framing("Content-Length: 0\r\n") == .length(0))
    #expect(try framing("Content-Length: 0000012\r\n") == .length(12))
    #expect(try framing("Transfer-Encoding: Chunked\r\n") == .chunked)
  }

  @Test func persistence() throws {
    func keepsAlive(_ version: String, _ connection: String) throws -> Bool {
      try parse("GET / HTTP/\(version)\r\nHost: a\r\n\(connection)\r\n").keepsAlive
    }
    #expect(try keepsAlive("1.1", ""))
    #expect(try !keepsAlive("1.0", ""))
    #expect(try keepsAlive("1.0", "Connection: Keep-Alive\r\n"))
    #expect(try keepsAlive("1.0", "Connection: x, keep-alive\r\n"))
    #expect(try !keepsAlive("1.1", "Connection: CLOSE\r\n"))
    #expect(try !keepsAlive("1.1", "Connection: keep-alive\r\nConnection: x, close\r\n"))
    #expect(try !keepsAlive("1.1", "Connection: keep-alive, close\r\n"))
    #expect(try keepsAlive("1.1", "Connection: closed\r\n"))
  }

  @Test func upgradeNeedsItsOptionAndVersion() throws {
    func upgrade(_ version: String, _ fields: String) throws -> String? {
      try parse("GET / HTTP/\(version)\r\nHost: a\r\n\(fields)\r\n").upgrade
    }
    #expect(try upgrade("1.1", "Upgrade: websocket\r\nConnection: x, UPGRADE\r\n") == "websocket")
    #expect(try upgrade("1.1", "Upgrade: websocket\r\n") == nil)
    #expect(try upgrade("1.1", "Connection: upgrade\r\n") == nil)
    #expect(try upgrade("1.1", "Connection: upgrade\r\nUpgrade:\r\n") == nil)
    #expect(try upgrade("1.0", "Upgrade: websocket\r\nConnection: upgrade\r\n") == nil)
  }

  @Test func continueNeedsABodyAndVersion() throws {
    func expects(_ version: String, _ fields: String) throws -> Bool {
      try parse("POST / HTTP/\(version)\r\nHost: a\r\nExpect: 100-continue\r\n\(fields)\r\n")
        .expectsContinue
    }
    #expect(try expects("1.1", "Content-Length: 1\r\n"))
    #expect(try expects("1.1", "Transfer-Encoding: chunked\r\n"))
    #expect(try !expects("1.1", "Content-Length: 0\r\n"))
    #expect(try !expects("1.1", ""))
    #expect(try !expects("1.0", "Content-Length: 1\r\n"))
  }

  @Test func lookUp() throws {
    var head = RequestHead()
    let bytes = ascii("GET / HTTP/1.1\r\nHost: a\r\nX-One: 1\r\nCookie: b\r\nx-one: 2\r\n\r\n")
    try head.parse(bytes.span, limits: HeadLimits())
    func index(_ name: String, _ head: borrowing RequestHead) -> Int? {
      let name = ascii(name)
      return head.firstIndex(named: name.span)
    }
    #expect(head.firstIndex(of: .cookie) == 2)
    #expect(head.firstIndex(of: .server) == nil)
    #expect(index("HOST", head) == 0)
    #expect(index("X-ONE", head) == 1)
    #expect(index("X-Two", head) == nil)
    #expect(index("Server", head) == nil)
    #expect(index("", head) == nil)
    head.reset()
    #expect(head.firstIndex(of: .cookie) == nil)
    #expect(head.fields.isEmpty)
    #expect(head.bytes.allocatedBytes > 0)
    head.release()
    #expect(head.bytes.allocatedBytes == 0)
  }

  /// A head that was used before, also by a request that was refused, parses as a new one does.
  @Test func reuse() throws {
    var reused = RequestHead()
    for sample in Corpus.requests where sample.bytes.count < 2_000 {
      var scanned = 0
      let end = try? HeadScanner.endOfHead(
        sample.bytes.span, scanned: &scanned, limits: HeadLimits())
      guard let end = end ?? nil else { continue }
      let head = sample.bytes.span.extracting(0..<end)
      var fresh = RequestHead()
      do throws(HeadError) {
        try fresh.parse(head, limits: HeadLimits())
      } catch {
        #expect(throws: error) { try reused.parse(head, limits: HeadLimits()) }
        continue
      }
      try reused.parse(head, limits: HeadLimits())
      #expect(read(reused) == read(fresh))
    }
  }
}
