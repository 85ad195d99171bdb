extension Configuration {
  /// A text that depends on the request, for `${variables.NAME}` in templates.
  ///
  /// The first of `values`, `patterns`, `ranges` and `shares` that fits decides.
  public struct Variable: Codable, Equatable, Sendable {
    /// A template: what is looked at.
    public var from = "${client.address}"
    /// Texts, in any case, to templates.
    public var values: [String: String] = [:]
    public var patterns: [VariablePattern] = []
    /// Address ranges to templates; the narrowest wins.
    public var ranges: [String: String] = [:]
    /// A template: the address that `ranges` are of; the caller's unless set.
    public var address: String?
    /// Ranges that stand for others: of an address in them the one in X-Forwarded-For counts.
    public var proxies: [String] = []
    /// Addresses of `proxies` at the end of X-Forwarded-For are passed over.
    public var recursive = false
    public var shares: [VariableShare] = []
    /// A template for all else.
    public var otherwise = ""
    public init() {}

    /// All of its templates.
    public var texts: [String] {
      [from, otherwise, address].compactMap(\.self) + values.values + patterns.map(\.value)
        + ranges.values + shares.map(\.value)
    }
  }

  public struct VariablePattern: Codable, Equatable, Sendable {
    /// Of the whole text.
    public var regex = ""
    /// A template, with `$1` to `$9` for what groups of `regex` matched.
    public var value = ""
    public init() {}
  }

  /// A part of all texts, chosen by a hash.
  public struct VariableShare: Codable, Equatable, Sendable {
    /// Of ten thousand.
    public var share = 0
    public var value = ""
    public init() {}
  }
}

extension Configuration.Variable {
  static let schema = Schema(
    "Variable", of: Self(),
    "A text that depends on the request, for `${variables.NAME}` where templates stand. The first that fits decides: one of `values`, of `patterns` in their order, the narrowest of `ranges`, of `shares`. They may hold other such variables, but not in a circle.",
    [
      Field("from", .text(.template), "What is looked at."),
      Field(
        "values", .map(keys: .any, of: .text(.template), atLeast: 0),
        "Texts, in upper or lower case, and what they stand for."),
      Field(
        "patterns", .list(of: .object(Configuration.VariablePattern.schema)),
        "Regular expressions and what they stand for."),
      Field(
        "ranges", .map(keys: .addressRange, of: .text(.template), atLeast: 0),
        "Of the caller's address, or of `address`, whatever `from` is."),
      Field(
        "address", .text(.template),
        "The address that `ranges` are of, such as `${request.argument.ip}`; the caller's unless set. What is no address, or one with a port, is in none of them."
      ),
      Field(
        "proxies", .list(of: .text(.addressRange)),
        "Where the address is one of these, that at the end of `X-Forwarded-For` counts in its place. For this variable only: `trustedProxies` of the listener say who calls."
      ),
      Field(
        "recursive", .boolean,
        "Whether addresses of `proxies` at the end of `X-Forwarded-For` are passed over."),
      Field(
        "shares", .list(of: .object(Configuration.VariableShare.schema)),
        "Parts of all texts, by a hash (MurmurHash2, as split_clients of nginx has it): the same text is always in the same part."
      ),
      Field("otherwise", .text(.template), "What stands for all else."),
    ])
}

extension Configuration.VariablePattern {
  static let schema = Schema(
    "VariablePattern", of: Self(), "A regular expression and what it stands for.",
    [
      Field("regex", .text(.regex), "Matches the whole text (PCRE2 syntax).", isRequired: true),
      Field(
        "value", .text(.template),
        "What it stands for; `$1` to `$9` are what groups of `regex` matched; a dollar sign in front of a digit is written `$$$$`.",
        isRequired: true),
    ])
}

extension Configuration.VariableShare {
  static let schema = Schema(
    "VariableShare", of: Self(), "A part of all texts.",
    [
      Field("share", .integer(1...10_000), "How many of ten thousand.", isRequired: true),
      Field("value", .text(.template), "What stands for them.", isRequired: true),
    ])
}

