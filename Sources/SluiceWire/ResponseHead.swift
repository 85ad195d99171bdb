/// A parsed response head. Reused like `RequestHead`.
public struct ResponseHead: ~Copyable {
  /// The head as it was sent. All ranges index this.
  public internal(set) var bytes = ByteBuffer()
  /// Between 100 and 599.
  public private(set) var status = 0
  public private(set) var reason = ByteRange.empty
  public private(set) var version = HTTPVersion.http11
  public private(set) var fields: [HeaderField] = []
  public private(set) var framing = BodyFraming.none
  /// Content-Length as sent, also where there is no body, as in the answer to HEAD.
  public private(set) var contentLength: UInt64?
  /// Whether the connection can carry another request after this response.
  public private(set) var keepsAlive = false
  /// Upgrade's value, for 101 only.
  public private(set) var upgrade: ByteRange?
  private var present: UInt128 = 0
  /// The gateway wrote `bytes` itself: a response by HTTP/1.1 that says its length and nothing of a
  /// connection, so they can be sent as they are. For who has parsed them to say; parsing forgets it.
  public var isComposed = false

  /// Whether another response to the same request follows: 1xx except 101, which is the last one.
  public var isInformational: Bool { status < 200 && status != 101 }

  public init() {}

  /// Forgets everything, keeps the memory.
  public mutating func reset() {
    bytes.clear()
    fields.removeAll(keepingCapacity: true)
    clear()
  }

  /// Forgets everything and gives the memory back.
  public mutating func release() {
    bytes.release()
    fields = []
    clear()
  }

  private mutating func clear() {
    status = 0
    reason = .empty
    framing = .none
    contentLength = nil
    keepsAlive = false
    upgrade = nil
    present = 0
    isComposed = false
  }

  /// Parses the head at the start of `input`, the answer to a request with `requestMethod`; returns
  /// its length, nil when more bytes are needed. See `RequestHead.parse(prefixOf:)`.
  public mutating func parse(
    prefixOf input: Span<UInt8>, scanned: inout Int, requestMethod: HTTPMethod, limits: HeadLimits
  ) throws(HeadError) -> Int? {
    if scanned == 0 {
      let window = input.extracting(..<min(input.count, limits.effectiveBytes))
      // What fails here is either incomplete or wrong; the scanner tells which.
      if let count = try? parseStart(window, requestMethod, limits) { return count }
    }
    guard let count = try HeadScanner.endOfHead(input, scanned: &scanned, limits: limits) else {
      return nil
    }
    scanned = 0
    try parse(input.extracting(..<count), requestMethod: requestMethod, limits: limits)
    return count
  }

  /// Parses one complete head, the answer to a request with `requestMethod`, and keeps its own copy
  /// of the bytes.
  public mutating func parse(
    _ head: Span<UInt8>, requestMethod: HTTPMethod, limits: HeadLimits
  ) throws(HeadError) {
    if head.count > limits.effectiveBytes { throw .headTooLarge }
    if try parseStart(head, requestMethod, limits) != head.count {
      reset()
      throw .incompleteHead
    }
  }

  /// Returns where the head ends; `head` may go on behind it. A head that failed is empty: no range
  /// outlives the bytes it belongs to.
  private mutating func parseStart(
    _ head: Span<UInt8>, _ requestMethod: HTTPMethod, _ limits: HeadLimits
  ) throws(HeadError) -> Int {
    do throws(HeadError) {
      return try parseLines(head, requestMethod, limits)
    } catch {
      reset()
      throw error
    }
  }

