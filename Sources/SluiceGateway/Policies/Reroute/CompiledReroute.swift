public import SluiceConfiguration
import SluiceWire

extension Configuration.Reroute: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy { CompiledReroute(self) }

  public func problem() -> String? {
    for (index, rule) in rules.enumerated() {
      let problem = rule.regex.flatMap {
        RegexSyntax.problem(in: $0, "rules[\(index)].regex", groupsIn: [rule.path, rule.query])
      }
      if let problem { return problem }
    }
    return nil
  }
}

/// Sends requests on to internal routes by other paths.
final class CompiledReroute: CompiledPolicy {
  private struct Rule {
    let regex: Int?
    let path: GroupTemplate?
    let query: GroupTemplate?
    let ends: Bool
    let isEnd: Bool
  }

  private let regexes = RegexSet()
  private let rules: [Rule]
  private let section: String
  private let leaves = PolicyRefusal(
    .malformedRequest, detail: "The path can't be rewritten to one that is safe.")
  private let gaveUp = PolicyRefusal(.regexLimit)

  init(_ settings: Configuration.Reroute) {
    let regexes = regexes
    rules = settings.rules.map { rule in
      Rule(
        regex: rule.regex.flatMap { try? regexes.add($0) },
        path: rule.path.map { GroupTemplate($0) }, query: rule.query.map { GroupTemplate($0) },
        ends: rule.ends, isEnd: rule.regex == nil && rule.path == nil && rule.query == nil)
    }
    section = settings.to
  }

  override var redirectsInternally: Bool { true }

  override func request(_ exchange: Exchange) -> PolicyOutcome {
    switch change(exchange) {
    case .unchanged: return .next
    case .unsafe: return .refuse(leaves)
    case .gaveUp: return .refuse(gaveUp)
    case .changed:
      exchange.redirectInternally(to: section)
      return .handled
    }
  }

  /// What the rules make of an exchange's path and query.
  enum Change { case unchanged, changed, unsafe, gaveUp }

  func change(_ exchange: Exchange) -> Change {
    if exchange.request.form == .asterisk { return .unchanged }
    var hasChanged = false
    for rule in rules {
      if rule.isEnd {
        if hasChanged { break }
        continue
      }
      var groups: [Range<Int>?] = []
      if let regex = rule.regex {
        switch exchange.withPath({ regexes.captures(regex, $0, into: &groups) }) {
        case .noMatch: continue
        case .limit: return .gaveUp
        case .match: break
        }
      }
      guard change(exchange, by: rule, groups) else { return .unsafe }
      hasChanged = true
      if rule.ends { break }
    }
    return hasChanged ? .changed : .unchanged
  }

  /// False for a path that is not normal.
  private func change(_ exchange: Exchange, by rule: Rule, _ groups: [Range<Int>?]) -> Bool {
    var path = ByteBuffer()
    var query = ByteBuffer()
    exchange.withPath {
      // Both from the path before the change.
      rule.path?.append(exchange, .url, groups, of: $0, to: &path)
      rule.query?.append(exchange, .query, groups, of: $0, to: &query)
    }
    if rule.path != nil {
      let merged = CompiledRewrite.merged(path.span)
      guard SentPath.isNormal(merged.span, exchange.listener.slashes) else { return false }
      exchange.setInternalPath(merged)
    }
    if rule.query != nil {
      exchange.setInternalQuery(CompiledRewrite.trimmed(query.span))
    }
    return true
  }
}
