/// Why bytes are no PROXY header.
public enum ProxyHeaderError: Error, Equatable, CaseIterable, Sendable {
  /// Something else than a PROXY header begins the connection.
  case missing
  case malformed
  case unsupportedVersion
  case unsupportedCommand
  /// A family or transport that no TCP connection has.
  case unsupportedFamily
  case tooLong

  public var code: StaticString {
    switch self {
    case .missing: "missing"
    case .malformed: "malformed"
    case .unsupportedVersion: "unsupported-version"
    case .unsupportedCommand: "unsupported-command"
    case .unsupportedFamily: "unsupported-family"
    case .tooLong: "too-long"
    }
  }
}

/// The header by which a load balancer says for whom it opened a connection: the PROXY protocol,
/// versions 1 (text) and 2 (binary), as HAProxy's `proxy-protocol.txt` defines them. Strict.
public struct ProxyHeader: Equatable, Sendable {
  public struct End: Equatable, Sendable {
    public var ip: IPAddress
    public var port: UInt16

    public init(ip: IPAddress, port: UInt16) {
      self.ip = ip
      self.port = port
    }
  }

  /// Who called and what was called; nil when the balancer speaks for itself (LOCAL, UNKNOWN), or
  /// for a caller without an IP address.
  public var ends: (source: End, destination: End)? {
    get { stored.map { ($0.source, $0.destination) } }
    set { stored = newValue.map { Ends(source: $0.source, destination: $0.destination) } }
  }

  private struct Ends: Equatable, Sendable {
    var source: End
    var destination: End
  }

  private var stored: Ends?

  /// Bytes of a version 2 header at most; extensions are short.
  public static let maximumBytes = 2_048
  /// The longest line: "PROXY UNKNOWN" with two IPv6 addresses, two ports and CRLF.
  static let maximumTextBytes = 107

  public init(source: End, destination: End) {
    stored = Ends(source: source, destination: destination)
  }

  /// The balancer speaks for itself.
  public init() {}

  static let signature: [UInt8] = [
    0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
  ]

  /// The header that `bytes` begin with and its length; nil when it is not complete.
  public static func parse(
    prefixOf bytes: Span<UInt8>
  ) throws(ProxyHeaderError) -> (header: ProxyHeader, count: Int)? {
    guard bytes.count > 0 else { return nil }
    if bytes[0] == signature[0] { return try parseBinary(bytes) }
    return try parseText(bytes)
  }
}

// MARK: Version 2

extension ProxyHeader {
  private static func parseBinary(
    _ bytes: Span<UInt8>
  ) throws(ProxyHeaderError) -> (header: ProxyHeader, count: Int)? {
    for index in 0..<min(signature.count, bytes.count) where bytes[index] != signature[index] {
      throw .missing
    }
    guard bytes.count >= 16 else { return nil }
    guard bytes[12] >> 4 == 2 else { throw .unsupportedVersion }
    let command = bytes[12] & 15
    guard command <= 1 else { throw .unsupportedCommand }
    let length = Int(number(bytes, 14, 2))
    guard 16 + length <= maximumBytes else { throw .tooLong }
    let width = try addressBytes(family: bytes[13])
    guard length >= width else { throw .malformed }
    guard bytes.count >= 16 + length else { return nil }
    let count = 16 + length
    try checkExtensions(bytes.extracting((16 + width)..<count))
    guard command == 1 else { return (ProxyHeader(), count) }
    switch width {
    case 12:
      return (
        ProxyHeader(
          source: End(
            ip: IPAddress(v4: UInt32(number(bytes, 16, 4))), port: UInt16(number(bytes, 24, 2))),
          destination: End(
            ip: IPAddress(v4: UInt32(number(bytes, 20, 4))), port: UInt16(number(bytes, 26, 2)))),
        count
      )
    case 36:
      return (
        ProxyHeader(
          source: End(ip: address(bytes, 16), port: UInt16(number(bytes, 48, 2))),
          destination: End(ip: address(bytes, 32), port: UInt16(number(bytes, 50, 2)))), count
      )
    default: return (ProxyHeader(), count)
    }
  }

  /// Family and transport: unspecified, or one of those over a stream.
  private static func addressBytes(family: UInt8) throws(ProxyHeaderError) -> Int {
    switch family {
    case 0x00: 0
    case 0x11: 12
    case 0x21: 36
    case 0x31: 216
    default: throw .unsupportedFamily
    }
  }

  /// Type, length, value, up to the end. What they say is not used.
  private static func checkExtensions(_ bytes: Span<UInt8>) throws(ProxyHeaderError) {
    var offset = 0
    while offset < bytes.count {
      guard offset + 3 <= bytes.count else { throw .malformed }
      offset += 3 + Int(number(bytes, offset + 1, 2))
    }
    guard offset == bytes.count else { throw .malformed }
  }

  private static func address(_ bytes: Span<UInt8>, _ start: Int) -> IPAddress {
    IPAddress(high: number(bytes, start, 8), low: number(bytes, start + 8, 8))
  }

  private static func number(_ bytes: Span<UInt8>, _ start: Int, _ count: Int) -> UInt64 {
    var value: UInt64 = 0
    for index in start..<(start + count) { value = value << 8 | UInt64(bytes[index]) }
    return value
  }
}

// MARK: Version 1

extension ProxyHeader {
  private static let prefix = Array("PROXY ".utf8)

