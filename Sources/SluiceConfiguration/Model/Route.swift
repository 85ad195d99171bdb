extension Configuration {
  /// Match rules, policies and the destination.
  public struct Route: Codable, Equatable, Sendable {
    public var kind = RouteKind.rest
    /// Routes with a greater one are tried first, whatever their hosts and paths; 0 is none.
    public var priority = 0
    public var match = Match()
    /// The name of the service that answers.
    public var service = ""
    public var path = PathRewrite()
    /// For `websocket` routes: whose pages may connect; nil for those of the same host.
    public var origins: [String]?
    /// Overrides for a `websocket` route.
    public var connection: ConnectionSettings?
    public var messages: MessageSettings?
    public var timeouts: RouteTimeouts?
    public var maxBodySize: ByteCount?
    public var policies = Policies()
    /// Policies of this route for one consumer or group.
    public var consumers: [String: Policies] = [:]
    public var groups: [String: Policies] = [:]
    /// The place among the file's routes, counted from 0; not a setting. Regexes are tried in this
    /// order.
    public var order = 0
    public init() {}

    private enum CodingKeys: CodingKey {
      case kind, priority, match, service, path, origins, connection, messages, timeouts
      case maxBodySize, policies
      case consumers, groups
    }
  }

  /// Which life a route's exchanges lead; picks defaults.
  public enum RouteKind: String, Codable, CaseIterable, Sendable { case rest, http, websocket }

  /// All conditions that are given must hold.
  public struct Match: Codable, Equatable, Sendable {
    /// Exactly one of `path`, `prefix`, `startsWith` and `regex`, or none for every path.
    /// Segments written `{name}` in `path` and `prefix` match any one segment.
    public var path: String?
    public var prefix: String?
    /// The first bytes of the path, wherever a segment ends.
    public var startsWith: String?
    /// Matches the whole path (PCRE2 syntax).
    public var regex: String?
    /// `name`, `*.name`, `name.*` or `~regex`; empty is every host.
    public var hosts: [String] = []
    public var methods: [String] = []
    /// Field name → value; `*` is any value.
    public var headers: [String: String] = [:]
    /// Field name → what matches the whole value (PCRE2 syntax).
    public var headersRegex: [String: String] = [:]
    /// Parameter → value; `*` is any value.
    public var query: [String: String] = [:]
    /// Names of listeners; empty is every one.
    public var listeners: [String] = []
    /// `name`, `*.name` or `name.*` of the TLS handshake; empty is every caller.
    public var serverNames: [String] = []
    /// Ranges of callers' addresses; empty is every caller.
    public var addresses: [String] = []
    /// Variable of the file → value, byte by byte; `*` is any that is not empty.
    public var variables: [String: String] = [:]
    /// Found only by what policies send on to this name, never by what callers send.
    public var `internal`: String?
    public init() {}
  }

  /// At most one of the two.
  public struct PathRewrite: Codable, Equatable, Sendable {
    /// Removes what `path`, `prefix` or `startsWith` matched.
    public var stripPrefix = false
    /// Puts this in the place of what `path`, `prefix` or `startsWith` matched.
    public var replacePrefix: String?
    public init() {}
  }

  /// Overrides of the service's timeouts.
  public struct RouteTimeouts: Codable, Equatable, Sendable {
    public var response: Timespan?
    public var idle: Timespan?
    public var total: Timespan?
    public init() {}
  }
}

// MARK: Tables

extension Configuration.Route {
  static let schema = Schema(
    "Route", of: Self(), "Match rules, policies and the destination.",
    [
      Field(
        "kind", .choice(Configuration.RouteKind.self),
        "Which life its exchanges lead; picks the defaults."),
      Field(
        "priority", .integer(0...1_000_000),
        "Routes that have one are tried before all others, the greater first, whatever their hosts and paths, and equal ones in the order of the file. 0 leaves the order to the routes' conditions."
      ),
      Field(
        "match", .object(Configuration.Match.schema),
        "The conditions, which must all hold; none matches everything."),
      Field(
        "service", .text(.entityReference), "The name of the service that answers.",
        isRequired: true),
      Field(
        "path", .object(Configuration.PathRewrite.schema), "How the path changes on its way."),
      Field(
        "origins", .list(of: .text(.originPattern), atLeast: 1),
        "For `kind: websocket`: the pages that may connect; without it those of the same host. Callers that are no browser send no Origin and are not asked."
      ),
      Field(
        "connection", .object(Configuration.ConnectionSettings.schema),
        "For `kind: websocket` only."),
      Field(
        "messages", .object(Configuration.MessageSettings.schema), "For `kind: websocket` only."),
      Field(
        "timeouts", .object(Configuration.RouteTimeouts.schema),
        "Used in the place of the service's."),
      Field(
        "maxBodySize", .byteCount(ByteCount(0)...ByteCount(1 << 50)),
        "The largest request body; no limit unless set."),
      Field(
        "policies", .policies(.anywhere),
        "Policies for this route; each wins over the one of its kind in a less specific place."),
      Field(
        "consumers", .map(keys: .entityReference, of: .policies(.caller), atLeast: 0),
        "Policies of this route for one consumer, by its name."),
      Field(
        "groups", .map(keys: .entityName, of: .policies(.caller), atLeast: 0),
        "Policies of this route for one group, by its name."),
    ])
}

