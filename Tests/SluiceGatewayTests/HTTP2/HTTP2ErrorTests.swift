import Testing

@testable import SluiceGateway

/// What RFC 9113 calls an error gets the code that it names, at once: for a stream by RST_STREAM, for
/// the connection by GOAWAY.
@Suite struct HTTP2ErrorTests {
  enum Answer: Equatable, CustomTestStringConvertible {
    case stream(Int, Int)
    case connection(Int)
    /// It has to be borne.
    case none

    var testDescription: String { "\(self)" }
  }

  struct Case: CustomTestStringConvertible {
    let rule: String
    /// After a preface, empty SETTINGS and what `state` says.
    let frames: [HTTP2Frame]
    let answer: Answer
    var state = State.open
    /// How many bytes come at a time.
    var pieces = [Int.max, 1]

    var testDescription: String { rule }
  }

  /// What came before, all by the caller: stream 1.
  enum State {
    /// Nothing.
    case idle
    /// A head whose body is to come.
    case open
    /// A whole request; nobody has answered.
    case halfClosed
    /// A whole request and its whole response.
    case closed
    /// The caller has reset it.
    case reset
    /// A malformed head that was answered with a page and RST_STREAM.
    case refused
    /// Only a part of a head.
    case inHead
  }

  private static let protocolError = 1
  private static let flowControl = 3
  private static let streamClosed = 5
  private static let frameSize = 6
  private static let compression = 9

  private static func frame(
    _ kind: UInt8, _ stream: Int, _ payload: [UInt8] = [], flags: UInt8 = 0
  ) -> HTTP2Frame { HTTP2Frame(kind: kind, flags: flags, stream: stream, payload: payload) }

  private static func setting(_ id: Int, _ value: Int) -> HTTP2Frame { .settings((id, value)) }

  static let cases: [Case] =
    dataCases + headCases + streamCases + settingCases + windowCases + otherCases

  private static let dataCases: [Case] = [
    Case(rule: "6.1 DATA on stream 0", frames: [.data(0, [1])], answer: .connection(protocolError)),
    Case(
      rule: "6.1 DATA with more padding than payload",
      frames: [frame(0, 1, [5, 1], flags: 8)], answer: .connection(protocolError)),
    Case(
      rule: "5.1 DATA on an idle stream", frames: [.data(5, [1])],
      answer: .connection(protocolError)),
    Case(
      rule: "5.1 DATA on a half-closed stream", frames: [.data(1, [1])],
      answer: .connection(streamClosed), state: .halfClosed),
    Case(
      rule: "8.1.1 DATA after a page and RST_STREAM", frames: [.data(1, [1])], answer: .none,
      state: .refused),
    Case(
      rule: "6.1 an empty DATA frame is none", frames: [.data(1, [])], answer: .none),
  ]

