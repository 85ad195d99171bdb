extension Configuration {
  /// What a limit counts by. In the file `consumer`, `credential`, `address`, `route`, `host`,
  /// `all`, `header:NAME`, `path:/PATH`, `claim:NAME` or `variable:NAME`.
  public enum LimitKey: Equatable, Sendable {
    case consumer
    case credential
    case address
    case route
    /// The host that the request names, without its port, in lower case and without a dot at its end.
    case host
    /// All callers together.
    case all
    /// Requests for this path together, as callers write it; others by their address.
    case path(String)
    case header(String)
    case claim(String)
    /// What a variable of the file stands for.
    case variable(String)
  }
}

extension Configuration {
  /// The stage before which a limit counts, where it is not the usual one.
  public enum BeforeStage: String, Codable, CaseIterable, Sendable { case identify }
}

extension Configuration.LimitKey {
  /// Whether it is known only when it is known who calls.
  var dependsOnCaller: Bool {
    switch self {
    case .consumer, .credential, .claim: true
    case .address, .route, .host, .all, .path, .header, .variable: false
    }
  }
}

extension Configuration.LimitKey: TextValue {
  public init?(text: String) {
    switch text {
    case "consumer": self = .consumer
    case "credential": self = .credential
    case "address": self = .address
    case "route": self = .route
    case "host": self = .host
    case "all": self = .all
    default:
      let parts = text.split(separator: ":", maxSplits: 1)
      guard parts.count == 2 else { return nil }
      switch parts[0] {
      case "path": self = .path(String(parts[1]))
      case "header": self = .header(String(parts[1]))
      case "claim": self = .claim(String(parts[1]))
      case "variable": self = .variable(String(parts[1]))
      default: return nil
      }
    }
  }

  public var text: String {
    switch self {
    case .consumer: "consumer"
    case .credential: "credential"
    case .address: "address"
    case .route: "route"
    case .host: "host"
    case .all: "all"
    case .path(let path): "path:\(path)"
    case .header(let name): "header:\(name)"
    case .claim(let name): "claim:\(name)"
    case .variable(let name): "variable:\(name)"
    }
  }
}

extension TextForm {
  static let limitKey = TextForm(
    "what to count by",
    pattern:
      "^(consumer|credential|address|route|host|all|header:.+|path:/.*|claim:.+|variable:.+)$",
    examples: [
      "consumer", "credential", "address", "route", "host", "all", "header:X-Tenant",
      "path:/search",
      "claim:tenant", "variable:plan",
    ],
    check: { text in
      switch Configuration.LimitKey(text: text) {
      case .consumer, .credential, .address, .route, .host, .all, .claim, .variable: nil
      case .path(let path):
        path.hasPrefix("/") ? nil : TextProblem("a path starts with /")
      case .header(let name):
        isToken(name) ? nil : TextProblem("the name behind the colon is not a token")
      case nil:
        TextProblem(
          "",
          hint:
            "write consumer, credential, address, route, host, all, header:NAME, path:/PATH, claim:NAME or variable:NAME"
        )
      }
    })
}

extension PolicyCheck {
  /// Reports a variable that the file does not have.
  mutating func requireVariable(of key: Configuration.LimitKey, at keys: String) {
    guard case .variable(let name) = key, configuration.variables[name] == nil else { return }
    error(
      "there is no variable '\(name)' in the file", at: keys,
      hint: suggestion(for: name, among: configuration.variables.keys.sorted()))
  }
}

/// Fields that several limits have.
enum LimitField {
  static let before = Field(
    "before", .choice(Configuration.BeforeStage.self),
    "`identify`: counts before anybody is asked who calls (stage `entry`), so that wrong passwords and callers that are refused count, too. Only with a `by` that does not depend on the caller, and for routes, services and everything."
  )

  static let by = Field(
    "by", .text(.limitKey),
    "What is counted separately; `host` is the name that the request is for, whatever its case, port and last dot (HTTP/1.0 without one counts as one name), `all` counts everybody together, `path:/PATH` all requests for this one path, `variable:NAME` what one of the file's `variables` stands for. Callers without it (nobody knows them, no such field, a variable that is empty) are counted by their address, an IPv6 address by its /64."
  )

  static let cost = Field(
    "cost", .integer(1...1_000_000),
    "What one request takes; matters where several places spend one `budget`.")

  static let messages = Field(
    "messages", .object(Configuration.MessageSpending.schema),
    "Counts messages from callers on `websocket` routes together with requests; they are not counted unless set. `header:NAME` and `variable:NAME` are the handshake's."
  )

  static let maxKeys = Field(
    "maxKeys", .integer(1...10_000_000),
    "How many consumers, addresses and so on are counted at a time, in some 180 bytes each and 50 more per worker. Beyond that, room is made by forgetting who has used least, never by forgetting who is at the limit."
  )
}
