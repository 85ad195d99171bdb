internal import SluiceWire

extension Router {
  /// Answers like `match` and says what became of every route.
  ///
  /// Compares the routes one by one by the documented rules, without the tables: slow, allocates,
  /// and thereby a check of the tables (conditions and regexes are shared with `match`).
  func trace(
    _ head: borrowing RequestHead, host: Span<UInt8>, path: Span<UInt8>, query: Span<UInt8>,
    listener: Int, caller: RoutedCaller = .unknown
  ) -> RouteTrace {
    let host = Self.hostName(host)
    let candidates = rules.map { rule in
      let matching = rule.hosts.filter { hostRegexes.test($0, host.span) != .noMatch }
      let best = matching.min { hostRegexes.precedence(of: $0) < hostRegexes.precedence(of: $1) }
      return (
        rule: rule, host: best.map(hostRegexes.precedence) ?? Int.max,
        isLimited: best.map { hostRegexes.test($0, host.span) == .limit } ?? false
      )
    }
    let ordered = candidates.sorted { left, right in
      if left.rule.priority != 0 || right.rule.priority != 0 {
        return CompiledRule.precedesByPriority(left.rule, right.rule)
      }
      return left.host != right.host
        ? left.host < right.host : CompiledRule.precedes(left.rule, right.rule)
    }
    // The route that matches, or the one whose regex ends the search.
    var winner: CompiledRule?
    var matched = RouteMatch.notFound
    var allow: MethodSet = 0
    var verdicts: [RouteVerdict] = []
    for (rule, host, isLimited) in ordered {
      var reason: RouteVerdict.Reason
      if host == Int.max {
        reason = .host
      } else {
        let (failure, length) = pathFailure(rule, path)
        let other = conditions.firstFailure(
          rule.index, head, query: query, listener: listener, caller, regexes)
        reason =
          (isLimited ? .regexLimit : nil) ?? failure ?? other ?? winner.map {
            .lowerPrecedence(than: $0.name)
          } ?? .matched
        if reason == .matched {
          winner = rule
          matched = .route(index: rule.index, matchedLength: length)
        } else if reason == .regexLimit, isLimited || other ?? reason == reason, winner == nil {
          winner = rule
          matched = .regexLimit
        } else if reason == .method {
          allow |= conditions.entries[rule.index].methods
        }
      }
      verdicts.append(RouteVerdict(route: rule.name, reason: reason))
    }
    if winner == nil, allow != 0 {
      matched = .methodNotAllowed(allow: Int(truncatingIfNeeded: allow))
    }
    return RouteTrace(match: matched, verdicts: verdicts)
  }

  private func pathFailure(_ rule: CompiledRule, _ path: Span<UInt8>)
    -> (failure: RouteVerdict.Reason?, matchedLength: Int)
  {
    var length = rule.path.matchedLength(path)
    if case .regex = rule.path {
      switch regexes.run(Int(conditions.entries[rule.index].regex), path) {
      case .match: break
      case .noMatch: length = nil
      case .limit: return (.regexLimit, 0)
      }
    }
    return (length == nil ? .path : nil, length ?? 0)
  }

  private static func hostName(_ host: Span<UInt8>) -> [UInt8] {
    bytes(host.extracting(..<HostPattern.length(host))).map(\.asciiLowercased)
  }

  private static func bytes(_ span: Span<UInt8>) -> [UInt8] {
    span.indices.map { span[$0] }
  }
}