  private static let headCases: [Case] = [
    Case(
      rule: "6.2 HEADERS on stream 0", frames: [.headers(0, HTTP2Frame.request())],
      answer: .connection(protocolError), state: .idle),
    Case(
      rule: "5.1.1 an even stream", frames: [.headers(2, HTTP2Frame.request())],
      answer: .connection(protocolError), state: .idle),
    Case(
      rule: "6.2 HEADERS with more padding than payload",
      frames: [frame(1, 3, [9, 0x82], flags: 0xC)], answer: .connection(protocolError)),
    Case(
      rule: "4.3 a block that HPACK cannot read", frames: [frame(1, 3, [0xFF, 0xFF], flags: 5)],
      answer: .connection(compression)),
    Case(
      rule: "6.10 CONTINUATION out of nowhere", frames: [frame(9, 1, [0x82], flags: 4)],
      answer: .connection(protocolError)),
    Case(
      rule: "6.10 another frame within a head", frames: [.ping()],
      answer: .connection(protocolError), state: .inHead),
    Case(
      rule: "6.10 another stream's CONTINUATION", frames: [frame(9, 3, [], flags: 4)],
      answer: .connection(protocolError), state: .inHead),
    Case(
      rule: "6.10 another head within a head", frames: [.headers(3, HTTP2Frame.request())],
      answer: .connection(protocolError), state: .inHead),
    Case(
      rule: "5.1.1 a stream's number that went by",
      frames: [.headers(7, HTTP2Frame.request()), .headers(5, HTTP2Frame.request())],
      answer: .connection(protocolError)),
    Case(
      rule: "5.1.1 the first numbers that went by",
      frames: [.headers(5, HTTP2Frame.request()), .headers(1, HTTP2Frame.request())],
      answer: .connection(protocolError), state: .idle),
    Case(
      rule: "5.1 a reset stream's late trailers", frames: [.headers(1, [("x", "1")])],
      answer: .none, state: .reset),
    Case(
      rule: "8.1 trailers after a page and RST_STREAM", frames: [.headers(1, [("x", "1")])],
      answer: .none, state: .refused),
    Case(
      rule: "8.1 trailers without an end", frames: [.headers(1, [("x", "1")], end: false)],
      answer: .stream(1, protocolError)),
    Case(
      rule: "8.3 a pseudo-header field among trailers", frames: [.headers(1, [(":path", "/")])],
      answer: .stream(1, protocolError)),
    Case(
      rule: "5.1 HEADERS on a half-closed stream", frames: [.headers(1, [("x", "1")])],
      answer: .connection(streamClosed), state: .halfClosed),
    Case(
      rule: "8.5 CONNECT with a path",
      frames: [.headers(3, [(":method", "CONNECT"), (":authority", "a"), (":path", "/")])],
      answer: .stream(3, protocolError)),
    Case(
      rule: "8.3.1 no path", frames: [.headers(3, [(":method", "GET"), (":scheme", "http")])],
      answer: .stream(3, protocolError)),
  ]

  private static let streamCases: [Case] = [
    Case(
      rule: "6.4 RST_STREAM on stream 0", frames: [.reset(0, 8)],
      answer: .connection(protocolError)),
    Case(
      rule: "6.4 RST_STREAM on an idle stream", frames: [.reset(7, 8)],
      answer: .connection(protocolError)),
    Case(
      rule: "6.4 RST_STREAM of another size", frames: [frame(3, 1, [0, 0, 0])],
      answer: .connection(frameSize)),
    Case(
      rule: "5.1 RST_STREAM on a closed stream", frames: [.reset(1, 8)], answer: .none,
      state: .closed),
    Case(
      rule: "5.1 WINDOW_UPDATE on a closed stream", frames: [.windowUpdate(1, 5)], answer: .none,
      state: .closed),
    Case(
      rule: "5.1 PRIORITY on any stream", frames: [frame(2, 9, [0, 0, 0, 0, 7])], answer: .none),
    Case(
      rule: "6.3 PRIORITY on stream 0", frames: [frame(2, 0, [0, 0, 0, 0, 7])],
      answer: .connection(protocolError)),
    Case(
      rule: "8.4 PUSH_PROMISE of a caller", frames: [frame(5, 1, [0, 0, 0, 2], flags: 4)],
      answer: .connection(protocolError)),
    Case(
      rule: "5.1 a reset stream's late DATA", frames: [.data(1, [1])], answer: .none,
      state: .reset),
  ]

  private static let settingCases: [Case] = [
    Case(
      rule: "6.5 SETTINGS on a stream", frames: [frame(4, 1)], answer: .connection(protocolError)),
    Case(
      rule: "6.5 SETTINGS of no whole entries", frames: [frame(4, 0, [0, 4, 0])],
      answer: .connection(frameSize)),
    Case(
      rule: "6.5 an acknowledgement with a payload",
      frames: [frame(4, 0, [0, 4, 0, 0, 0, 1], flags: 1)],
      answer: .connection(frameSize)),
    Case(
      rule: "6.5.2 ENABLE_PUSH of 2", frames: [setting(2, 2)], answer: .connection(protocolError)),
    Case(
      rule: "6.5.2 a window over its bound", frames: [setting(4, 1 << 31)],
      answer: .connection(flowControl)),
    Case(
      rule: "6.5.2 frames too small", frames: [setting(5, 1_000)],
      answer: .connection(protocolError)),
    Case(
      rule: "6.5.2 frames too large", frames: [setting(5, 1 << 24)],
      answer: .connection(protocolError)),
    Case(rule: "6.5.2 an unknown setting", frames: [setting(0x7777, 1)], answer: .none),
  ]

