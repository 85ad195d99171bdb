public import SluiceConfiguration
import SluiceWire

extension Configuration.Rewrite: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy { CompiledRewrite(self) }

  public func problem() -> String? {
    guard let regex else { return nil }
    if let problem = RegexSyntax.problem(in: regex) { return "regex: \(problem)" }
    let groups = RegexSyntax.groups(in: regex)
    for text in [path, query] {
      if let text, let largest = GroupReference.largest(in: text), largest > groups {
        return "$\(largest) is no group of regex, which has \(groups)"
      }
    }
    return nil
  }
}

/// Gives targets another path or query than the caller's.
final class CompiledRewrite: CompiledPolicy {
  private let regexes: RegexSet
  private let regex: Int?
  private let path: GroupTemplate?
  private let query: GroupTemplate?
  private var groups: [Range<Int>?] = []
  private let leaves = PolicyRefusal(
    .malformedRequest, detail: "The path can't be rewritten to one that is safe.")
  private let gaveUp = PolicyRefusal(.regexLimit)

  init(_ settings: Configuration.Rewrite) {
    let regexes = RegexSet()
    regex = settings.regex.flatMap { try? regexes.add($0) }
    self.regexes = regexes
    path = settings.path.map { GroupTemplate($0) }
    query = settings.query.map { GroupTemplate($0) }
  }

  override func request(_ exchange: Exchange) -> PolicyOutcome {
    if exchange.request.form == .asterisk { return .next }
    if let regex {
      switch exchange.withPath({ regexes.captures(regex, $0, into: &groups) }) {
      case .noMatch: return .next
      case .limit: return .refuse(gaveUp)
      case .match: break
      }
    }
    if let path {
      var text = ByteBuffer()
      path.append(exchange, .url, groups, to: &text)
      var merged = ByteBuffer()
      Self.append(text.span, to: &merged)
      guard SentPath.isNormal(merged.span, exchange.listener.slashes) else {
        return .refuse(leaves)
      }
      exchange.requestEdits.setPath(merged)
    }
    if let query {
      var text = ByteBuffer()
      query.append(exchange, .query, groups, to: &text)
      exchange.requestEdits.setQuery(text)
    }
    return .next
  }
}

extension CompiledRewrite {
  /// Merges empty segments away, which groups that matched nothing leave.
  private static func append(_ path: Span<UInt8>, to output: inout ByteBuffer) {
    for index in path.indices {
      if index > 0, path[index] == 0x2F, path[index - 1] == 0x2F { continue }
      output.append(path[index])
    }
  }
}

/// A template with what groups of a regex matched.
private struct GroupTemplate {
  private enum Part {
    case template(CompiledTemplate)
    case group(Int)
  }

  private let parts: [Part]

  init(_ text: String) {
    parts = GroupReference.parts(of: text).map { part in
      switch part {
      case .text(let text): .template(CompiledTemplate(text))
      case .group(let group): .group(group)
      }
    }
  }

  /// `groups` are places in the caller's path; one that matched nothing leaves nothing.
  func append(
    _ exchange: Exchange, _ place: CompiledTemplate.Place, _ groups: [Range<Int>?],
    to output: inout ByteBuffer
  ) {
    for part in parts {
      switch part {
      case .template(let template): template.append(exchange, place, to: &output)
      case .group(let group):
        guard group < groups.count, let range = groups[group] else { continue }
        exchange.withPath { Self.append($0.extracting(range), place, to: &output) }
      }
    }
  }

  /// In a path it stays as it was matched; in a query it must stay within one value.
  private static func append(
    _ text: Span<UInt8>, _ place: CompiledTemplate.Place, to output: inout ByteBuffer
  ) {
    if place == .url { return output.append(text) }
    var decoded = ByteBuffer()
    if PercentEncoding.decode(text, into: &decoded) {
      PercentEncoding.encode(decoded.span, to: &output)
    } else {
      PercentEncoding.encode(text, to: &output)
    }
  }
}
