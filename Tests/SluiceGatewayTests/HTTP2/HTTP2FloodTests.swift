import SluiceReactor
import SluiceWire
import Testing

@testable import SluiceGateway

/// What a connection may cost, and that memory has a bound.
@Suite struct HTTP2FloodTests {
  private func isCalmedDown(_ memory: HTTP2Memory, _ flood: HTTP2Flood) {
    #expect(memory.session.flood == flood)
    #expect(memory.received.goAways.map(\.code) == [11])
    #expect(memory.session.isOver)
  }

  /// CVE-2023-44487.
  @Test func rapidResets() {
    let memory = HTTP2Memory()
    var sent = 0
    while !memory.session.isOver && sent < 10_000 {
      let id = 1 + 2 * sent
      memory.send(.headers(id, HTTP2Frame.request()), .reset(id, 8))
      sent += 1
    }
    isCalmedDown(memory, .resets)
    #expect(sent <= HTTP2Limits.resets.burst + 1)
    #expect(memory.session.streams.isEmpty)
  }

  /// CVE-2025-8671: the caller makes us reset its streams.
  @Test func resetsThatTheCallerProvokes() {
    let memory = HTTP2Memory()
    var sent = 0
    while !memory.session.isOver && sent < 10_000 {
      let id = 1 + 2 * sent
      memory.send(.headers(id, HTTP2Frame.request("GET", "/", [("connection", "close")])))
      sent += 1
    }
    isCalmedDown(memory, .resets)
    // The one that was beginning ends with the connection.
    #expect(memory.session.streams.count <= 1)
  }

  /// So many now and then are nothing unusual.
  @Test func resetsOverTimeAreAllowed() {
    let memory = HTTP2Memory()
    for turn in 0..<2_000 {
      let id = 1 + 2 * turn
      memory.now = MonotonicTime(nanoseconds: Int64(turn) * 25_000_000)
      memory.send(.headers(id, HTTP2Frame.request()), .reset(id, 8))
    }
    #expect(memory.session.flood == nil)
  }

  /// VU#421644.
  @Test func continuationsWithoutEnd() {
    let memory = HTTP2Memory()
    memory.send(.headers(1, HTTP2Frame.request(), isWhole: false))
    #expect(memory.session.isInHead)
    var sent = 0
    while !memory.session.isOver && sent < 1_000 {
      memory.send(HTTP2Frame(kind: HTTP2Frame.Kind.continuation, stream: 1))
      sent += 1
    }
    isCalmedDown(memory, .continuations)
    #expect(sent == HTTP2Limits.continuations + 1)
  }

  /// The frame says that it is the last one, and its payload does not come.
  @Test func aHeadIsWholeWhenItsBytesAreHere() {
    let memory = HTTP2Memory()
    let bytes = HTTP2Frame.headers(1, HTTP2Frame.request()).bytes
    memory.send(bytes: Array(bytes[..<9]))
    #expect(memory.session.isInHead)
    memory.send(bytes: Array(bytes[9..<bytes.count - 1]))
    #expect(memory.session.isInHead)
    memory.send(bytes: [bytes[bytes.count - 1]])
    #expect(!memory.session.isInHead && memory.stream(1)?.head != nil)
  }

  /// A busy caller's reads may all end inside a head; each has a deadline of its own.
  @Test func everyHeadIsAnotherOne() {
    let memory = HTTP2Memory()
    var numbers: [Int] = []
    var rest: [UInt8] = []
    for id in [1, 3, 5] {
      let bytes = rest + HTTP2Frame.headers(id, HTTP2Frame.request()).bytes
      memory.send(bytes: Array(bytes.dropLast(5)))
      rest = Array(bytes.suffix(5))
      #expect(memory.session.isInHead)
      numbers.append(memory.session.headNumber)
    }
    #expect(numbers == [1, 2, 3])
  }

  @Test func aHeadInSomePiecesIsWhole() {
    let memory = HTTP2Memory()
    memory.send(.headers(1, HTTP2Frame.request(), isWhole: false))
    let more = HTTP2Frame.block([("x", "1")])
    memory.send(HTTP2Frame(kind: HTTP2Frame.Kind.continuation, stream: 1, payload: more))
    memory.send(HTTP2Frame(kind: HTTP2Frame.Kind.continuation, flags: 4, stream: 1))
    #expect(memory.stream(1)?.head == "GET / HTTP/1.1\r\nhost: gateway.test\r\nx: 1\r\n\r\n")
    #expect(!memory.session.isInHead)
  }

  /// CVE-2019-9512, 9515, 9513, 9518, and what nobody knows.
  private static let idleFrames: [HTTP2Frame] = [
    HTTP2Frame.ping(), HTTP2Frame.settings(), HTTP2Frame.settings((1, 4_096)),
    HTTP2Frame(kind: HTTP2Frame.Kind.priority, stream: 9, payload: [0, 0, 0, 1, 5]),
    HTTP2Frame(kind: 0xFA, payload: [1, 2, 3]), HTTP2Frame.windowUpdate(0, 1),
  ]

  @Test(arguments: idleFrames)
  func framesThatBringNobodyOn(frame: HTTP2Frame) {
    let memory = HTTP2Memory()
    var sent = 0
    while !memory.session.isOver && sent < 10_000 {
      memory.send(frame)
      sent += 1
    }
    isCalmedDown(memory, .idleFrames)
    #expect(sent <= HTTP2Limits.idleFrames.burst + 1)
  }

