import CNGHTTP2
import SluiceReactor
import SluiceWire
import Testing

@testable import SluiceGateway

/// The checks of a response's head, without a connection.
@Suite struct HTTP2ResponseHeadTests {
  private func head(
    _ fields: [(String, String)], isComplete: Bool = false, answersHEAD: Bool = false
  ) throws(HTTP2HeadFault) -> String {
    var builder = HTTP2HeadBuilder(HTTP2Limits(), .client)
    builder.begin(isTrailer: false)
    for (name, value) in fields {
      _ = builder.append(name: Array(name.utf8).span, value: Array(value.utf8).span)
    }
    var output = ByteBuffer()
    try builder.write(isComplete: isComplete, answersHEAD: answersHEAD, to: &output)
    return String(decoding: output.copiedBytes(), as: UTF8.self)
  }

  @Test func aResponseIsPutIntoTheWordsOfHTTP1() throws {
    #expect(
      try head([(":status", "200"), ("x-a", "1"), ("host", "h"), ("cookie", "a"), ("te", "x")])
        == "HTTP/1.1 200 OK\r\nx-a: 1\r\nhost: h\r\ncookie: a\r\nte: x\r\n"
        + "transfer-encoding: chunked\r\n\r\n")
    #expect(
      try head([(":status", "404"), ("content-length", "3")])
        == "HTTP/1.1 404 Not Found\r\ncontent-length: 3\r\n\r\n")
  }

  @Test func whatHasNoBodySaysSo() throws {
    #expect(
      try head([(":status", "200")], isComplete: true)
        == "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    #expect(
      try head([(":status", "200")], isComplete: true, answersHEAD: true)
        == "HTTP/1.1 200 OK\r\n\r\n")
    for isComplete in [true, false] {
      #expect(
        try head([(":status", "204")], isComplete: isComplete) == "HTTP/1.1 204 No Content\r\n\r\n")
      #expect(
        try head([(":status", "304")], isComplete: isComplete)
          == "HTTP/1.1 304 Not Modified\r\n\r\n")
    }
    #expect(try head([(":status", "103")]).hasPrefix("HTTP/1.1 103 "))
  }

  @Test(arguments: [
    [":status", ""], [":status", "20"], [":status", "2000"], [":status", "+20"],
    [":status", "2 0"],
    [":status", "099"], [":status", "101"], [":path", "/"], [":method", "GET"], ["x", "y"],
  ])
  func whatIsNoHeadIsRefused(field: [String]) {
    #expect(throws: HTTP2HeadFault.self) { try head([(field[0], field[1])]) }
  }

  @Test func anInterimResponseDoesNotEnd() {
    #expect(throws: HTTP2HeadFault.self) { try head([(":status", "103")], isComplete: true) }
  }

  // MARK: Tunnels

  private func agreement(
    _ fields: [(String, String)], isComplete: Bool = false
  ) throws(HTTP2HeadFault) -> String {
    var builder = HTTP2HeadBuilder(HTTP2Limits(), .client)
    builder.begin(isTrailer: false, answersTunnel: true)
    for (name, value) in fields {
      _ = builder.append(name: Array(name.utf8).span, value: Array(value.utf8).span)
    }
    var output = ByteBuffer()
    try builder.write(isComplete: isComplete, accept: Array("abc=".utf8), to: &output)
    return String(decoding: output.copiedBytes(), as: UTF8.self)
  }

  @Test(arguments: ["200", "204", "299"]) func anAgreementBecomesA101(status: String) throws {
    #expect(
      try agreement([
        (":status", status), ("sec-websocket-accept", "zzz="), ("content-length", "9"),
        ("sec-websocket-protocol", "chat"),
      ])
        == "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
        + "sec-websocket-accept: abc=\r\nsec-websocket-protocol: chat\r\n\r\n")
  }

  @Test func whatIsNoAgreementIsAResponseLikeAnyOther() throws {
    #expect(
      try agreement([(":status", "403"), ("content-length", "3")])
        == "HTTP/1.1 403 Forbidden\r\ncontent-length: 3\r\n\r\n")
    #expect(
      try agreement([(":status", "302"), ("location", "/")], isComplete: true)
        == "HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n")
    #expect(try agreement([(":status", "103")]).hasPrefix("HTTP/1.1 103 "))
  }

  @Test func whatHasEndedIsNoTunnel() {
    #expect(throws: HTTP2HeadFault.invalidTunnel) {
      try agreement([(":status", "200")], isComplete: true)
    }
    #expect(throws: HTTP2HeadFault.self) { try agreement([(":status", "101")]) }
    #expect(throws: HTTP2HeadFault.self) { try agreement([("x", "y")]) }
    #expect(throws: HTTP2HeadFault.connectionField) {
      try agreement([(":status", "200"), ("upgrade", "websocket")])
    }
  }

  @Test func aHandshakeBecomesAnExtendedCONNECT() {
    let text =
      "GET /a?b HTTP/1.1\r\nHost: a.test\r\nSec-WebSocket-Key: abc=\r\n"
      + "Sec-WebSocket-Version: 13\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    #expect(
      fields(of: text, scheme: "http", opensTunnel: true) == [
        ":method=CONNECT", ":protocol=websocket", ":scheme=http", ":authority=a.test",
        ":path=/a?b", "sec-websocket-version=13",
      ])
  }

  @Test func onlyWhatATargetAnnouncesIsAskedOfIt() throws {
    let session = try #require(HTTP2ClientSession(HTTP2Limits()))
    #expect(!session.takesWebSockets)
    let now = MonotonicTime(nanoseconds: 0)
    session.receive(HTTP2Frame.settings((3, 5)).bytes.span, now: now)
    #expect(session.isConfirmed && !session.takesWebSockets)
    session.receive(HTTP2Frame.settings((8, 1)).bytes.span, now: now)
    #expect(session.takesWebSockets)
    // RFC 8441 3: once it is 1 it is not taken back.
    session.receive(HTTP2Frame.settings((8, 0)).bytes.span, now: now)
    #expect(session.isOver || session.isDraining || session.takesWebSockets)
  }

  private func fields(
    of text: String, scheme: StaticString, opensTunnel: Bool = false
  ) -> [String] {
    var list = HTTP2FieldList()
    list.appendRequest(Array(text.utf8).span, scheme: scheme, opensTunnel: opensTunnel)
    return list.withPairs { pairs, count -> [String] in
      (0..<count).map { index in
        guard let pair = pairs?[index] else { return "" }
        let name = UnsafeBufferPointer(start: pair.name, count: pair.namelen)
        let value = UnsafeBufferPointer(start: pair.value, count: pair.valuelen)
        return String(decoding: name, as: UTF8.self) + "=" + String(decoding: value, as: UTF8.self)
          + (pair.flags == 0 ? "" : " (never indexed)")
      }
    }
  }

  @Test func aRequestIsReadBackFromTheWordsOfHTTP1() {
    let text =
      "POST /a?b HTTP/1.1\r\nHost: a.test:1\r\nX-One: 1\r\nTransfer-Encoding: chunked\r\n"
      + "Connection: close\r\nAuthorization: Bearer x\r\n\r\n"
    #expect(
      fields(of: text, scheme: "https") == [
        ":method=POST", ":scheme=https", ":authority=a.test:1", ":path=/a?b", "x-one=1",
        "authorization=Bearer x (never indexed)",
      ])
  }

  // MARK: Floods

  @Test(arguments: [Int.max, 1, 5])
  func aTargetsFramesAreCountedWithoutAPreface(piece: Int) {
    var follower = HTTP2FrameFollower(.client)
    let now = MonotonicTime(nanoseconds: 0)
    var flood: HTTP2Offence?
    var frames = 0
    let bytes = HTTP2Frame.ping().bytes
    while flood == nil && frames < 5_000 {
      frames += 1
      var rest = bytes[...]
      while !rest.isEmpty {
        flood = flood ?? follower.follow(Array(rest.prefix(piece)).span, now: now)
        rest = rest.dropFirst(piece)
      }
    }
    #expect(flood == .flood(.idleFrames))
    #expect(frames == HTTP2Limits.idleFrames.burst + 1)
  }

  @Test func smallMessagesToATargetEarnItsFrames() {
    var follower = HTTP2FrameFollower(.client)
    let now = MonotonicTime(nanoseconds: 0)
    for _ in 0..<10_000 {
      follower.earn(byOutputOf: 6)
      #expect(follower.follow(HTTP2Frame.windowUpdate(1, 6).bytes.span, now: now) == nil)
      #expect(follower.follow(HTTP2Frame.ping().bytes.span, now: now) == nil)
    }
  }
}
