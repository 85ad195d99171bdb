/// A text with `${…}` in it that stands for something of the exchange; read once, when the file is.
public struct Template: Equatable, Sendable {
  public enum Variable: Hashable, Sendable {
    case header(String)
    /// All fields of this name, with a comma and a space between them; those of Cookie with a semicolon.
    case headers(String)
    case parameter(String)
    /// The first parameter of this name, in lower case here and in any case there, as it was sent.
    case argument(String)
    /// A `{name}` segment of the route's path, or what a group of its regex matched, by name or number.
    case segment(String)
    /// What a group of the regex among the route's hosts matched, by name or number.
    case hostGroup(String)
    case claim(String)
    case cookie(String)
    /// One of the file's `variables`.
    case named(String)
    /// `http` or `https`; the host without its port, in lower case; the target as it was sent; `?` where
    /// there is a query.
    case scheme, httpVersion, hostname, target, questionMark
    /// What a proxy in front said of the caller, and the caller itself.
    case forwardedFor
    case clientPort, listenerPort
    /// The other end of the caller's connection, which a trusted proxy may be.
    case peer
    /// Of the caller's TLS connection; nothing without one.
    case tls(TLSFact)
    /// Of the certificate that the caller has proved to have; nothing without one.
    case certificate(CertificateFact)
    /// The address of the target that was asked last, as the file has it; nothing before.
    case targetAddress
    case method, path, query, host, id, client, consumer, groups, credential
    /// The session's id and its listener's name.
    case connection, listener
  }

  /// In a text `connection.tls.` and this.
  public enum TLSFact: String, CaseIterable, Sendable {
    /// `TLSv1.3`; the cipher suite as OpenSSL names it; the name that the caller asked for; the protocol
    /// that ALPN agreed on; `true` where a former session was taken up again, else nothing.
    case version, cipher, serverName, alpn, resumed
    /// `SUCCESS` with a certificate, `NONE` without; nothing without TLS.
    case clientVerify
  }

  /// In a text `client.certificate.` and this.
  public enum CertificateFact: String, CaseIterable, Sendable {
    /// As RFC 2253 writes names.
    case subject, issuer
    case commonName
    /// Hexadecimal digits: the number in upper case, the digests in lower case.
    case serialNumber, sha256, sha1
    /// When it expires, as OpenSSL prints it: `Jan  1 00:00:00 2027 GMT`.
    case notAfter
  }

  public enum Segment: Equatable, Sendable {
    case literal(String)
    case variable(Variable)
  }

  public let segments: [Segment]

  public init(parsing text: String) throws(TextProblem) {
    var segments: [Segment] = []
    var rest = Substring(text)
    while let start = rest.firstRange(of: "${") {
      if start.lowerBound > rest.startIndex {
        segments.append(.literal(String(rest[..<start.lowerBound])))
      }
      rest = rest[start.upperBound...]
      guard let end = rest.firstIndex(of: "}") else {
        throw TextProblem("a variable '${' without its '}'")
      }
      segments.append(.variable(try Self.variable(String(rest[..<end]))))
      rest = rest[end...].dropFirst()
    }
    if !rest.isEmpty { segments.append(.literal(String(rest))) }
    self.segments = segments
  }

  public init?(_ text: String) {
    guard let template = try? Template(parsing: text) else { return nil }
    self = template
  }

  fileprivate static let plain: [String: Variable] = [
    "request.method": .method, "request.path": .path, "request.query": .query,
    "request.host": .host, "request.id": .id, "client.address": .client,
    "request.scheme": .scheme, "request.protocol": .httpVersion, "request.hostname": .hostname,
    "request.target": .target, "request.questionMark": .questionMark,
    "client.forwardedFor": .forwardedFor, "client.port": .clientPort, "client.peer": .peer,
    "listener.port": .listenerPort, "target.address": .targetAddress, "consumer.name": .consumer,
    "consumer.groups": .groups,
    "credential.id": .credential, "connection.id": .connection,
    "connection.listener": .listener,
  ].merging(facts) { first, _ in first }

  private static let facts: [String: Variable] = Dictionary(
    uniqueKeysWithValues: TLSFact.allCases.map { ("connection.tls.\($0.rawValue)", .tls($0)) }
      + CertificateFact.allCases.map {
        ("client.certificate.\($0.rawValue)", .certificate($0))
      })

  /// What a reference of the file (`${env:…}`) can't begin with.
  static let roots = [
    "request.", "listener.", "variables.", "client.", "connection.", "consumer.", "credential.",
    "claims.", "target.",
  ]