  @Test func emptyDataFrames() {
    let memory = HTTP2Memory()
    memory.send(.headers(1, HTTP2Frame.request("POST"), end: false))
    for _ in 0..<2_000 where !memory.session.isOver { memory.send(.data(1, [])) }
    isCalmedDown(memory, .idleFrames)
  }

  /// All in one read: not one of them is answered beforehand.
  @Test func aFloodInOneReadCostsNothing() {
    let memory = HTTP2Memory()
    memory.send(bytes: (0..<3_000).flatMap { _ in HTTP2Frame.ping().bytes })
    isCalmedDown(memory, .idleFrames)
    #expect(memory.received.frames.filter { $0.kind == HTTP2Frame.Kind.ping }.isEmpty)
  }

  /// A download of which every window is opened byte by byte.
  @Test func windowsOfOneByte() throws {
    let memory = HTTP2Memory(settings: .settings((4, 1)))
    memory.send(.headers(1, HTTP2Frame.request()))
    memory.respond(1, 200)
    memory.session.append(
      [UInt8](repeating: 1, count: 10_000).span, to: try #require(memory.stream(1)))
    memory.flush()
    for _ in 0..<5_000 where !memory.session.isOver { memory.send(.windowUpdate(1, 1)) }
    isCalmedDown(memory, .idleFrames)
    // The same with windows as they are usual.
    let usual = HTTP2Memory()
    usual.send(.headers(1, HTTP2Frame.request()))
    usual.respond(1, 200)
    let stream = try #require(usual.stream(1))
    for _ in 0..<3_000 {
      usual.session.append([UInt8](repeating: 1, count: 16_000).span, to: stream)
      usual.flush()
      usual.send(.windowUpdate(1, 16_000), .windowUpdate(0, 16_000))
    }
    #expect(usual.session.flood == nil)
    #expect(usual.received[1].body.count == 48_000_000)
  }

  /// A field that is put into HPACK's table once and repeated with a byte each time.
  @Test func headsThatHPACKBlowsUp() {
    let memory = HTTP2Memory()
    var payload: [UInt8] = HTTP2Frame.block(HTTP2Frame.request())
    // Literal with indexing: "x" with 3,000 bytes, then the same by its index, 62.
    let value = [UInt8](repeating: 0x61, count: 3_000)
    payload += [0x40, 1, 0x78, 127, 0xB9, 0x16] + value
    payload += [UInt8](repeating: 0xBE, count: 10_000)
    let frame = HTTP2Frame(
      kind: HTTP2Frame.Kind.headers, flags: 5, stream: 1, payload: payload)
    memory.send(frame)
    isCalmedDown(memory, .head)
    #expect(memory.stream(1)?.head == nil)
  }

  @Test func moreStreamsThanAllowedAreRefused() {
    let memory = HTTP2Memory { $0.streams = 3 }
    #expect(memory.received.settings[3] == 3)
    for id in [1, 3, 5, 7] { memory.send(.headers(id, HTTP2Frame.request("POST"), end: false)) }
    // It could not know yet.
    #expect(memory.received[7].resetCode == 7)
    #expect(memory.session.streams.count == 3)
    memory.send(.reset(1, 8))
    memory.send(.headers(9, HTTP2Frame.request("POST"), end: false))
    #expect(memory.stream(9)?.head != nil)
    // Now it does.
    for frame in memory.received.unanswered { memory.send(frame) }
    memory.send(.headers(11, HTTP2Frame.request()))
    #expect(memory.stream(11) == nil)
    #expect(memory.received.goAways.map(\.code) == [1])
  }

  /// Somebody who reads nothing gets no further requests through.
  @Test func requestsAreRefusedWhileTooMuchWaits() throws {
    let memory = HTTP2Memory(settings: .settings((4, 0)))
    memory.send(.headers(1, HTTP2Frame.request()))
    memory.respond(1, 200)
    let stream = try #require(memory.stream(1))
    let piece = [UInt8](repeating: 1, count: HTTP2Limits.responseBacklog + 1)
    memory.session.append(piece.span, to: stream)
    memory.send(.headers(3, HTTP2Frame.request()))
    #expect(memory.received[3].resetCode == 7)
    memory.send(.reset(1, 8))
    #expect(memory.session.outputBytes == 0)
    memory.send(.headers(5, HTTP2Frame.request()))
    #expect(memory.stream(5)?.head != nil)
  }

  @Test func settingsThatCallersRelyOn() {
    let memory = HTTP2Memory { $0.headBytes = 20_000 }
    #expect(memory.received.settings[3] == 100)
    #expect(memory.received.settings[6] == 20_000)
    #expect(memory.received.settings[9] == 1)
    // RFC 8441.
    #expect(memory.received.settings[8] == 1)
    #expect(memory.received[0].window == Int(HTTP2Limits.connectionWindow) - 65_535)
  }

  @Test func budgetsFillWithTime() {
    var budget = HTTP2Budget(burst: 2, perSecond: 10)
    func taken(of tries: Int, at nanoseconds: Int64) -> Int {
      let now = MonotonicTime(nanoseconds: 5 + nanoseconds)
      return (0..<tries).reduce(0) { count, _ in budget.take(now: now) ? count + 1 : count }
    }
    #expect(taken(of: 3, at: 0) == 2)
    #expect(taken(of: 1, at: 99_999_999) == 0)
    #expect(taken(of: 2, at: 100_000_000) == 1)
    #expect(taken(of: 5, at: 60_000_000_000) == 2)
    budget.earn(5)
    #expect(taken(of: 5, at: 60_000_000_000) == 2)
  }
}
