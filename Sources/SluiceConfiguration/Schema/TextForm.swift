import SluiceWire

/// What a text must look like.
public struct TextForm: Sendable {
  /// With its article, for messages and the reference: `an IP address`.
  let name: String
  /// For editors: an ECMA-262 pattern that no right text fails; may let wrong ones pass.
  var pattern: String?
  var examples: [String] = []
  /// Messages never show it, not even where the file holds it literally.
  var isSecret = false
  let check: @Sendable (String) -> TextProblem?

  init(
    _ name: String, pattern: String? = nil, examples: [String] = [],
    check: @escaping @Sendable (String) -> TextProblem?
  ) {
    self.name = name
    self.pattern = pattern
    self.examples = examples
    self.check = check
  }

  /// From a check that throws what is wrong.
  init(
    _ name: String, pattern: String? = nil, examples: [String] = [],
    parse: @escaping @Sendable (String) throws(TextProblem) -> Void
  ) {
    self.init(name, pattern: pattern, examples: examples) { text in
      do throws(TextProblem) {
        try parse(text)
        return nil
      } catch {
        return error
      }
    }
  }

  /// From a yes or no, with the reason where the name doesn't say it all.
  public init(
    _ name: String, pattern: String? = nil, examples: [String] = [], reason: String = "",
    accepts: @escaping @Sendable (String) -> Bool
  ) {
    self.init(name, pattern: pattern, examples: examples) { text in
      accepts(text) ? nil : TextProblem(reason)
    }
  }
}

extension TextForm {
  /// What is wrong with a text from elsewhere than the file, a command line; nil when it is right.
  public func problem(in text: String) -> String? { check(text)?.reason }

  public static let any = TextForm("text", accepts: { _ in true })

  public static let entityName = TextForm(
    "a name", pattern: "^[A-Za-z0-9][A-Za-z0-9._-]*$",
    reason: "a name has 1 to 64 letters, digits, '.', '_' and '-', the first a letter or digit",
    accepts: { text in
      (1...64).contains(text.utf8.count) && isAlphanumeric(text.utf8.first ?? 0)
        && text.utf8.allSatisfy { isAlphanumeric($0) || "._-".utf8.contains($0) }
    })

  public static let labelName = TextForm(
    "a label's name", pattern: "^[a-z0-9][a-z0-9._-]*$",
    reason: "it has 1 to 64 lower-case letters, digits, '.', '_' and '-'",
    accepts: { text in
      entityName.check(text) == nil && !text.utf8.contains { 65...90 ~= $0 }
    })

  public static let labelValue = TextForm(
    "a label's value", reason: "it has 1 to 128 bytes of printable text",
    accepts: { text in
      (1...128).contains(text.utf8.count) && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
    })

  public static let optionalReference = TextForm("a name", accepts: { _ in true })

  /// Kept secret, because who has it can try passwords on it.
  public static let passwordDigest: TextForm = {
    var form = TextForm(
      "a password digest",
      parse: { (text) throws(TextProblem) in _ = try PasswordDigest(parsing: text) })
    form.isSecret = true
    return form
  }()

  public static let moment = TextForm(
    "a moment", examples: ["2027-01-31T23:59:59Z"],
    parse: { (text) throws(TextProblem) in _ = try Moment(parsing: text) })

  public static let entityReference = TextForm("a name", accepts: { !$0.isEmpty })

  public static let workers = TextForm(
    "auto or a number of threads", pattern: "^(auto|[0-9]+)$", examples: ["auto", "4"],
    reason: "write auto or a number from 1 to 1024",
    accepts: { text in
      switch Configuration.WorkerCount(text: text) {
      case .automatic: true
      case .count(let count): count <= 1_024
      case nil: false
      }
    })

  public static let logOutput = TextForm(
    "stdout, stderr or a path", examples: ["stdout", "/var/log/sluice/access.log"],
    reason: "a path has a / in it",
    accepts: { $0 == "stdout" || $0 == "stderr" || ($0.contains("/") && !$0.hasSuffix("/")) })

