/// Why bytes are no beginning of TLS.
public enum ClientHelloError: Error, Equatable, CaseIterable, Sendable {
  /// Something else than a TLS handshake begins the connection.
  case notTLS
  /// It begins like one and cannot be one.
  case malformed
  case tooLong
  /// A server name that is none, or more than one.
  case badName

  public var code: StaticString {
    switch self {
    case .notTLS: "not-tls"
    case .malformed: "malformed"
    case .tooLong: "too-long"
    case .badName: "bad-name"
    }
  }
}

/// What a caller says before anything is encrypted (RFC 8446 4.1.2): the name of the server that it
/// wants (RFC 6066 3). Where it hides its real hello in an outer one (ECH), that is the outer's name,
/// which is meant for whoever only passes the connection on. Strict; nothing is consumed.
public struct ClientHello: Equatable, Sendable {
  /// In lower case; nil when no server is named.
  public let serverName: [UInt8]?

  /// Bytes of the message at most; with large keys they are some 2,000 today.
  public static let maximumMessage = 16 * 1_024
  /// So many bytes hold any message that is accepted: in records of at least `minimumRecord` bytes, but
  /// for the last.
  public static let maximumBytes = maximumMessage + 5 * (maximumMessage / minimumRecord + 1)
  /// Smaller records would cost more to read than they say.
  static let minimumRecord = 16

  private static let handshakeRecord: UInt8 = 22
  private static let clientHello: UInt8 = 1
  private static let serverNameExtension = 0
  private static let hostName: UInt8 = 0
  private static let maximumName = 253

  /// Nil when more bytes are needed.
  public static func parse(
    prefixOf bytes: Span<UInt8>
  ) throws(ClientHelloError) -> ClientHello? {
    var message: [UInt8] = []
    var at = 0
    var smallRecords = 0
    // The message may lie in any number of records.
    while true {
      if let length = try messageLength(message), message.count >= length {
        return try ClientHello(message: message[..<length])
      }
      guard let record = try record(bytes, at) else { return nil }
      if record.count < minimumRecord { smallRecords += 1 }
      if smallRecords > maximumMessage / minimumRecord { throw .tooLong }
      for index in record { message.append(bytes[index]) }
      at = record.upperBound
    }
  }

  /// Of the whole message with its header, as soon as that is here.
  private static func messageLength(_ message: [UInt8]) throws(ClientHelloError) -> Int? {
    if let type = message.first, type != clientHello { throw .malformed }
    if message.count < 4 { return nil }
    let length = Int(message[1]) << 16 | Int(message[2]) << 8 | Int(message[3])
    if length > maximumMessage { throw .tooLong }
    return 4 + length
  }

  /// Where a record's payload lies; nil when it is not whole. What can be wrong is wrong at once.
  private static func record(
    _ bytes: Span<UInt8>, _ at: Int
  ) throws(ClientHelloError) -> Range<Int>? {
    let error: ClientHelloError = at == 0 ? .notTLS : .malformed
    let there = bytes.count - at
    if there > 0 && bytes[at] != handshakeRecord { throw error }
    if there > 1 && bytes[at + 1] != 3 { throw error }
    if there < 5 { return nil }
    let length = Int(bytes[at + 3]) << 8 | Int(bytes[at + 4])
    if length == 0 || length > 16_384 { throw error }
    return there < 5 + length ? nil : (at + 5)..<(at + 5 + length)
  }

  private init(message: ArraySlice<UInt8>) throws(ClientHelloError) {
    var reader = Reader(rest: message.dropFirst(4))
    // legacy_version, random
    try reader.skip(34)
    // legacy_session_id, cipher_suites, legacy_compression_methods
    _ = try reader.vector(1)
    _ = try reader.vector(2)
    _ = try reader.vector(1)
    var name: [UInt8]?
    if !reader.rest.isEmpty {
      var extensions = Reader(rest: try reader.vector(2))
      var isNamed = false
      while !extensions.rest.isEmpty {
        let type = try extensions.number(2)
        let content = try extensions.vector(2)
        if type != Self.serverNameExtension { continue }
        if isNamed { throw .badName }
        isNamed = true
        name = try Self.name(content)
      }
    }
    if !reader.rest.isEmpty { throw .malformed }
    serverName = name
  }

  private static func name(_ content: ArraySlice<UInt8>) throws(ClientHelloError) -> [UInt8] {
    var reader = Reader(rest: content)
    var list = Reader(rest: try reader.vector(2))
    if !reader.rest.isEmpty { throw .malformed }
    let type = try list.number(1)
    let name = try list.vector(2)
    // Only host names are defined, and there is one of each type.
    guard type == Int(hostName), list.rest.isEmpty else { throw .badName }
    guard !name.isEmpty, name.count <= maximumName, name.first != 0x2E, name.last != 0x2E,
      name.allSatisfy(isNameByte)
    else { throw .badName }
    return name.map(\.asciiLowercased)
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
    default: false
    }
  }

  /// Takes a message apart from the front.
  private struct Reader {
    var rest: ArraySlice<UInt8>

    mutating func skip(_ count: Int) throws(ClientHelloError) {
      if rest.count < count { throw .malformed }
      rest = rest.dropFirst(count)
    }

    mutating func number(_ bytes: Int) throws(ClientHelloError) -> Int {
      if rest.count < bytes { throw .malformed }
      defer { rest = rest.dropFirst(bytes) }
      return rest.prefix(bytes).reduce(0) { $0 << 8 | Int($1) }
    }

    /// What follows its own length, which has so many bytes.
    mutating func vector(_ bytes: Int) throws(ClientHelloError) -> ArraySlice<UInt8> {
      let count = try number(bytes)
      if rest.count < count { throw .malformed }
      defer { rest = rest.dropFirst(count) }
      return rest.prefix(count)
    }
  }
}
