/// How the router came to its answer; for `sluice explain`.
struct RouteTrace: Equatable, Sendable {
  var match: RouteMatch
  /// Every route once, in order of precedence for this request; those of other hosts come last.
  var verdicts: [RouteVerdict]
}

/// What became of one route.
struct RouteVerdict: Equatable, Sendable {
  enum Reason: Equatable, Sendable {
    case matched
    /// Everything holds, but the route named here comes first.
    case lowerPrecedence(than: String)
    case host
    case path
    /// The regex reached a limit; where the rest holds, the request is refused.
    case regexLimit
    case listener
    /// The name in the caller's TLS handshake.
    case serverName
    /// The caller's address.
    case address
    /// The field's name, lower-case.
    case header(String)
    case query(String)
    /// One of the file's variables, which nothing but a real request has.
    case variable(String)
    /// Everything but the method holds.
    case method
  }

  var route: String
  var reason: Reason
}