  static let stateFile = TextForm(
    "the path of a file", examples: ["/var/lib/sluice/revocations"],
    reason: "a path has a / in it, and not at its end",
    accepts: { $0.contains("/") && !$0.hasSuffix("/") })

  static let file = TextForm(
    "the path of a file", examples: ["/etc/sluice/tls/certificate.pem"],
    reason: "a path does not end with /",
    accepts: { !$0.isEmpty && !$0.hasSuffix("/") && !$0.utf8.contains(0) })

  /// A file's path, or what the file would hold.
  static let pem = TextForm(
    "the path of a PEM file, or PEM text", examples: ["/etc/sluice/tls/certificate.pem"],
    reason: "a path does not end with /, and a text begins with -----BEGIN",
    accepts: { text in
      if text.utf8.contains(0) || text.isEmpty { return false }
      return PEMText.isText(text) || !text.hasSuffix("/")
    })

  // MARK: Addresses

  public static let listenAddress = TextForm(
    "a listener address", examples: ["0.0.0.0:8080", "[::]:8080", "unix:/run/sluice.sock"],
    parse: { (text) throws(TextProblem) in _ = try ListenAddress(parsing: text) })

  public static let ipAddress = TextForm(
    "an IP address", examples: ["192.0.2.1", "2001:db8::1"], accepts: { IPAddress($0) != nil })

  /// With a port where the name has one in the file.
  static let hostAddress = TextForm(
    "an IP address, with or without a port", examples: ["192.0.2.1", "127.0.0.1:9000"],
    accepts: { IPAddress($0) != nil || addressWithPort.problem(in: $0) == nil })

  public static let addressWithPort = TextForm(
    "an IP address with a port", examples: ["127.0.0.1:9000", "[2001:db8::1]:9000"],
    accepts: { text in
      guard case .ip(_, let port) = ListenAddress(text) else { return false }
      return port > 0
    })

  /// A host and a port, as target URLs name them.
  public static let hostEndpoint = TextForm(
    "a host name with a port", examples: ["time-service.internal:8080"],
    accepts: { text in
      guard let colon = text.lastIndex(of: ":"), let port = parsePort(text[colon...].dropFirst())
      else { return false }
      return port > 0 && HostName.isHost(text[..<colon])
    })

  static let hostKey = TextForm(
    "a host name, with or without a port",
    examples: ["time-service.internal", "time-service.internal:8080"],
    accepts: { HostName.normalized($0) != nil || hostEndpoint.problem(in: $0) == nil })

  public static let addressRange = TextForm(
    "an address range", examples: ["10.0.0.0/8", "fd00::/8", "192.0.2.1"],
    check: { text in
      guard CIDR(text) == nil else { return nil }
      let parts = text.split(separator: "/")
      let width = text.utf8.contains(UInt8(ascii: ":")) ? 128 : 32
      guard parts.count == 2, IPAddress(String(parts[0])) != nil, let length = Int(parts[1]),
        (0...width).contains(length)
      else { return TextProblem("", hint: "write it like 10.0.0.0/8 or 192.0.2.1") }
      return TextProblem("bits behind the prefix are set")
    })

  public static let targetURL = TextForm(
    "a target", pattern: "^[Hh][Tt][Tt][Pp]([Ss]|\\+[Uu][Nn][Ii][Xx])?://",
    examples: [
      "http://time-service.internal:8080", "https://api.internal", "http://10.0.0.7/base",
      "http+unix:///run/app.sock",
    ],
    parse: { (text) throws(TextProblem) in _ = try TargetURL(parsing: text) })

  /// Where the gateway itself sends something: a target with a path and a query of its own, which may
  /// be what lets it in.
  static let callURL: TextForm = {
    var form = TextForm(
      "a URL", examples: ["https://logs.internal/in?source=gateway", "${env:LOG_URL}"],
      parse: { (text) throws(TextProblem) in _ = try CallURL(parsing: text) })
    form.isSecret = true
    return form
  }()

