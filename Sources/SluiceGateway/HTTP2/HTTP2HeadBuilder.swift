import SluiceWire

/// Puts the fields of a request or a response, one by one as HPACK brings them, into the words of
/// HTTP/1.1, so that one strict parser decides about all of them (RFC 9113 8.2, 8.3).
///
/// Smuggling lives where one protocol is put into another's words: nothing gets in here that could
/// mean more there than a name or a value, and what is not understood is refused. One builder serves
/// a connection, because heads do not overlap.
struct HTTP2HeadBuilder: ~Copyable {
  private let limits: HTTP2Limits
  /// A server reads requests, a client responses.
  private let role: HTTP2Session.Role
  private var status = ByteBuffer()
  private var method = ByteBuffer()
  private var scheme = ByteBuffer()
  private var authority = ByteBuffer()
  private var path = ByteBuffer()
  private var host = ByteBuffer()
  private var tunnel = ByteBuffer()
  private var hasHost = false
  private var lines = ByteBuffer()
  private var cookies = ByteBuffer()
  private var hasContentLength = false
  private var hasRegularField = false
  private var isTrailer = false
  private var answersTunnel = false
  private var count = 0
  /// In HTTP/1.1's words.
  private var bytes = 0
  /// As HPACK counts (RFC 7541 4.1), beyond every limit.
  private var expanded = 0
  /// What was wrong first.
  private(set) var fault: HTTP2HeadFault?

  private static let keptBytes = 4 * 1_024

  init(_ limits: HTTP2Limits, _ role: HTTP2Session.Role = .server) {
    self.limits = limits
    self.role = role
  }

  /// A head, or trailers, follows. `answersTunnel`: of a response to an extended CONNECT.
  mutating func begin(isTrailer: Bool, answersTunnel: Bool = false) {
    release()
    self.isTrailer = isTrailer
    self.answersTunnel = answersTunnel
    hasHost = false
    hasContentLength = false
    hasRegularField = false
    count = 0
    bytes = 0
    expanded = 0
    fault = nil
  }

  private mutating func release() {
    status.clear()
    method.clear()
    scheme.clear()
    authority.clear()
    path.clear()
    host.clear()
    tunnel.clear()
    if lines.allocatedBytes > Self.keptBytes { lines.release() } else { lines.clear() }
    if cookies.allocatedBytes > Self.keptBytes { cookies.release() } else { cookies.clear() }
  }

  /// False when HPACK made so much of it that the connection has to end.
  mutating func append(name: Span<UInt8>, value: Span<UInt8>) -> Bool {
    expanded += name.count + value.count + 32
    if expanded > HTTP2Limits.headExpansion * limits.headBytes { return false }
    if fault != nil { return true }
    do throws(HTTP2HeadFault) {
      try add(name, value)
    } catch {
      fault = error
    }
    return true
  }

  private mutating func add(_ name: Span<UInt8>, _ value: Span<UInt8>) throws(HTTP2HeadFault) {
    bytes += name.count + value.count + 4
    if bytes > limits.headBytes { throw .tooLarge }
    if !name.isEmpty && name[0] == 0x3A { return try addPseudo(name, value) }
    hasRegularField = true
    guard Self.isName(name) else { throw .invalidFieldName }
    guard FieldSyntax.isValue(value) else { throw .invalidFieldValue }
    switch FieldName(name) {
    case .connection, .keepAlive, .proxyConnection, .transferEncoding, .upgrade:
      throw .connectionField
    case .te where role == .server:
      guard value.equalsIgnoringCase("trailers") else { throw .invalidTE }
      return
    case .host where !isTrailer && role == .server:
      if hasHost { throw .repeatedHost }
      hasHost = true
      host.append(value)
      return
    case .cookie where !isTrailer && role == .server:
      // RFC 9113 8.2.3: crumbs are one field to everybody else.
      if cookies.isEmpty {
        try countField()
      } else {
        cookies.append("; ")
      }
      cookies.append(value)
      return
    case .secWebSocketKey where opensTunnel, .secWebSocketAccept where answersTunnel:
      // RFC 8441 5: they are not used.
      return
    case .contentLength where answersTunnel && agrees:
      // RFC 9110 9.3.6: to be ignored.
      return
    case .contentLength: hasContentLength = true
    default: break
    }
    try countField()
    lines.appendField(name: name, value: value)
  }