  private static let windowCases: [Case] = [
    Case(
      rule: "6.9 an increment of 0 for the connection", frames: [.windowUpdate(0, 0)],
      answer: .connection(protocolError)),
    Case(
      rule: "6.9 WINDOW_UPDATE of another size", frames: [frame(8, 0, [0, 0, 1])],
      answer: .connection(frameSize)),
    Case(
      rule: "6.9 WINDOW_UPDATE on an idle stream", frames: [.windowUpdate(7, 1)],
      answer: .connection(protocolError)),
    Case(
      rule: "6.9.1 the connection's window over its bound",
      frames: [.windowUpdate(0, 0x7FFF_FFFF)], answer: .connection(flowControl)),
    Case(
      rule: "6.9.1 a stream's window over its bound", frames: [.windowUpdate(1, 0x7FFF_FFFF)],
      answer: .stream(1, flowControl)),
  ]

  private static let otherCases: [Case] = [
    Case(
      rule: "6.7 PING on a stream", frames: [frame(6, 1, Array(repeating: 0, count: 8))],
      answer: .connection(protocolError)),
    Case(
      rule: "6.7 PING of another size", frames: [frame(6, 0, [1])], answer: .connection(frameSize)),
    Case(
      rule: "6.8 GOAWAY on a stream", frames: [frame(7, 1, Array(repeating: 0, count: 8))],
      answer: .connection(protocolError)),
    Case(
      rule: "6.8 GOAWAY of another size", frames: [frame(7, 0, [0])],
      answer: .connection(frameSize)),
    Case(rule: "4.1 an unknown type", frames: [frame(0x77, 1, [1, 2, 3])], answer: .none),
    Case(
      rule: "4.2 a frame over SETTINGS_MAX_FRAME_SIZE",
      frames: [frame(0, 1, Array(repeating: 0, count: 16_385))], answer: .connection(frameSize)),
  ]

  private func memory(_ state: State) -> HTTP2Memory {
    let memory = HTTP2Memory()
    switch state {
    case .idle: break
    case .open: memory.send(.headers(1, HTTP2Frame.request("POST"), end: false))
    case .halfClosed: memory.send(.headers(1, HTTP2Frame.request()))
    case .closed:
      memory.send(.headers(1, HTTP2Frame.request()))
      memory.respond(1, 204, isEnd: true)
      memory.flush()
    case .reset:
      memory.send(.headers(1, HTTP2Frame.request("POST"), end: false), .reset(1, 8))
    case .refused:
      memory.send(
        .headers(1, HTTP2Frame.request("POST", "/", [("host", "other.test")]), end: false))
    case .inHead:
      memory.send(.headers(1, HTTP2Frame.request(), isWhole: false))
    }
    return memory
  }

  @Test(arguments: cases) func everyErrorHasItsCode(_ item: Case) {
    for piece in item.pieces {
      let memory = memory(item.state)
      let before = memory.received[1].resetCode
      memory.piece = piece
      for frame in item.frames { memory.send(frame) }
      switch item.answer {
      case .connection(let code):
        #expect(memory.received.goAways.map(\.code) == [code], "piece \(piece)")
      case .stream(let id, let code):
        #expect(memory.received.goAways.isEmpty)
        #expect(memory.received[id].resetCode == code, "piece \(piece)")
      case .none:
        #expect(memory.received.goAways.isEmpty)
        #expect(memory.received[1].resetCode == before)
      }
      if case .connection = item.answer { continue }
      // Others of the connection go on.
      memory.send(.headers(21, HTTP2Frame.request("GET", "/fine")))
      #expect(memory.stream(21)?.head?.hasPrefix("GET /fine ") == true, "piece \(piece)")
    }
  }
}