  public static let hostName = TextForm(
    "a host name", examples: ["time-service.internal"], accepts: { HostName.normalized($0) != nil })

  public static let hostField = TextForm(
    "preserve, target or a host", examples: ["preserve", "target", "api.example.com"],
    accepts: { text in
      if HostName.isHost(text) { return true }
      guard let colon = text.lastIndex(of: ":") else { return false }
      return HostName.isHost(text[..<colon]) && parsePort(text[colon...].dropFirst()) != nil
    })

  /// What routes compare hosts with.
  public static let routeHost = TextForm(
    "a host name, *.name, name.* or ~regex",
    examples: ["api.example.com", "*.example.com", "www.example.*", "~(www|api)\\.example\\.com"],
    check: { text in
      if text.hasPrefix("~") {
        return text.utf8.count > 1 ? nil : TextProblem("the regular expression is empty")
      }
      return wildcardHost.check(text)
    })

  /// What routes compare names of TLS with, and hosts but for regexes.
  public static let wildcardHost = TextForm(
    "a host name, *.name or name.*", examples: ["api.example.com", "*.example.com", "api.*"],
    check: { text in
      let name =
        text.hasPrefix("*.")
        ? text.dropFirst(2) : text.hasSuffix(".*") ? text.dropLast(2) : Substring(text)
      if name.count < text.count
        ? HostName.normalized(String(name)) != nil : HostName.isHost(text)
      {
        return nil
      }
      if name.count < text.count, !name.contains("*") {
        return TextProblem("'\(name)' is no host name")
      }
      if text.contains("*") {
        return TextProblem(
          "a wildcard stands for whole labels at the front or at the end, as in *.example.com")
      }
      return TextProblem("", hint: text.contains(":") ? "a route's hosts are without port" : nil)
    })

  /// What certificates are for (RFC 9525 6.3), and what connections ask for by TLS.
  public static let certificateName = TextForm(
    "a host name or *.name", examples: ["api.example.com", "*.example.com"],
    check: { text in
      if text.hasPrefix("*.")
        ? HostName.normalized(String(text.dropFirst(2))) != nil
        : HostName.isHost(text)
      {
        return nil
      }
      if text.contains("*") {
        return TextProblem("a wildcard stands for whole labels at the front, as in *.example.com")
      }
      return TextProblem("", hint: text.contains(":") ? "names are without a port" : nil)
    })

  // MARK: Credentials

  /// What RFC 6750 lets a bearer token be.
  static let bearerToken: TextForm = {
    var form = TextForm(
      "a token", examples: ["${env:SLUICE_ADMIN_TOKEN}", "${file:/run/secrets/sluice-admin}"],
      reason: "a token has 16 to 1024 letters, digits and characters of -._~+/, and '=' at its end",
      accepts: { text in
        let body = text.utf8.reversed().drop { $0 == UInt8(ascii: "=") }
        return (16...1_024).contains(text.utf8.count) && !body.isEmpty
          && body.allSatisfy { isAlphanumeric($0) || "-._~+/".utf8.contains($0) }
      })
    form.isSecret = true
    return form
  }()

  // MARK: HTTP

  public static let cookieName = TextForm(
    "a cookie's name or *", examples: ["session", "*"], accepts: { isToken($0) })

  public static let fieldName = TextForm(
    "a header field name", pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", accepts: { isToken($0) })

  public static let fieldValue = TextForm(
    "a header field value", examples: ["*", "beta"], reason: "it has a control character",
    accepts: { text in text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 } })