  private mutating func countField() throws(HTTP2HeadFault) {
    count += 1
    if count > limits.fields { throw .tooManyFields }
  }

  private mutating func addPseudo(
    _ name: Span<UInt8>, _ value: Span<UInt8>
  ) throws(HTTP2HeadFault) {
    if isTrailer || hasRegularField { throw .misplacedPseudoField }
    // Neither a space nor a line's end may get into a request line.
    guard Self.isVisible(value) else { throw .invalidPseudoField }
    if role == .client {
      guard name.equals(":status"), Self.isStatus(value) else { throw .invalidPseudoField }
      return try Self.set(&status, value)
    }
    if name.equals(":method") {
      try Self.set(&method, value)
    } else if name.equals(":scheme") {
      try Self.set(&scheme, value)
    } else if name.equals(":authority") {
      try Self.set(&authority, value)
    } else if name.equals(":protocol") {
      try Self.set(&tunnel, value)
    } else if name.equals(":path") {
      if value.count > limits.target { throw .head(.targetTooLong) }
      try Self.set(&path, value)
    } else {
      throw .invalidPseudoField
    }
  }

  private static func set(
    _ field: inout ByteBuffer, _ value: Span<UInt8>
  ) throws(HTTP2HeadFault) {
    if !field.isEmpty { throw .repeatedPseudoField }
    field.append(value)
  }

  /// RFC 9113 8.2.1: a token without capitals.
  private static func isName(_ name: Span<UInt8>) -> Bool {
    for index in name.indices where name[index] &- 0x41 < 26 { return false }
    return FieldSyntax.isToken(name)
  }

  private static func isStatus(_ value: Span<UInt8>) -> Bool {
    if value.count != 3 { return false }
    for index in value.indices where value[index] &- 0x30 > 9 { return false }
    return true
  }

  private static func isVisible(_ value: Span<UInt8>) -> Bool {
    for index in value.indices where value[index] <= 0x20 || value[index] == 0x7F { return false }
    return !value.isEmpty
  }

  /// The response's status is a 2xx: an agreement, if it answers an extended CONNECT.
  private var agrees: Bool { !status.isEmpty && status.span[0] == 0x32 }

  // MARK: The whole

  /// The request is an extended CONNECT (RFC 8441 4). Known once the pseudo-header fields are over.
  var opensTunnel: Bool { !tunnel.isEmpty }

  /// Appends the head. `isComplete`: no body follows. `answersHEAD`: for a response; none could.
  /// `nonce`: for the request of a WebSocket. `accept`: for the response to one.
  borrowing func write(
    isComplete: Bool, answersHEAD: Bool = false, nonce: (UInt64, UInt64) = (0, 0),
    accept: [UInt8]? = nil, to output: inout ByteBuffer
  ) throws(HTTP2HeadFault) {
    if let fault { throw fault }
    if role == .client {
      if let accept, agrees {
        return try writeAgreement(isComplete: isComplete, accept, to: &output)
      }
      return try writeResponse(isComplete: isComplete, hasFraming: !answersHEAD, to: &output)
    }
    if opensTunnel { return try writeHandshake(isComplete: isComplete, nonce, to: &output) }
    try writeRequestLine(to: &output)
    try writeHost(to: &output)
    output.append(lines.span)
    if !cookies.isEmpty { output.appendField("cookie", cookies.span) }
    // Frames delimit the body, so chunks are what comes nearest where nothing says its length.
    if !isComplete && !hasContentLength { output.append("transfer-encoding: chunked\r\n") }
    output.append("\r\n")
  }

