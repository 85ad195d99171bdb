extension Configuration {
  /// Adds fields to every response of a route, and hides some of its targets'.
  public struct CallerHeaders: PolicySettings {
    public var hide: [String] = []
    public var add: [AddedHeader] = []
    public var locations: [TextChange] = []
    /// Of `Set-Cookie`: other domains, other beginnings of paths, other attributes.
    public var cookieDomains: [TextChange] = []
    public var cookiePaths: [TextChange] = []
    public var cookieFlags: [CookieFlags] = []
    public init() {}
  }

  /// One field that is added; several may have the same name.
  public struct AddedHeader: Codable, Equatable, Sendable {
    public var name = ""
    /// A template.
    public var value = ""
    /// The statuses it is added to; empty is every one.
    public var statuses: [Int] = []
    /// In the place of fields of this name, and not beside them.
    public var replaces = false
    public init() {}
  }

  /// Attributes that a cookie gets or loses; nil leaves one alone.
  public struct CookieFlags: Codable, Equatable, Sendable {
    public enum SameSite: String, Codable, CaseIterable, Sendable { case strict, lax, none, remove }

    /// A name in any case, or `*` for every cookie.
    public var cookie = ""
    /// In the place of `cookie`: what matches the whole name.
    public var regex: String?
    public var secure: Bool?
    public var httpOnly: Bool?
    public var sameSite: SameSite?
    public init() {}
  }

  /// Of `locations` and `cookiePaths` another beginning, of `cookieDomains` another domain.
  public struct TextChange: Codable, Equatable, Sendable {
    public var from = ""
    /// In the place of `from`: what matches the whole value.
    public var regex: String?
    /// A template, behind `regex` with `$1` to `$9`.
    public var to = ""
    public init() {}
  }
}

extension Configuration.CallerHeaders {
  public static let policyName = "caller-headers"
  public static let stage = PolicyStage.entry

  public static let schema = Schema(
    "CallerHeaders", of: Self(),
    "Adds fields to responses, the gateway's own answers included, and hides fields of what targets send. Values may hold the variables of request-transform.",
    [
      Field("hide", .list(of: .text(.fieldName)), "Names of fields of targets."),
      Field("add", .list(of: .object(Configuration.AddedHeader.schema)), "What is added."),
      Field(
        "locations", .list(of: .object(Configuration.TextChange.schema)),
        "How `Location` and the URL in `Refresh` of targets' responses change; the first that fits."
      ),
      Field(
        "cookieDomains", .list(of: .object(Configuration.TextChange.schema)),
        "How the `Domain` of cookies that targets set changes: the first whose `from` is all of it but for a dot in front, in any case."
      ),
      Field(
        "cookiePaths", .list(of: .object(Configuration.TextChange.schema)),
        "How the `Path` of cookies that targets set changes: the first whose `from` it begins with."
      ),
      Field(
        "cookieFlags", .list(of: .object(Configuration.CookieFlags.schema)),
        "Which attributes cookies that targets set get or lose; the first for the cookie."),
    ])

  public static let example = """
    version: 1
    listeners:
      web: {address: "127.0.0.1:8080"}
    services:
      time: {targets: ["http://127.0.0.1:9000"]}
    routes:
      time:
        match: {path: /time}
        service: time
        policies:
          caller-headers:
            hide: [X-Powered-By]
            add:
              - {name: X-Frame-Options, value: DENY}
              - {name: X-Host, value: "${request.host}", statuses: [200, 204]}
    """

  public func check(_ check: inout PolicyCheck) {
    checkFlags(&check)
    for (index, name) in hide.enumerated() where Self.framing.contains(name.lowercased()) {
      check.error("\(name) is the gateway's own", at: "hide", "\(index)")
    }
    for (index, field) in add.enumerated() {
      if Self.framing.contains(field.name.lowercased()) {
        check.error("\(field.name) is the gateway's own", at: "add", "\(index)", "name")
      }
      Template.check(field.value, in: &check, "add", "\(index)", "value")
    }
    for (key, changes) in [
      ("locations", locations), ("cookieDomains", cookieDomains), ("cookiePaths", cookiePaths),
    ] {
      for (index, change) in changes.enumerated() {
        if change.from.isEmpty == (change.regex == nil) {
          check.error("needs either 'from' or 'regex'", at: key, "\(index)")
        }
        Template.check(change.to, in: &check, key, "\(index)", "to")
      }
    }
  }

  private func checkFlags(_ check: inout PolicyCheck) {
    for (index, flags) in cookieFlags.enumerated()
    where flags.cookie.isEmpty == (flags.regex == nil) {
      check.error("needs either 'cookie' or 'regex'", at: "cookieFlags", "\(index)")
    }
  }

  private static let framing: Set<String> = [
    "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "keep-alive",
    "sec-websocket-accept", "sec-websocket-extensions", "sec-websocket-protocol", "date",
  ]
}

extension Configuration.AddedHeader {
  static let schema = Schema(
    "AddedHeader", of: Self(), "One field that is added.",
    [
      Field("name", .text(.fieldName), "Its name.", isRequired: true),
      Field("value", .text(.template), "Its value; an empty one is not set.", isRequired: true),
      Field(
        "replaces", .boolean,
        "Whether fields of this name that are there go, even where the value is empty."),
      Field(
        "statuses", .list(of: .integer(200...599)), "The statuses it is added to; all when empty."),
    ])
}

extension Configuration.CookieFlags {
  static let schema = Schema(
    "CookieFlags", of: Self(), "Attributes that a cookie gets or loses.",
    [
      Field("cookie", .text(.cookieName), "Its name, or `*` for every cookie."),
      Field(
        "regex", .text(.regex),
        "In the place of `cookie`: what matches the whole name (PCRE2 syntax)."),
      Field("secure", .boolean, "`true` adds `Secure`, `false` takes it away."),
      Field("httpOnly", .boolean, "`true` adds `HttpOnly`, `false` takes it away."),
      Field(
        "sameSite", .choice(SameSite.self), "Sets `SameSite`, or takes it away with `remove`."),
    ])
}

extension Configuration.TextChange {
  static let schema = Schema(
    "TextChange", of: Self(), "Another text in the place of one.",
    [
      Field(
        "from", .text(.fieldValue),
        "What is replaced; the list says whether it is a beginning or all of it."),
      Field(
        "regex", .text(.regex),
        "In the place of `from`: what matches the whole value (PCRE2 syntax), all of which is replaced."
      ),
      Field(
        "to", .text(.template),
        "What stands there instead. With `regex`, `$1` to `$9` are what its groups matched, and a dollar sign in front of a digit is written `$$$$`.",
        isRequired: true),
    ])
}
