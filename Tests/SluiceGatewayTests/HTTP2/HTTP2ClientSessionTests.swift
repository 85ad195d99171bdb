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

  @Test func aRequestIsReadBackFromTheWordsOfHTTP1() {
    let text =
      "POST /a?b HTTP/1.1\r\nHost: a.test:1\r\nX-One: 1\r\nTransfer-Encoding: chunked\r\n"
      + "Connection: close\r\nAuthorization: Bearer x\r\n\r\n"
    var list = HTTP2FieldList()
    list.appendRequest(Array(text.utf8).span, scheme: "https")
    let fields = list.withPairs { pairs, count -> [String] in
      (0..<count).map { index in
        guard let pair = pairs?[index] else { return "" }
        let name = UnsafeBufferPointer(start: pair.name, count: pair.namelen)
        let value = UnsafeBufferPointer(start: pair.value, count: pair.valuelen)
        return String(decoding: name, as: UTF8.self) + "=" + String(decoding: value, as: UTF8.self)
          + (pair.flags == 0 ? "" : " (never indexed)")
      }
    }
    #expect(
      fields == [
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