  /// What asks for a WebSocket here is a GET with an Upgrade there (RFC 8441 5).
  private borrowing func writeHandshake(
    isComplete: Bool, _ nonce: (UInt64, UInt64), to output: inout ByteBuffer
  ) throws(HTTP2HeadFault) {
    guard method.span.equals("CONNECT"), !authority.isEmpty else { throw .missingPseudoField }
    // A tunnel has no length, and one whose caller has ended it already is none.
    if hasContentLength || isComplete { throw .invalidTunnel }
    guard tunnel.span.equalsIgnoringCase("websocket") else { throw .protocolNotOffered }
    output.append("GET ")
    try writePath(to: &output)
    try writeHost(to: &output)
    output.append("connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: ")
    let bytes = [nonce.0, nonce.1].flatMap { word in
      (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
    }
    output.append(base64: bytes.span, .standard)
    output.append("\r\n")
    output.append(lines.span)
    if !cookies.isEmpty { output.appendField("cookie", cookies.span) }
    output.append("\r\n")
  }

  /// What agrees to a WebSocket here is a 101 there: every 2xx does (RFC 9110 9.3.6).
  private borrowing func writeAgreement(
    isComplete: Bool, _ accept: [UInt8], to output: inout ByteBuffer
  ) throws(HTTP2HeadFault) {
    if isComplete { throw .invalidTunnel }
    output.appendStatusLine(101)
    output.append("connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ")
    output.append(accept)
    output.append("\r\n")
    output.append(lines.span)
    output.append("\r\n")
  }

  /// `hasFraming`: without a length of its own it gets what says where it ends in HTTP/1.1.
  private borrowing func writeResponse(
    isComplete: Bool, hasFraming: Bool, to output: inout ByteBuffer
  ) throws(HTTP2HeadFault) {
    if status.isEmpty { throw .missingPseudoField }
    var code = 0
    for index in status.span.indices { code = code * 10 + Int(status.span[index] - 0x30) }
    // RFC 9113 8.6: there is no switching of protocols; and an interim response ends nothing.
    if code < 100 || code == 101 || code < 200 && isComplete { throw .invalidPseudoField }
    output.appendStatusLine(code)
    output.append(lines.span)
    if hasFraming && !hasContentLength && code >= 200 && code != 204 && code != 304 {
      output.append(isComplete ? "content-length: 0\r\n" : "transfer-encoding: chunked\r\n")
    }
    output.append("\r\n")
  }

  private borrowing func writeRequestLine(to output: inout ByteBuffer) throws(HTTP2HeadFault) {
    if method.isEmpty { throw .missingPseudoField }
    output.append(method.span)
    output.append(0x20)
    if method.span.equals("CONNECT") {
      // RFC 9113 8.5.
      if authority.isEmpty || !scheme.isEmpty || !path.isEmpty { throw .missingPseudoField }
      output.append(authority.span)
      output.append(" HTTP/1.1\r\n")
    } else {
      try writePath(to: &output)
    }
  }

  private borrowing func writePath(to output: inout ByteBuffer) throws(HTTP2HeadFault) {
    if scheme.isEmpty || path.isEmpty { throw .missingPseudoField }
    guard scheme.span.equalsIgnoringCase("https") || scheme.span.equalsIgnoringCase("http") else {
      throw .unsupportedScheme
    }
    // An absolute URL here would be a second authority.
    guard path.span[0] == 0x2F || path.span.equals("*") && method.span.equals("OPTIONS") else {
      throw .invalidPath
    }
    output.append(path.span)
    output.append(" HTTP/1.1\r\n")
  }

  private borrowing func writeHost(to output: inout ByteBuffer) throws(HTTP2HeadFault) {
    if authority.isEmpty {
      if hasHost { output.appendField("host", host.span) }
      return
    }
    if hasHost && !authority.span.equalsIgnoringCase(host.span) { throw .hostMismatch }
    output.appendField("host", authority.span)
  }

  /// The trailers, without those that must not be any.
  borrowing func trailers() throws(HTTP2HeadFault) -> TrailerSection {
    if let fault { throw fault }
    if lines.isEmpty { return TrailerSection() }
    var section = ByteBuffer(capacity: lines.count + 2)
    section.append(lines.span)
    section.append("\r\n")
    do throws(BodyError) {
      return try TrailerSection(parsing: section.span)
    } catch {
      switch error {
      case .trailersTooLarge, .tooManyTrailers: throw .tooLarge
      default: throw .invalidFieldValue
      }
    }
  }
}
