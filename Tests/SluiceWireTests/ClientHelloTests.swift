import Testing

@testable import SluiceWire

/// The name that a TLS caller asks for, from every form in which its first message may come.
@Suite struct ClientHelloTests {
  // MARK: Making one

  private static func number(_ value: Int, _ bytes: Int) -> [UInt8] {
    (0..<bytes).reversed().map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
  }

  private static func vector(_ bytes: [UInt8], _ width: Int) -> [UInt8] {
    number(bytes.count, width) + bytes
  }

  static func nameExtension(_ names: [(type: UInt8, name: String)]) -> [UInt8] {
    let list = names.flatMap { [$0.type] + vector(Array($0.name.utf8), 2) }
    return number(0, 2) + vector(vector(list, 2), 2)
  }

  static func message(extensions: [UInt8]?) -> [UInt8] {
    var body: [UInt8] = [3, 3] + [UInt8](repeating: 7, count: 32)
    body += vector([UInt8](repeating: 1, count: 32), 1)
    body += vector([0x13, 0x01, 0x13, 0x02], 2)
    body += vector([0], 1)
    if let extensions { body += vector(extensions, 2) }
    return [1] + vector(body, 3)
  }

  /// In records of so many bytes.
  static func records(_ message: [UInt8], size: Int = 16_384) -> [UInt8] {
    stride(from: 0, to: message.count, by: size).flatMap { start in
      let piece = Array(message[start..<min(message.count, start + size)])
      return [22, 3, 1] + vector(piece, 2)
    }
  }

  /// GREASE, then a name, then a large key share.
  private static func usual(_ name: String) -> [UInt8] {
    let grease = number(0x0A0A, 2) + vector([], 2)
    let keys = number(51, 2) + vector([UInt8](repeating: 9, count: 1_200), 2)
    return message(extensions: grease + nameExtension([(0, name)]) + keys)
  }

  private func parse(_ bytes: [UInt8]) throws -> ClientHello? {
    try ClientHello.parse(prefixOf: bytes.span)
  }

  // MARK: Names

  @Test(arguments: [16_384, 500, 100, 17]) func theNameIsFoundInAnyRecords(size: Int) throws {
    let bytes = Self.records(Self.usual("Api.Example.COM"), size: size)
    for end in bytes.indices { #expect(try parse(Array(bytes[..<end])) == nil, "\(end)") }
    let hello = try #require(try parse(bytes))
    #expect(hello.serverName == Array("api.example.com".utf8))
    // What follows is the connection's.
    #expect(try parse(bytes + [20, 3, 3, 0, 1, 1]) == hello)
    #expect(bytes.count <= ClientHello.maximumBytes)
  }

  @Test func noNameIsNoError() throws {
    for extensions in [nil, [], Self.number(51, 2) + Self.vector([1], 2)] as [[UInt8]?] {
      let hello = try #require(try parse(Self.records(Self.message(extensions: extensions))))
      #expect(hello.serverName == nil)
    }
  }

  /// ECH: the outer hello names who the caller's bytes are to be brought to.
  @Test func theOuterNameCounts() throws {
    let ech = Self.number(0xFE0D, 2) + Self.vector([UInt8](repeating: 3, count: 300), 2)
    let extensions = ech + Self.nameExtension([(0, "public.example")])
    let hello = try #require(try parse(Self.records(Self.message(extensions: extensions))))
    #expect(hello.serverName == Array("public.example".utf8))
  }

  // MARK: Refusals

  @Test(
    arguments: [
      [(0, "")], [(0, ".a")], [(0, "a.")], [(0, "a b")], [(0, "a\0b")], [(0, "ä")], [(1, "a")],
      [(0, "a"), (0, "b")], [(0, String(repeating: "a", count: 254))],
    ] as [[(UInt8, String)]])
  func badNames(names: [(UInt8, String)]) {
    let bytes = Self.records(
      Self.message(extensions: Self.nameExtension(names.map { (type: $0.0, name: $0.1) })))
    #expect(throws: ClientHelloError.badName) { try parse(bytes) }
  }

  @Test func twoNameExtensions() {
    let one = Self.nameExtension([(0, "a.test")])
    #expect(throws: ClientHelloError.badName) {
      try parse(Self.records(Self.message(extensions: one + one)))
    }
  }

  @Test func whatIsNotTLSIsToldAtTheFirstByte() {
    for text in ["GET / HTTP/1.1\r\n", "\u{80}", "SSH-2.0"] {
      #expect(throws: ClientHelloError.notTLS) { try parse(Array(text.utf8.prefix(1))) }
    }
    #expect(throws: ClientHelloError.notTLS) { try parse([22, 2]) }
    #expect(throws: ClientHelloError.notTLS) { try parse([22, 3, 1, 0, 0]) }
    #expect(throws: ClientHelloError.notTLS) { try parse([22, 3, 1, 0x40, 1]) }
    // A server's message.
    #expect(throws: ClientHelloError.malformed) { try parse(Self.records([2, 0, 0, 0])) }
  }

  @Test func lengthsHaveToAgree() {
    let message = Self.usual("a.test")
    // Something between the records.
    let cut = Self.records(Array(message[..<100]))
    #expect(throws: ClientHelloError.malformed) { try parse(cut + [21, 3, 1, 0, 2, 1, 0]) }
    // One byte more or less in the message than its parts say.
    for delta in [-1, 1] {
      var broken = message
      let length = message.count - 4 + delta
      broken.replaceSubrange(1..<4, with: Self.number(length, 3))
      if delta == 1 { broken.append(0) }
      #expect(throws: ClientHelloError.malformed) { try parse(Self.records(broken)) }
    }
  }

  @Test func largeOnesAreRefusedBeforeTheyAreRead() {
    let header: [UInt8] = [1] + Self.number(ClientHello.maximumMessage + 1, 3)
    #expect(throws: ClientHelloError.tooLong) { try parse(Self.records(header)) }
    // Records of one byte.
    let drip = Self.records(Self.usual("a.test"), size: 1)
    #expect(throws: ClientHelloError.tooLong) { try parse(drip) }
  }

  @Test func nothingIsAcceptedThatWasCut() {
    let message = Self.usual("a.test")
    for end in 4..<message.count {
      var cut = Array(message[..<end])
      cut.replaceSubrange(1..<4, with: Self.number(end - 4, 3))
      // A hello without extensions is one, too.
      if end == 4 + 34 + 33 + 6 + 2 { continue }
      #expect(throws: ClientHelloError.self, "\(end)") { try parse(Self.records(cut)) }
    }
  }
}