  /// What may stand in a quoted string of a field (RFC 9110 5.6.4) without escapes.
  public static let fieldText = TextForm(
    "plain text", reason: "letters, digits, spaces and punctuation but \" and \\ only",
    accepts: { text in
      text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f && $0 != 0x22 && $0 != 0x5c }
    })

  public static let username = TextForm(
    "a user name", reason: "a user name has visible characters and no colon",
    accepts: { text in
      !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f && $0 != 0x3a }
    })

  public static let callerExpression = TextForm(
    "a condition", examples: ["claims.scope contains 'read'", "method in ['GET', 'HEAD']"],
    parse: { (text) throws(TextProblem) in _ = try CallerExpression(parsing: text) })

  /// A text that no message shows.
  public static let secret: TextForm = {
    var form = TextForm("a secret", reason: "it is empty", accepts: { !$0.isEmpty })
    form.isSecret = true
    return form
  }()

  /// A field's value that no message shows.
  static let secretFieldValue: TextForm = {
    var form = TextForm(
      "a header field value", examples: ["Bearer ${env:LOG_TOKEN}"],
      reason: "it is empty or has a control character",
      accepts: { text in
        !text.isEmpty && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }
      })
    form.isSecret = true
    return form
  }()

  public static let method = TextForm(
    "a method", pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", examples: ["GET", "POST"],
    check: { text in
      guard isToken(text) else { return TextProblem("") }
      let upper = text.uppercased()
      if upper == "CONNECT" { return TextProblem("CONNECT is always refused") }
      let standard = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
      guard text != upper, standard.contains(upper) else { return nil }
      return TextProblem("methods are case-sensitive", hint: "write \(upper)")
    })

  public static let path = TextForm(
    "a path", pattern: "^/", examples: ["/time", "/orders/{id}"],
    parse: { (text) throws(TextProblem) in try PathPattern.check(text, allowsNames: true) })

  public static let plainPath = TextForm(
    "a path", pattern: "^/", examples: ["/", "/v2"],
    parse: { (text) throws(TextProblem) in try PathPattern.check(text, allowsNames: false) })

  public static let regex = TextForm(
    "a regular expression", examples: ["/v[0-9]+/.*"], reason: "it is empty",
    accepts: { !$0.isEmpty })

  public static let jsonPath = TextForm(
    "a JSON path", pattern: "^\\$", examples: ["$.symbol", "$.data[0]['any name']"],
    check: { text in
      do throws(JSONPathError) {
        _ = try JSONPath(text)
        return nil
      } catch {
        return TextProblem("\(error.reason.text)")
      }
    })

  public static let memberName = TextForm(
    "a name", examples: ["userName"], reason: "it is empty", accepts: { !$0.isEmpty })

  static let originPattern = TextForm(
    "an origin", examples: ["https://app.example.com", "https://*.example.com", "*"],
    check: { text in
      if text == "*" || text == "null" || OriginPattern(text) != nil { return nil }
      return TextProblem(
        "", hint: "write scheme and host as in https://app.example.com, without a path; * is all")
    })

  public static let pseudonym = TextForm(
    "a pseudonym", examples: ["sluice"], reason: "it must be a token",
    accepts: { $0.isEmpty || isToken($0) })

  public static let hashKey = TextForm(
    "a hash key",
    pattern: "^(address|path|consumer|header:.+|cookie:.+|query:.+|capture:.+)$",
    examples: [
      "address", "path", "consumer", "header:X-Account", "cookie:session", "query:user",
      "capture:id",
    ],
    check: { text in
      switch Configuration.HashKey(text: text) {
      case .address, .path, .consumer, .parameter: nil
      case .field(let key):
        isToken(key.name) ? nil : TextProblem("the name behind the colon is not a token")
      case .capture(let name):
        Template("${request.path.\(name)}") != nil
          ? nil : TextProblem("the name behind the colon is none of a segment")
      case nil:
        TextProblem(
          "",
          hint:
            "write address, path, consumer, header:NAME, cookie:NAME, query:NAME or capture:NAME")
      }
    })

  public static let parameterName = TextForm("a parameter name", accepts: { !$0.isEmpty })
}
