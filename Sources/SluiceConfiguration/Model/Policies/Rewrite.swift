extension Configuration {
  /// Sends requests to another path or with another query than the caller's.
  public struct Rewrite: PolicySettings {
    /// Of the caller's normalised path, all of it; nil for every path.
    public var regex: String?
    public var path: String?
    public var query: String?
    public init() {}
  }
}

extension Configuration.Rewrite {
  public static let policyName = "rewrite"
  public static let stage = PolicyStage.transform

  public static let schema = Schema(
    "Rewrite", of: Self(),
    "Sends requests to another path or with another query than the caller's, by what a regular expression finds in the path. Values may hold the variables of request-transform, and `$1` to `$9` for what groups of `regex` matched; a dollar sign in front of a digit is written `$$$$`. A path that is not normal afterwards is refused with 400: nothing leads out of where it was to go.",
    [
      Field(
        "regex", .text(.regex),
        "What the caller's path, without query, has to match from start to end; requests that don't match are left as they are. Without it every request is rewritten."
      ),
      Field(
        "path", .text(.pathTemplate),
        "The path that targets get in the place of what the route makes of it."),
      Field(
        "query", .text(.queryTemplate),
        "The query that targets get, without its question mark; empty for none. `${request.query}` is the caller's, all else is encoded."
      ),
    ])

  public static let example = """
    version: 1
    listeners:
      web: {address: "127.0.0.1:8080"}
    services:
      time: {targets: ["http://127.0.0.1:9000"]}
    routes:
      time:
        match: {prefix: /v1}
        service: time
        policies:
          rewrite:
            regex: "/v1/zones/([a-z]+)/(.*)"
            path: "/$2"
            query: "zone=$1&${request.query}"
    """

  public func check(_ check: inout PolicyCheck) {
    if path == nil && query == nil { check.error("does nothing", hint: "set path or query") }
    for (key, text) in [("path", path), ("query", query)] {
      guard let text else { continue }
      Template.check(text, in: &check, key)
      if regex == nil, let group = GroupReference.largest(in: text) {
        check.error("there is no regex of which $\(group) could be a group", at: key)
      }
    }
  }
}

/// What groups of a regular expression matched, in a template: `$1` to `$9`.
public enum GroupReference: Equatable, Sendable {
  /// A template.
  case text(String)
  case group(Int)

  /// The parts of a template; `$$` is a dollar sign. In a file that is `$$$$`, because what reads files
  /// has made one of two already (`References`).
  public static func parts(of text: String) -> [GroupReference] {
    var parts: [GroupReference] = []
    var literal = ""
    var rest = Substring(text)
    while let character = rest.popFirst() {
      guard character == "$", let next = rest.first else {
        literal.append(character)
        continue
      }
      if next == "$" {
        rest.removeFirst()
        // On its own, so that what follows can't make a variable of it.
        if !literal.isEmpty { parts.append(.text(literal)) }
        parts.append(.text("$"))
        literal = ""
      } else if ("1"..."9").contains(next) {
        rest.removeFirst()
        if !literal.isEmpty { parts.append(.text(literal)) }
        parts.append(.group(next.wholeNumberValue ?? 0))
        literal = ""
      } else {
        literal.append(character)
      }
    }
    if !literal.isEmpty { parts.append(.text(literal)) }
    return parts
  }

  /// Nil when there is none.
  public static func largest(in text: String) -> Int? {
    parts(of: text).compactMap { if case .group(let group) = $0 { group } else { nil } }.max()
  }
}

extension TextForm {
  /// A query with variables.
  public static let queryTemplate = TextForm(
    "a query with ${…}", examples: ["source=gateway&${request.query}"],
    parse: { (text) throws(TextProblem) in
      let template = try Template(parsing: text)
      for case .literal(let part) in template.segments
      where !part.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != 0x23 }) {
        throw TextProblem("it must be a query only, without spaces and fragment, encoded")
      }
    })
}
