/// A parsed request head: method, target, fields and what they say about body and connection.
///
/// Meant to be used for request after request: parsing into a head that was used before allocates
/// nothing once its memory has grown to the size of the usual head. After `parse` threw, the head is
/// empty.
public struct RequestHead: ~Copyable {
  static let longestMethod = 32

  /// The head as it was sent, with an empty line before it if there was one, followed by one byte
  /// when `path` needs it. All ranges index this.
  public internal(set) var bytes = ByteBuffer()
  public private(set) var method = HTTPMethod.other
  public private(set) var methodName = ByteRange.empty
  /// As sent.
  public private(set) var target = ByteRange.empty
  /// What the target means: OPTIONS of an absolute target without path and query is in asterisk form
  /// (RFC 9112 3.2.4).
  public private(set) var form = TargetForm.origin
  /// The raw path. "/" (or "*" for OPTIONS, RFC 9112 3.2.4) for an absolute target without one, "*"
  /// in asterisk form, empty in authority form.
  public private(set) var path = ByteRange.empty
  /// Without the question mark; nil without one.
  public private(set) var query: ByteRange?
  /// `host[:port]` as sent; nil only when an HTTP/1.0 request has no Host.
  public private(set) var authority: ByteRange?
  /// The host in `authority`, an IPv6 address with its brackets.
  public private(set) var host: ByteRange?
  /// The port in `authority`.
  public private(set) var port: UInt16?
  public private(set) var version = HTTPVersion.http11
  public private(set) var fields: [HeaderField] = []
  public private(set) var framing = BodyFraming.none
  /// Whether the client wants to send another request on the connection.
  public private(set) var keepsAlive = false
  /// Whether the client waits for 100 (Continue) before it sends the body.
  public private(set) var expectsContinue = false
  /// Upgrade's value, if Connection contains the option and the version is 1.1.
  public private(set) var upgrade: ByteRange?
  private var present: UInt128 = 0

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
    method = .other
    methodName = .empty
    target = .empty
    path = .empty
    query = nil
    authority = nil
    host = nil
    port = nil
    framing = .none
    keepsAlive = false
    expectsContinue = false
    upgrade = nil
    present = 0
  }

  /// Parses the head at the start of `input`; returns its length, nil when more bytes are needed.
  ///
  /// Usually the head is there whole and is parsed in one pass. `scanned` is 0 for a new head and is
  /// kept by the caller between calls over the same, grown bytes; with it, a head that arrives byte
  /// by byte costs linear time.
  public mutating func parse(
    prefixOf input: Span<UInt8>, scanned: inout Int, limits: HeadLimits
  ) throws(HeadError) -> Int? {
    if scanned == 0 {
      let window = input.extracting(..<min(input.count, limits.effectiveBytes))
      // What fails here is either incomplete or wrong; the scanner tells which.
      if let count = try? parseStart(window, limits: limits) { return count }
    }
    guard let count = try HeadScanner.endOfHead(input, scanned: &scanned, limits: limits) else {
      return nil
    }
    scanned = 0
    try parse(input.extracting(..<count), limits: limits)
    return count
  }

  /// Parses one complete head, as `HeadScanner` delimits it, and keeps its own copy of the bytes.
  public mutating func parse(_ head: Span<UInt8>, limits: HeadLimits) throws(HeadError) {
    if head.count > limits.effectiveBytes { throw .headTooLarge }
    if try parseStart(head, limits: limits) != head.count {
      reset()
      throw .incompleteHead
    }
  }

  /// Returns where the head ends; `head` may go on behind it. A head that failed is empty: no range
  /// outlives the bytes it belongs to.
  private mutating func parseStart(
    _ head: Span<UInt8>, limits: HeadLimits
  ) throws(HeadError) -> Int {
    do throws(HeadError) {
      return try parseLines(head, limits: limits)
    } catch {
      reset()
      throw error
    }
  }

  /// What was parsed are the words of HTTP/1.1 for a head of HTTP/2.
  public mutating func arrivedByHTTP2() { version = .http2 }

  private mutating func parseLines(
    _ head: Span<UInt8>, limits: HeadLimits
  ) throws(HeadError) -> Int {
    bytes.clear()
    if !fields.isEmpty { fields.removeAll(keepingCapacity: true) }
    var line = RequestLine()
    try line.parse(head, limits: limits)

    var facts = FieldFacts()
    let end = try FieldSection.parse(
      head, from: line.end, limits: limits, into: &fields, facts: &facts)

    method = line.method
    version = line.version
    methodName = line.methodName
    target = line.target
    form = line.form
    path = line.path
    query = line.query
    present = facts.present
    try resolveAuthority(head, line, facts)

    framing = try facts.explicitFraming(head, version: version) ?? .none
    keepsAlive = !facts.closes && (version == .http11 || facts.keepsAlive)
    expectsContinue = try FieldFacts.expectsContinue(head, facts, version, framing)
    upgrade = nil
    if facts.upgrades, version == .http11, let value = facts.upgrade, !value.isEmpty {
      upgrade = value
    }

    bytes.append(head.extracting(..<end))
    if line.needsPath {
      path = ByteRange(end, end + 1)
      if method == .options && query == nil {
        form = .asterisk
        bytes.append(0x2A)
      } else {
        bytes.append(0x2F)
      }
    }
    return end
  }

  /// RFC 9112 3.2 and 3.2.2: one valid Host, which must name what an absolute target names.
  private mutating func resolveAuthority(
    _ head: Span<UInt8>, _ line: RequestLine, _ facts: FieldFacts
  ) throws(HeadError) {
    if facts.host == nil, version == .http11 { throw .missingHost }
    guard let sent = line.authority ?? facts.host else {
      authority = nil
      host = nil
      port = nil
      return
    }
    guard let parsed = HostSyntax.parse(head.extracting(sent.range)) else { throw .invalidHost }
    let base = Int(sent.start)
    authority = sent
    host = ByteRange(base + parsed.host.lowerBound, base + parsed.host.upperBound)
    port = parsed.port
    guard line.authority != nil, let other = facts.host else { return }
    let value = head.extracting(other.range)
    guard let second = HostSyntax.parse(value) else { throw .invalidHost }
    let same = head.extracting(sent.range).extracting(parsed.host)
      .equalsIgnoringCase(value.extracting(second.host))
    // Without a port, both mean the scheme's.
    let standard = line.standardPort
    if !same || (parsed.port ?? standard) != (second.port ?? standard) { throw .hostMismatch }
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

extension FieldFacts {
  /// RFC 9110 10.1.1: ignored in HTTP/1.0 and without a body.
  static func expectsContinue(
    _ head: Span<UInt8>, _ facts: FieldFacts, _ version: HTTPVersion, _ framing: BodyFraming
  ) throws(HeadError) -> Bool {
    guard let expect = facts.expect, version == .http11 else { return false }
    guard head.extracting(expect.range).equalsIgnoringCase("100-continue") else {
      throw .unsupportedExpectation
    }
    return framing != .none && framing != .length(0)
  }
}

extension RequestHead {
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
