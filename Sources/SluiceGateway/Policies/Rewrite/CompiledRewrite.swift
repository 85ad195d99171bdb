public import SluiceConfiguration
import SluiceWire

extension Configuration.Rewrite: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy { CompiledRewrite(self) }

  public func problem() -> String? {
    regex.flatMap { RegexSyntax.problem(in: $0, groupsIn: [path, query]) }
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
      exchange.withPath { path.append(exchange, .url, groups, of: $0, to: &text) }
      let merged = Self.merged(text.span)
      guard SentPath.isNormal(merged.span, exchange.listener.slashes) else {
        return .refuse(leaves)
      }
      var sent = ByteBuffer()
      sent.append(merged)
      exchange.requestEdits.setPath(sent)
    }
    if let query {
      var text = ByteBuffer()
      exchange.withPath { query.append(exchange, .query, groups, of: $0, to: &text) }
      var sent = ByteBuffer()
      sent.append(Self.trimmed(text.span))
      exchange.requestEdits.setQuery(sent)
    }
    return .next
  }
}

extension CompiledRewrite {
  /// Merges empty segments away, which groups that matched nothing leave.
  static func merged(_ path: Span<UInt8>) -> [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity(path.count)
    for index in path.indices {
      if index > 0, path[index] == 0x2F, path[index - 1] == 0x2F { continue }
      output.append(path[index])
    }
    return output
  }

  /// Without the `&` that stands before a caller's query that is not there.
  static func trimmed(_ query: Span<UInt8>) -> [UInt8] {
    let isOpen = !query.isEmpty && query[query.count - 1] == UInt8(ascii: "&")
    return query.extracting(..<(query.count - (isOpen ? 1 : 0))).withUnsafeBufferPointer {
      Array($0)
    }
  }
}