extension ConfigurationValidator {
  /// Variables and their templates that one of them may make necessary to look at.
  private static let mostVisits = 1_000
  /// Variables within each other.
  private static let deepest = 32

  /// Regular expressions compile; nothing leads in a circle.
  mutating func checkVariables() {
    var visits: [String: Int] = [:]
    for entry in root["variables"]?.entries ?? [] {
      guard let variable = configuration.variables[entry.key], diagnostics.isSound(entry.value)
      else { continue }
      switch count(of: entry.key, within: [], &visits) {
      case nil:
        diagnostics.error(
          "variables.\(entry.key) holds itself, maybe by way of others", at: entry.keyPosition,
          hint: "write what that one looks at")
      case let count? where count > Self.mostVisits:
        diagnostics.error(
          "variables.\(entry.key) holds too many others, which hold others", at: entry.keyPosition,
          hint: "write what those look at")
      default: break
      }
      checkReferences(variable, entry)
      for (index, pattern) in variable.patterns.enumerated() {
        let place = entry.value["patterns"]?.elements[index]
        let path = "variables.\(entry.key).patterns[\(index)]"
        checkRegex(pattern.regex, place?["regex"], "\(path).regex")
        checkGroups(of: pattern, place, path)
      }
      if variable.shares.reduce(0, { $0 + $1.share }) > 10_000 {
        diagnostics.error(
          "variables.\(entry.key).shares are more than 10000 of ten thousand",
          at: entry.keyPosition)
      }
    }
  }

  /// A value's groups are there.
  private mutating func checkGroups(
    of pattern: Configuration.VariablePattern, _ place: SourceNode?, _ path: String
  ) {
    guard let place = place?["value"], regexCheck(pattern.regex) == nil,
      let largest = GroupReference.largest(in: pattern.value),
      // Only the compiler knows how many groups there are: it refuses a reference to one that is not.
      !pattern.regex.hasPrefix("(*"), regexCheck("\\g{\(largest)}\(pattern.regex)") != nil
    else { return }
    diagnostics.error(
      "\(path).value: $\(largest) is no group of regex", at: place.position,
      hint: "write $$$$ for a dollar sign")
  }

  private mutating func checkReferences(
    _ variable: Configuration.Variable, _ entry: SourceNode.Entry
  ) {
    for name in Set(variable.texts.flatMap(Self.variables)).sorted()
    where configuration.variables[name] == nil {
      diagnostics.error(
        "variables.\(entry.key): there is no variable \(quoted(name)) in the file",
        at: entry.keyPosition,
        hint: Suggestion.hint(for: name, among: configuration.variables.keys.sorted()))
    }
  }

  /// At most so many variables are looked at for this one; nil for a circle.
  private func count(
    of name: String, within outer: Set<String>, _ known: inout [String: Int]
  ) -> Int? {
    if let count = known[name] { return count }
    if outer.contains(name) { return nil }
    if outer.count > Self.deepest { return Self.mostVisits + 1 }
    guard let variable = configuration.variables[name] else { return 1 }
    var sum = 1
    for other in variable.texts.flatMap(Self.variables) {
      guard let count = count(of: other, within: outer.union([name]), &known) else { return nil }
      sum = min(sum + count, Self.mostVisits + 1)
    }
    known[name] = sum
    return sum
  }

  private static func variables(in text: String) -> [String] {
    Template(text)?.segments.compactMap {
      if case .variable(.named(let name)) = $0 { name } else { nil }
    } ?? []
  }

  /// Whether a variable, or one that it holds, needs more than the request.
  func needsRoute(_ name: String) -> Bool {
    var seen: Set<String> = []
    var waiting = [name]
    while let next = waiting.popLast() {
      guard seen.insert(next).inserted, let variable = configuration.variables[next] else {
        continue
      }
      if variable.texts.contains(where: { Template($0)?.needsRoute ?? false }) { return true }
      waiting += variable.texts.flatMap(Self.variables)
    }
    return false
  }
}
