/// The trailer fields of a chunked body (RFC 9110 6.5), without those that must not be trailers.
///
/// Owns no memory when there are none.
public struct TrailerSection: Sendable {
  /// Bytes that the section may have.
  public static let maxBytes = 8_192
  public static let maxFields = 32

  /// The section as sent; the ranges in `fields` index this.
  public private(set) var bytes: [UInt8] = []
  public private(set) var fields: [HeaderField] = []

  public var isEmpty: Bool { fields.isEmpty }

  public init() {}

  /// The bytes of a range of this section.
  @_lifetime(borrow self)
  public func span(_ range: ByteRange) -> Span<UInt8> {
    bytes.span.extracting(range.range)
  }

  /// Leaves out the fields whose names are to go.
  public mutating func remove(where isUnwanted: (Span<UInt8>) -> Bool) {
    let bytes = self.bytes
    fields.removeAll { isUnwanted(bytes.span.extracting($0.name.range)) }
  }

  /// Parses a whole section, which ends in an empty line.
  public init(parsing section: Span<UInt8>) throws(BodyError) {
    if section.count > TrailerSection.maxBytes { throw .trailersTooLarge }
    bytes = section.withUnsafeBufferPointer { Array($0) }
    try finish()
  }

  /// Adds a byte of the raw section.
  mutating func append(_ byte: UInt8) throws(BodyError) {
    if bytes.count >= TrailerSection.maxBytes { throw .trailersTooLarge }
    bytes.append(byte)
  }

  /// Parses the raw section, which ends in an empty line.
  mutating func finish() throws(BodyError) {
    var limits = HeadLimits()
    limits.fields = TrailerSection.maxFields
    var facts = FieldFacts()
    var parsed: [HeaderField] = []
    do throws(HeadError) {
      let end = try FieldSection.parse(
        bytes.span, from: 0, limits: limits, into: &parsed, facts: &facts)
      if end != bytes.count { throw HeadError.incompleteHead }
    } catch {
      switch error {
      case .tooManyFields: throw .tooManyTrailers
      case .bareLineFeed: throw .bareLineFeed
      case .bareCarriageReturn: throw .bareCarriageReturn
      default: throw .invalidTrailer
      }
    }
    parsed.removeAll { $0.isHopByHop || !$0.known.mayBeTrailer }
    fields = parsed
    if fields.isEmpty { bytes = [] }
  }
}

extension FieldName {
  /// RFC 9110 6.5.1: nothing that frames, routes, authenticates, or changes how content is handled.
  var mayBeTrailer: Bool {
    if isHopByHop || mustNotBeNominated { return self == .date }
    switch self {
    case .expect, .maxForwards, .range, .ifMatch, .ifNoneMatch, .ifModifiedSince,
      .ifUnmodifiedSince, .ifRange, .contentRange, .contentLocation, .location, .retryAfter, .vary,
      .age, .expires, .pragma, .wwwAuthenticate, .accept, .acceptEncoding, .acceptLanguage,
      .secWebSocketKey, .secWebSocketAccept, .secWebSocketVersion, .secWebSocketProtocol,
      .secWebSocketExtensions, .accessControlAllowOrigin, .accessControlRequestMethod,
      .accessControlRequestHeaders, .strictTransportSecurity, .altSvc, .referer, .userAgent:
      return false
    default: return true
    }
  }
}
