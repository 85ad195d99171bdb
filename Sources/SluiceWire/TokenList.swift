/// Walks a comma-separated list of tokens (RFC 9110 5.6.1), skipping empty elements.
public struct TokenList: ~Escapable {
  private let bytes: Span<UInt8>
  private var at = 0
  /// Set when something that is no token was met; the walk ends there.
  public private(set) var isInvalid = false

  @_lifetime(copy bytes)
  public init(_ bytes: Span<UInt8>) { self.bytes = bytes }

  /// The next token's range, nil at the end.
  public mutating func next() -> Range<Int>? {
    let token = ByteSet.token
    while at < bytes.count, bytes[at] == 0x2C || FieldSyntax.isWhitespace(bytes[at]) { at &+= 1 }
    let start = at
    while at < bytes.count, token.contains(bytes[at]) { at &+= 1 }
    let end = at
    while at < bytes.count, FieldSyntax.isWhitespace(bytes[at]) { at &+= 1 }
    if at < bytes.count, bytes[at] != 0x2C {
      isInvalid = true
      return nil
    }
    return start == end ? nil : start..<end
  }
}

/// The Connection field (RFC 9110 7.6.1).
enum Connection {
  /// Options in one head; more would only make every field be compared with every option.
  private static let maxOptions = 32

  /// Reads every Connection field and marks the fields that they nominate as hop-by-hop.
  static func apply(
    _ head: Span<UInt8>, _ fields: inout [HeaderField], _ facts: inout FieldFacts
  ) throws(HeadError) {
    var options = 0
    for index in fields.indices where fields[index].known == .connection {
      let value = head.extracting(fields[index].value.range)
      // The two values that nearly every message carries.
      if isKeepAlive(value) {
        facts.keepsAlive = true
        continue
      }
      if value.equalsIgnoringCase("close") {
        facts.closes = true
        continue
      }
      var list = TokenList(value)
      while let range = list.next() {
        options += 1
        if options > maxOptions { throw .invalidConnection }
        try apply(value.extracting(range), head, &fields, &facts)
      }
      if list.isInvalid { throw .invalidConnection }
    }
  }

  /// A field's value holds no carriage return, so that setting bit 5 only lowers letters here.
  @inline(__always)
  private static func isKeepAlive(_ value: Span<UInt8>) -> Bool {
    value.count == 10 && value.word(at: 0) | Word.spaces == 0x696C_612D_7065_656B
      && value.word(at: 2) | Word.spaces == 0x6576_696C_612D_7065
  }

  private static func apply(
    _ option: Span<UInt8>, _ head: Span<UInt8>, _ fields: inout [HeaderField],
    _ facts: inout FieldFacts
  ) throws(HeadError) {
    if option.equalsIgnoringCase("close") {
      facts.closes = true
      return
    }
    let known = FieldName(option)
    switch known {
    case .keepAlive: facts.keepsAlive = true
    case .upgrade: facts.upgrades = true
    default: break
    }
    if known.isHopByHop { return }
    if known.mustNotBeNominated { throw .forbiddenConnectionOption }
    for index in fields.indices where fields[index].known == known {
      if known != .other
        || head.extracting(fields[index].name.range).equalsIgnoringCase(option)
      {
        fields[index].isHopByHop = true
      }
    }
  }
}

extension FieldName {
  /// Fields that a caller must not make the gateway drop by naming them in Connection, because who
  /// is behind it relies on them: framing, routing, identity, caching.
  var mustNotBeNominated: Bool {
    switch self {
    case .host, .contentLength, .contentType, .contentEncoding, .authorization, .cookie, .setCookie,
      .cacheControl, .forwarded, .via, .xForwardedFor, .xForwardedHost, .xForwardedPort,
      .xForwardedProto, .xForwardedPrefix, .xRealIP, .xRequestID, .origin, .date, .xAPIKey:
      true
    default: false
    }
  }
}