  private static func parseText(
    _ bytes: Span<UInt8>
  ) throws(ProxyHeaderError) -> (header: ProxyHeader, count: Int)? {
    for index in 0..<min(prefix.count, bytes.count) where bytes[index] != prefix[index] {
      throw .missing
    }
    var end = prefix.count
    while end < bytes.count && bytes[end] != 0x0A {
      end += 1
      if end >= maximumTextBytes { throw .tooLong }
    }
    if end >= bytes.count { return nil }
    guard bytes[end - 1] == 0x0D else { throw .malformed }
    let line = bytes.extracting(prefix.count..<(end - 1))
    return (try parseLine(line), end + 1)
  }

  private static func parseLine(_ line: Span<UInt8>) throws(ProxyHeaderError) -> ProxyHeader {
    var rest = Words(offset: 0)
    guard let family = rest.next(in: line) else { throw .malformed }
    let word = line.extracting(family)
    // What stands behind UNKNOWN is to be ignored.
    if equal(word, "UNKNOWN") { return ProxyHeader() }
    let isIPv4 = equal(word, "TCP4")
    guard isIPv4 || equal(word, "TCP6") else { throw .unsupportedFamily }
    guard let source = rest.next(in: line), let destination = rest.next(in: line),
      let sourcePort = rest.next(in: line), let destinationPort = rest.next(in: line),
      rest.isAtEnd(of: line)
    else { throw .malformed }
    return ProxyHeader(
      source: End(
        ip: try ip(line.extracting(source), isIPv4), port: try port(line.extracting(sourcePort))),
      destination: End(
        ip: try ip(line.extracting(destination), isIPv4),
        port: try port(line.extracting(destinationPort))))
  }

  private static func ip(
    _ text: Span<UInt8>, _ isIPv4: Bool
  ) throws(ProxyHeaderError) -> IPAddress {
    guard let ip = IPAddress(text: text) else { throw .malformed }
    // An IPv4-mapped IPv6 address is the IPv4 address here, so the text decides.
    var hasColon = false
    for index in text.indices where text[index] == 0x3A { hasColon = true }
    guard hasColon != isIPv4 else { throw .malformed }
    return ip
  }

  private static func port(_ text: Span<UInt8>) throws(ProxyHeaderError) -> UInt16 {
    guard (1...5).contains(text.count), text.count == 1 || text[0] != 0x30 else {
      throw .malformed
    }
    var value = 0
    for index in text.indices {
      guard text[index] &- 0x30 < 10 else { throw .malformed }
      value = value * 10 + Int(text[index] &- 0x30)
    }
    guard let port = UInt16(exactly: value) else { throw .malformed }
    return port
  }

  private static func equal(_ text: Span<UInt8>, _ other: StaticString) -> Bool {
    guard text.count == other.utf8CodeUnitCount else { return false }
    for index in text.indices where text[index] != other.utf8Start[index] { return false }
    return true
  }

  /// Words with exactly one space between them.
  private struct Words {
    /// Where the next word begins; beyond the line's end after the last.
    var offset: Int

    mutating func next(in line: Span<UInt8>) -> Range<Int>? {
      let start = offset
      guard start < line.count else { return nil }
      var end = start
      while end < line.count && line[end] != 0x20 { end += 1 }
      offset = end + 1
      return end > start ? start..<end : nil
    }

    func isAtEnd(of line: Span<UInt8>) -> Bool { offset == line.count + 1 }
  }
}

// MARK: Writing

extension ProxyHeader {
  /// Appends the header as text. Two addresses of different families have no common word for it:
  /// then the receiver learns nothing.
  public func appendVersion1(to output: inout ByteBuffer) {
    guard let ends, ends.source.ip.isIPv4 == ends.destination.ip.isIPv4 else {
      return output.append("PROXY UNKNOWN\r\n")
    }
    output.append(ends.source.ip.isIPv4 ? "PROXY TCP4 " : "PROXY TCP6 ")
    output.append(ip: ends.source.ip)
    output.append(0x20)
    output.append(ip: ends.destination.ip)
    output.append(0x20)
    output.append(decimal: UInt64(ends.source.port))
    output.append(0x20)
    output.append(decimal: UInt64(ends.destination.port))
    output.append("\r\n")
  }

  /// Appends the header in binary; an IPv4 address beside an IPv6 one takes its mapped form.
  public func appendVersion2(to output: inout ByteBuffer) {
    output.append(Self.signature)
    guard let ends else { return output.append([0x20, 0x00, 0, 0]) }
    if let source = ends.source.ip.v4, let destination = ends.destination.ip.v4 {
      output.append([0x21, 0x11, 0, 12])
      Self.append(UInt64(source), 4, to: &output)
      Self.append(UInt64(destination), 4, to: &output)
    } else {
      output.append([0x21, 0x21, 0, 36])
      for ip in [ends.source.ip, ends.destination.ip] {
        Self.append(ip.high, 8, to: &output)
        Self.append(ip.low, 8, to: &output)
      }
    }
    Self.append(UInt64(ends.source.port), 2, to: &output)
    Self.append(UInt64(ends.destination.port), 2, to: &output)
  }

  private static func append(_ value: UInt64, _ count: Int, to output: inout ByteBuffer) {
    for shift in (0..<count).reversed() {
      output.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * shift)))
    }
  }
}