  private static func variable(_ name: String) throws(TextProblem) -> Variable {
    if let variable = plain[name] { return variable }
    func rest(_ prefix: String) -> String? {
      name.hasPrefix(prefix) && name.count > prefix.count
        ? String(name.dropFirst(prefix.count)) : nil
    }
    if let field = rest("request.header.") {
      guard isToken(field) else { throw TextProblem("'\(field)' is no field name") }
      return .header(field.lowercased())
    }
    if let field = rest("request.headers.") {
      guard isToken(field) else { throw TextProblem("'\(field)' is no field name") }
      return .headers(field.lowercased())
    }
    if let cookie = rest("request.cookie.") {
      guard isToken(cookie) else { throw TextProblem("'\(cookie)' is no name of a cookie") }
      return .cookie(cookie)
    }
    if let parameter = rest("request.query.") { return .parameter(parameter) }
    if let parameter = rest("request.argument.") { return .argument(parameter.lowercased()) }
    if let name = rest("variables.") { return .named(name) }
    if let segment = rest("request.path.") { return .segment(segment) }
    if let group = rest("request.hostname.") { return .hostGroup(group) }
    if let claim = rest("claims.") { return .claim(claim) }
    throw TextProblem(
      "there is no variable \(quoted(name))",
      hint: "there are "
        + (plain.keys.sorted() + [
          "variables.NAME", "request.argument.NAME", "request.cookie.NAME",
          "request.header.NAME", "request.headers.NAME", "request.query.NAME",
          "request.path.NAME", "request.hostname.NAME", "claims.NAME",
        ]).joined(separator: ", "))
  }

  /// Whether something in it is known only with a route, a caller or a session.
  var needsRoute: Bool {
    segments.contains { segment in
      guard case .variable(let variable) = segment else { return false }
      switch variable {
      case .segment, .hostGroup, .claim, .consumer, .groups, .credential, .connection,
        .targetAddress:
        return true
      default: return false
      }
    }
  }

  /// Whether a regular expression may have a group of this name or number; how many it has only its
  /// compiler knows, and a group too many stays empty.
  public static func hasGroup(_ name: String, _ regex: String) -> Bool {
    if let number = Int(name) { return (1...9).contains(number) && regex.contains("(") }
    let (name, regex) = (name.lowercased(), regex.lowercased())
    return regex.contains("<\(name)>") || regex.contains("'\(name)'")
  }

  /// Reports segments of a path that the route does not name.
  static func check(_ text: String, in check: inout PolicyCheck, _ first: String, _ keys: String...)
  {
    guard let template = Template(text) else { return }
    for case .variable(.named(let name)) in template.segments
    where check.configuration.variables[name] == nil {
      check.error(
        "there is no variable '\(name)' in the file", at: first,
        hint: check.suggestion(for: name, among: check.configuration.variables.keys.sorted()))
    }
    guard case .route(let name) = check.origin else { return }
    let match = check.configuration.routes[name]?.match
    let regexes = match?.hosts.filter { $0.hasPrefix("~") } ?? []
    for case .variable(.hostGroup(let group)) in template.segments
    where !regexes.contains(where: { hasGroup(group, $0) }) {
      let message = "no regular expression among the route's hosts has a group '\(group)'"
      switch keys.count {
      case 0: check.error(message, at: first)
      case 1: check.error(message, at: first, keys[0])
      default: check.error(message, at: first, keys[0], keys[1])
      }
    }
    let path = match?.path ?? match?.prefix ?? ""
    let regex = match?.regex
    for case .variable(.segment(let segment)) in template.segments
    where !path.contains("{\(segment)}") && !(regex.map { hasGroup(segment, $0) } ?? false) {
      switch keys.count {
      case 0: check.error("the route's path has no {\(segment)}", at: first)
      case 1: check.error("the route's path has no {\(segment)}", at: first, keys[0])
      default: check.error("the route's path has no {\(segment)}", at: first, keys[0], keys[1])
      }
    }
  }
}

extension Template.Variable {
  /// As it is written: `client.address`.
  public var text: String {
    switch self {
    case .header(let name): "request.header.\(name)"
    case .headers(let name): "request.headers.\(name)"
    case .parameter(let name): "request.query.\(name)"
    case .argument(let name): "request.argument.\(name)"
    case .segment(let name): "request.path.\(name)"
    case .hostGroup(let name): "request.hostname.\(name)"
    case .claim(let name): "claims.\(name)"
    case .cookie(let name): "request.cookie.\(name)"
    case .named(let name): "variables.\(name)"
    default: Template.plain.first { $0.value == self }?.key ?? ""
    }
  }
}

extension TextForm {
  /// A text with variables.
  public static let template = TextForm(
    "a text with ${…}", examples: ["${request.header.X-Tenant}", "user-${consumer.name}"],
    parse: { (text) throws(TextProblem) in
      guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
        throw TextProblem("it has a control character")
      }
      _ = try Template(parsing: text)
    })

  /// A text of any characters with variables.
  public static let bodyTemplate = TextForm(
    "a text with ${…}", examples: ["Hello ${client.address}"],
    parse: { (text) throws(TextProblem) in _ = try Template(parsing: text) })

  /// A path with variables; the values of variables can't add segments.
  public static let pathTemplate = TextForm(
    "a path with ${…}", examples: ["/v2${request.path}"],
    parse: { (text) throws(TextProblem) in
      let template = try Template(parsing: text)
      switch template.segments.first {
      case .literal(let start) where start.hasPrefix("/"): break
      case .variable(.path): break
      default: throw TextProblem("it must start with / or ${request.path}")
      }
      for case .literal(let part) in template.segments
      where part.contains("?") || part.contains("#") || part.contains(" ") {
        throw TextProblem("it must be a path only, without query and fragment")
      }
    })
}