  private mutating func parseLines(
    _ head: Span<UInt8>, _ requestMethod: HTTPMethod, _ limits: HeadLimits
  ) throws(HeadError) -> Int {
    bytes.clear()
    isComposed = false
    fields.removeAll(keepingCapacity: true)
    let lineEnd = try parseStatusLine(head)

    var facts = FieldFacts()
    let end = try FieldSection.parse(
      head, from: lineEnd, limits: limits, into: &fields, facts: &facts)
    present = facts.present
    contentLength = facts.contentLength
    let explicit = try facts.explicitFraming(head, version: version)
    framing = try framing(explicit, requestMethod)
    keepsAlive =
      framing != .untilClose && !facts.closes && (version == .http11 || facts.keepsAlive)
    upgrade = nil
    if status == 101 {
      guard version == .http11, facts.upgrades, let value = facts.upgrade, !value.isEmpty else {
        throw .invalidUpgrade
      }
      upgrade = value
    }
    bytes.append(head.extracting(..<end))
    return end
  }

  /// `version SP status [SP [reason]] CRLF`; returns where the field lines begin.
  private mutating func parseStatusLine(_ head: Span<UInt8>) throws(HeadError) -> Int {
    let end = try FieldSection.lineEnd(head, from: 0)
    guard end >= 12 else { throw .invalidStatusLine }
    switch head.word(at: 0) {
    case Version.http11: version = .http11
    case Version.http10: version = .http10
    default: throw Version.fault(head.extracting(0..<8), otherwise: .invalidStatusLine)
    }
    guard head[8] == .space, head[9].isDigit, head[10].isDigit, head[11].isDigit else {
      throw .invalidStatusLine
    }
    status = Int(head[9] &- 0x30) * 100 + Int(head[10] &- 0x30) * 10 + Int(head[11] &- 0x30)
    if end == 12 {
      // The space before an empty reason is often left out, and nothing hangs on it.
      reason = .empty
    } else {
      guard head[12] == .space else { throw .invalidStatusLine }
      reason = ByteRange(13, end)
    }
    guard status >= 100, status < 600 else { throw .invalidStatus }
    return end &+ 2
  }

  /// RFC 9112 6.3.
  private func framing(
    _ explicit: BodyFraming?, _ requestMethod: HTTPMethod
  ) throws(HeadError) -> BodyFraming {
    if requestMethod == .connect, status / 100 == 2 { throw .unexpectedSuccessToConnect }
    if status < 200 || status == 204 {
      // Many send "Content-Length: 0" here; anything more would be read as the next response.
      if let explicit, explicit != .length(0) { throw .bodyNotAllowed }
      return .none
    }
    if requestMethod == .head || status == 304 { return .none }
    return explicit ?? .untilClose
  }

  /// Whether any field has this name.
  @inline(__always)
  func has(_ name: FieldName) -> Bool { (present &>> UInt128(name.rawValue)) & 1 == 1 }

  /// The index in `fields` of the first field with this name.
  public func firstIndex(of name: FieldName) -> Int? {
    if !has(name) { return nil }
    return fields.firstIndex { $0.known == name }
  }

  /// The index in `fields` of this field when there is exactly one.
  public func onlyIndex(of name: FieldName) -> Int? {
    guard let first = firstIndex(of: name) else { return nil }
    for index in (first + 1)..<fields.count where fields[index].known == name { return nil }
    return first
  }

  /// The index in `fields` of the first field with this name, ignoring case.
  public func firstIndex(named name: Span<UInt8>) -> Int? {
    let known = FieldName(name)
    if known != .other { return firstIndex(of: known) }
    for index in fields.indices where fields[index].known == .other {
      if Int(fields[index].name.count) == name.count,
        span(fields[index].name).equalsIgnoringCase(name)
      {
        return index
      }
    }
    return nil
  }

  /// The bytes of a range of this head.
  @inlinable
  @_lifetime(borrow self)
  public func span(_ range: ByteRange) -> Span<UInt8> {
    bytes.span.extracting(range.range)
  }
}

extension ResponseHead {
  /// Appends the values of all fields of this name as one list (RFC 9110 5.3).
  public borrowing func appendValues(of name: FieldName, to output: inout ByteBuffer) {
    var isFirst = true
    for field in fields where field.known == name {
      if !isFirst { output.append(", ") }
      isFirst = false
      output.append(span(field.value))
    }
  }
}