extension Configuration.Match {
  static let schema = Schema(
    "Match", of: Self(),
    "All conditions that are given must hold; at most one of `path`, `prefix`, `startsWith` and `regex`.",
    [
      Field("path", .text(.path), "The whole path; a segment `{name}` stands for any one segment."),
      Field(
        "prefix", .text(.path),
        "The first segments of the path: `/time` does not match `/timeout`."),
      Field(
        "startsWith", .text(.plainPath),
        "The first characters of the path: `/time` matches `/timeout`, too. Meant for what comes from other gateways; `prefix` is safer."
      ),
      Field("regex", .text(.regex), "Matches the whole path (PCRE2 syntax)."),
      Field(
        "hosts", .list(of: .text(.routeHost)),
        "Names, `*.name` for any name below it, `name.*` for one with any end, or `~` and a regular expression for the whole name in any case (PCRE2 syntax); they are looked for in this order, and regular expressions in the order of the file. `${request.hostname.NAME}` in templates is what a group of one matched."
      ),
      Field("methods", .list(of: .text(.method)), "Methods."),
      Field(
        "headers", .map(keys: .fieldName, of: .text(.fieldValue), atLeast: 0),
        "Field name to value; `*` is any value."),
      Field(
        "headersRegex", .map(keys: .fieldName, of: .text(.regex), atLeast: 0),
        "Field name to a regular expression for the whole value (PCRE2 syntax); `(?i)` at its beginning makes no difference between upper and lower case."
      ),
      Field(
        "query", .map(keys: .parameterName, of: .text(.any), atLeast: 0),
        "Parameter to value; `*` is any value."),
      Field("listeners", .list(of: .text(.entityReference)), "Names of listeners."),
      Field(
        "serverNames", .list(of: .text(.wildcardHost)),
        "Names that a caller may ask for in its TLS handshake (SNI), written as in `hosts`; callers without TLS match no name. The name is a caller's own word, as its `Host` is: it selects and proves nothing."
      ),
      Field(
        "addresses", .list(of: .text(.addressRange)),
        "Addresses and ranges of callers; behind trusted proxies the address is the one they report."
      ),
      Field(
        "variables", .map(keys: .entityReference, of: .text(.any), atLeast: 0),
        "One of the file's `variables` to what it has to be; `*` is anything but nothing. Each is found out once for a request, and a request for which an expression of it gives up gets 500. Only variables that depend on the request itself: not on the caller's identity, the route's path or a session."
      ),
      Field(
        "internal", .text(.entityName),
        "Hides the route from callers: it is found only by requests that a policy sends on to this name (`reroute`, `error-answers`), among all routes of the same name by their other conditions."
      ),
    ])
}

extension Configuration.PathRewrite {
  static let schema = Schema(
    "PathRewrite", of: Self(),
    "At most one of the two; for routes with `path`, `prefix` or `startsWith`.",
    [
      Field("stripPrefix", .boolean, "Removes what `path`, `prefix` or `startsWith` matched."),
      Field(
        "replacePrefix", .text(.plainPath),
        "Puts this in the place of what `path`, `prefix` or `startsWith` matched."),
    ])
}

extension Configuration.RouteTimeouts {
  static let schema = Schema(
    "RouteTimeouts", of: Self(), "Used in the place of the service's timeouts.",
    [
      Field("response", .duration, "From the end of the request head to the response head."),
      Field("idle", .duration, "Between two pieces of a response body."),
      Field("total", .duration, "For the whole exchange."),
    ])
}
