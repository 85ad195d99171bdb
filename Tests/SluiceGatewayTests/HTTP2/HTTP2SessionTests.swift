import SluiceWire
import Testing

@testable import SluiceGateway

/// The session over memory: requests, responses, windows and ends.
@Suite struct HTTP2SessionTests {
  // MARK: Requests

  @Test(arguments: [Int.max, 1, 7])
  func aRequestIsPutIntoTheWordsOfHTTP1(piece: Int) {
    let memory = HTTP2Memory()
    memory.piece = piece
    memory.send(
      .headers(
        1,
        HTTP2Frame.request(
          "GET", "/a?b=c",
          [("cookie", "a=1"), ("x-one", "1"), ("cookie", "b=2"), ("te", "trailers")])
      ))
    #expect(
      memory.stream(1)?.head
        == "GET /a?b=c HTTP/1.1\r\nhost: gateway.test\r\nx-one: 1\r\ncookie: a=1; b=2\r\n\r\n")
    #expect(memory.stream(1)?.isComplete == true)
  }

  @Test func hostStandsInForAuthority() {
    let memory = HTTP2Memory()
    memory.send(
      .headers(1, [(":method", "GET"), (":scheme", "https"), (":path", "/"), ("host", "a.test")]))
    #expect(memory.stream(1)?.head == "GET / HTTP/1.1\r\nhost: a.test\r\n\r\n")
    memory.send(.headers(3, HTTP2Frame.request("GET", "/", [("host", "Gateway.Test")])))
    #expect(memory.stream(3)?.head == "GET / HTTP/1.1\r\nhost: gateway.test\r\n\r\n")
  }

  @Test func aBodyWithoutLengthComesInChunksOfWords() {
    let memory = HTTP2Memory()
    memory.send(.headers(1, HTTP2Frame.request("POST"), end: false))
    #expect(
      memory.stream(1)?.head
        == "POST / HTTP/1.1\r\nhost: gateway.test\r\ntransfer-encoding: chunked\r\n\r\n")
    memory.send(.headers(3, HTTP2Frame.request("POST", "/", [("content-length", "3")]), end: false))
    #expect(
      memory.stream(3)?.head == "POST / HTTP/1.1\r\nhost: gateway.test\r\ncontent-length: 3\r\n\r\n"
    )
  }

  @Test(arguments: [Int.max, 1])
  func bodiesAndTrailersArrive(piece: Int) {
    let memory = HTTP2Memory()
    memory.piece = piece
    memory.send(.headers(1, HTTP2Frame.request("POST"), end: false))
    memory.send(.data(1, Array("hello ".utf8)), .data(1, Array("world".utf8)))
    #expect(memory.stream(1)?.trailers == nil)
    memory.send(.headers(1, [("x-sum", "11"), ("host", "evil")]))
    #expect(memory.stream(1).map { String(decoding: $0.body, as: UTF8.self) } == "hello world")
    // What frames, routes or identifies is no trailer.
    #expect(memory.stream(1)?.trailers?.map(\.name) == ["x-sum"])
  }

  /// Pseudo-header fields that are missing, repeated, out of place, or make a request line say more
  /// (RFC 9113 8.3).
  private static let malformedHeads: [[HTTP2Frame.Field]] = [
    [(":scheme", "http"), (":authority", "a"), (":path", "/")],
    [(":method", "GET"), (":authority", "a"), (":path", "/")],
    [(":method", "GET"), (":scheme", "http"), (":authority", "a")],
    [(":method", "GET"), (":scheme", "http"), (":path", "/")],
    [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "")],
    [
      (":method", "GET"), (":method", "GET"), (":scheme", "http"), (":authority", "a"),
      (":path", "/"),
    ],
    [
      (":method", "GET"), (":scheme", "http"), (":path", "/"), (":path", "/b"), (":authority", "a"),
    ],
    [(":method", "GET"), (":scheme", "http"), ("x", "1"), (":authority", "a"), (":path", "/")],
    [
      (":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/"),
      (":status", "200"),
    ],
    [
      (":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/"), (":other", "1"),
    ],
    [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "http://b/")],
    [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "b")],
    [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "*")],
    [
      (":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/ HTTP/1.1\r\nx: 1"),
    ],
    [
      (":method", "GET / HTTP/1.1\r\nx: 1\r\n\r\n"), (":scheme", "http"), (":authority", "a"),
      (":path", "/"),
    ],
    [(":method", "GET"), (":scheme", "http"), (":authority", "a\r\nx: 1"), (":path", "/")],
    [(":method", "GET"), (":scheme", "ftp"), (":authority", "a"), (":path", "/")],
    [(":method", "CONNECT"), (":scheme", "http"), (":authority", "a:1"), (":path", "/")],
    [
      (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":authority", "a"),
      (":path", "/"),
    ],
    [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/"), ("host", "b")],
    [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("host", "a"), ("host", "a")],
  ]

  /// Fields of HTTP/1.1's connections, names, values and lengths (RFC 9113 8.2).
  private static let malformedFields: [[HTTP2Frame.Field]] = [
    [("connection", "close")],
    [("keep-alive", "timeout=5")],
    [("proxy-connection", "close")],
    [("transfer-encoding", "chunked")],
    [("upgrade", "h2c")],
    [("te", "gzip")],
    [("X-Upper", "1")],
    [("x y", "1")],
    [("x:y", "1")],
    [("x\r\ny", "1")],
    [("", "1")],
    [("x", "1\r\ny: 2")],
    [("x", "1\ny")],
    [("x", "1\u{0}y")],
    [("x", " 1")],
    [("x", "1\t")],
    [("cookie", "a\r\nb: c")],
    [("content-length", "5")],
    [("content-length", "0"), ("content-length", "0")],
    [("content-length", "+0")],
    [("content-length", "0, 0")],
  ]

  /// Each is a stream error, and nothing of it becomes a request.
  @Test(arguments: malformedHeads + malformedFields.map { HTTP2Frame.request("GET", "/", $0) })
  func malformedHeadsAreStreamErrors(fields: [HTTP2Frame.Field]) {
    let memory = HTTP2Memory()
    memory.send(.headers(1, fields))
    #expect(memory.stream(1)?.head == nil)
    #expect(memory.received[1].resetCode == 1)
    // Others on the connection go on.
    memory.send(.headers(3, HTTP2Frame.request()))
    #expect(memory.stream(3)?.head != nil)
  }

  @Test func connectIsPassedOnToBeRefused() {
    let memory = HTTP2Memory()
    memory.send(.headers(1, [(":method", "CONNECT"), (":authority", "a.test:443")], end: false))
    #expect(
      memory.stream(1)?.head?.hasPrefix("CONNECT a.test:443 HTTP/1.1\r\nhost: a.test:443\r\n")
        == true)
  }

  @Test func lengthsHaveToAgree() {
    for (sent, announced) in [("abc", "2"), ("abc", "4"), ("", "1")] {
      let memory = HTTP2Memory()
      let fields = HTTP2Frame.request("POST", "/", [("content-length", announced)])
      memory.send(.headers(1, fields, end: false), .data(1, Array(sent.utf8), end: true))
      #expect(memory.received[1].resetCode == 1)
      #expect(memory.stream(1)?.closedWith == .protocolError)
      #expect(memory.stream(1)?.trailers == nil)
    }
  }

  @Test func trailersHaveNoPseudoFields() {
    let memory = HTTP2Memory()
    memory.send(.headers(1, HTTP2Frame.request("POST"), end: false))
    memory.send(.headers(1, [(":path", "/b")]))
    #expect(memory.received[1].resetCode == 1)
    #expect(memory.stream(1)?.trailers == nil)
  }

  @Test func headsBeyondTheirLimitsAreRefused() {
    let memory = HTTP2Memory {
      $0.headBytes = 1_000
      $0.fields = 5
      $0.target = 100
    }
    memory.send(
      .headers(1, HTTP2Frame.request("GET", "/", [("x", String(repeating: "a", count: 1_000))])))
    #expect(memory.stream(1)?.fault == .tooLarge)
    let six = (0..<6).map { (name: "x-\($0)", value: "1") }
    memory.send(.headers(3, HTTP2Frame.request("GET", "/", six)))
    #expect(memory.stream(3)?.fault == .tooManyFields)
    memory.send(.headers(5, HTTP2Frame.request("GET", "/" + String(repeating: "a", count: 100))))
    #expect(memory.stream(5)?.fault == .head(.targetTooLong))
    memory.send(.headers(7, HTTP2Frame.request("GET", "/", Array(six.dropLast()))))
    #expect(memory.stream(7)?.head != nil)
  }

  // MARK: Windows

  @Test func windowsOpenAsBodiesAreTaken() throws {
    let memory = HTTP2Memory()
    memory.session.takesBodies = false
    memory.send(.headers(1, HTTP2Frame.request("POST"), end: false))
    for _ in 0..<3 { memory.send(.data(1, [UInt8](repeating: 1, count: 16_384))) }
    #expect(memory.received[1].window == 0)
    let stream = try #require(memory.stream(1))
    #expect(stream.body.isEmpty)
    stream.takes = true
    stream.takeInput()
    memory.flush()
    #expect(stream.body.count == 3 * 16_384)
    #expect(memory.received[1].window == 3 * 16_384)
  }

  /// Also the end waits for somebody who takes the body, of which there is nothing.
  @Test func anEmptyBodyEndsWhenSomebodyTakesIt() throws {
    let memory = HTTP2Memory()
    memory.session.takesBodies = false
    memory.send(.headers(1, HTTP2Frame.request("POST"), end: false), .data(1, [], end: true))
    let stream = try #require(memory.stream(1))
    #expect(stream.trailers == nil && stream.isEndWaiting)
    stream.takes = true
    stream.takeInput()
    #expect(stream.trailers?.isEmpty == true && !stream.isEndWaiting)
  }

  @Test func whoIgnoresItsWindowIsAFlowControlError() {
    let memory = HTTP2Memory()
    memory.session.takesBodies = false
    memory.send(.headers(1, HTTP2Frame.request("POST"), end: false))
    for _ in 0..<5 { memory.send(.data(1, [UInt8](repeating: 1, count: 16_384))) }
    let code = memory.received.goAways.last?.code ?? memory.received[1].resetCode
    #expect(code == 3)
    #expect(memory.stream(1)?.body.isEmpty == true)
  }

  @Test func responsesWaitForTheCallersWindow() throws {
    // SETTINGS_INITIAL_WINDOW_SIZE
    let memory = HTTP2Memory(settings: .settings((4, 10)))
    memory.send(.headers(1, HTTP2Frame.request()))
    let stream = try #require(memory.stream(1))
    stream.isWatched = true
    memory.respond(1, 200)
    let body = Array("hello from behind the window".utf8)
    memory.session.append(body.span, to: stream)
    memory.flush()
    #expect(memory.received[1].text == "hello from")
    #expect(stream.output.count == body.count - 10)
    #expect(memory.session.outputBytes == body.count - 10)
    #expect(stream.drains == 0)
    memory.send(.windowUpdate(1, 100))
    #expect(memory.received[1].body == body)
    #expect(memory.session.outputBytes == 0)
    #expect(stream.drains == 1)
    #expect(!memory.received[1].isEnded)
    memory.session.end(stream)
    memory.flush()
    #expect(memory.received[1].isEnded)
    #expect(stream.closedWith == .noError)
  }

  // MARK: Responses

  @Test func responsesHaveHeadsBodiesAndTrailers() throws {
    let memory = HTTP2Memory()
    memory.send(.headers(1, HTTP2Frame.request()))
    let stream = try #require(memory.stream(1))
    var early = HTTP2FieldList()
    early.begin(status: 103)
    early.appendLines(Array("Link: </a>; rel=preload\r\n".utf8).span)
    memory.session.inform(stream, &early)
    memory.respond(1, 200, "Content-Type: text/plain\r\nConnection: close\r\nX-A: 1\r\n")
    memory.session.append(Array("hello".utf8).span, to: stream)
    memory.session.end(stream, try TrailerSection(parsing: Array("X-Sum: 5\r\n\r\n".utf8).span))
    memory.flush()
    let response = memory.received[1]
    #expect(response.statuses == [103, 200])
    #expect(response["link"] == "</a>; rel=preload")
    #expect(response["content-type"] == "text/plain")
    #expect(response["x-a"] == "1")
    #expect(response["connection"] == nil)
    #expect(response.heads.last?.map(\.name) == ["x-sum"])
    #expect(response.text == "hello")
    #expect(response.isEnded)
  }

  @Test func whoStillSendsIsToldToStop() {
    let memory = HTTP2Memory()
    memory.send(.headers(1, HTTP2Frame.request("POST"), end: false))
    memory.respond(1, 403, isEnd: true)
    memory.flush()
    #expect(memory.received[1].status == 403)
    #expect(memory.received[1].isEnded)
    #expect(memory.received[1].resetCode == 0)
    #expect(memory.stream(1)?.closedWith == .noError)
  }

  @Test func resetsGoBothWays() throws {
    let memory = HTTP2Memory()
    memory.send(.headers(1, HTTP2Frame.request()), .headers(3, HTTP2Frame.request()))
    memory.send(.reset(1, 8))
    #expect(memory.stream(1)?.closedWith == .cancel)
    #expect(memory.stream(1)?.session == nil)
    memory.session.reset(try #require(memory.stream(3)), .internalError)
    memory.flush()
    #expect(memory.received[3].resetCode == 2)
    #expect(memory.session.streams.isEmpty)
  }

  // MARK: Errors of the connection

  private static let connectionErrors: [(frame: HTTP2Frame, code: Int)] = [
    (HTTP2Frame(kind: 0, stream: 0, payload: [1]), 1),
    (HTTP2Frame(kind: 1, flags: 5, stream: 2, payload: HTTP2Frame.block(HTTP2Frame.request())), 1),
    (HTTP2Frame(kind: 1, flags: 5, stream: 1, payload: [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]), 9),
    (HTTP2Frame(kind: 4, payload: [0, 4, 0, 0, 0]), 6),
    (HTTP2Frame(kind: 4, stream: 1, payload: []), 1),
    (HTTP2Frame.settings((2, 2)), 1),
    (HTTP2Frame.settings((4, 0x8000_0000)), 3),
    (HTTP2Frame.settings((5, 100)), 1),
    (HTTP2Frame(kind: 6, payload: [1, 2, 3]), 6),
    (HTTP2Frame(kind: 6, stream: 1, payload: [1, 2, 3, 4, 5, 6, 7, 8]), 1),
    (HTTP2Frame.windowUpdate(0, 0), 1),
    (HTTP2Frame.windowUpdate(0, 0x7FFF_FFFF), 3),
    (HTTP2Frame(kind: 3, stream: 0, payload: [0, 0, 0, 0]), 1),
    (HTTP2Frame(kind: 3, stream: 9, payload: [0, 0, 0, 8]), 1),
    (HTTP2Frame(kind: 3, stream: 1, payload: [0]), 6),
    (HTTP2Frame(kind: 5, flags: 4, stream: 1, payload: [0, 0, 0, 2]), 1),
    (HTTP2Frame(kind: 9, flags: 4, stream: 1, payload: []), 1),
    (HTTP2Frame(kind: 0, stream: 1, payload: [UInt8](repeating: 0, count: 16_385)), 6),
  ]

  @Test(arguments: connectionErrors)
  func connectionErrorsAreNamed(frame: HTTP2Frame, code: Int) {
    let memory = HTTP2Memory()
    memory.send(frame)
    #expect(memory.received.goAways.map(\.code) == [code])
    #expect(memory.session.isOver)
  }

  @Test func whatIsNoPrefaceEndsTheConnection() {
    let memory = HTTP2Memory()
    memory.send(bytes: [])
    guard let session = RecordingSession(HTTP2Limits()) else { return }
    session.receive(Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8).span, now: memory.now)
    #expect(session.hasFailed)
    #expect(session.isOver)
  }

  // MARK: The end

  @Test func drainingTakesWhatIsOnItsWay() {
    let memory = HTTP2Memory()
    memory.send(.headers(1, HTTP2Frame.request()))
    memory.session.drain()
    memory.flush()
    #expect(memory.received.goAways.map(\.last) == [0x7FFF_FFFF])
    memory.send(.headers(3, HTTP2Frame.request()))
    #expect(memory.stream(3)?.head != nil)
    let pings = memory.received.unanswered.filter { $0.kind == HTTP2Frame.Kind.ping }
    #expect(pings.count == 1)
    for ping in pings { memory.send(ping) }
    #expect(memory.received.goAways.map(\.last) == [0x7FFF_FFFF, 3])
    #expect(memory.received.goAways.map(\.code) == [0, 0])
    memory.send(.headers(5, HTTP2Frame.request()))
    #expect(memory.stream(5) == nil)
    #expect(!memory.session.isOver)
    memory.respond(1, 200, isEnd: true)
    memory.respond(3, 200, isEnd: true)
    memory.flush()
    #expect(memory.received[3].status == 200)
    #expect(memory.session.isOver)
  }

  @Test func aClosedSessionTellsEveryStream() {
    let memory = HTTP2Memory()
    for id in [1, 3, 5] { memory.send(.headers(id, HTTP2Frame.request("POST"), end: false)) }
    memory.session.close()
    for id in [Int32(1), 3, 5] { #expect(memory.stream(id)?.closedWith == .cancel) }
    #expect(memory.session.streams.isEmpty)
    memory.respond(1, 200, isEnd: true)
    memory.flush()
    #expect(memory.received[1].status == nil)
  }
}
