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
    /// Address ranges to templates: of the caller's address, the narrowest wins.
    public var ranges: [String: String] = [:]
    public var shares: [VariableShare] = []
    /// A template for all else.
    public var otherwise = ""
    public init() {}
  }

  public struct VariablePattern: Codable, Equatable, Sendable {
    /// Of the whole text.
    public var regex = ""
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
    "A text that depends on the request, for `${variables.NAME}` where templates stand. The first that fits decides: one of `values`, of `patterns` in their order, the narrowest of `ranges`, of `shares`. None of them may hold another such variable.",
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
        "Of the caller's address, whatever `from` is."),
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
      Field("value", .text(.template), "What it stands for.", isRequired: true),
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
  /// Regular expressions compile; nothing leads in a circle, because nothing leads to another variable.
  mutating func checkVariables() {
    for entry in root["variables"]?.entries ?? [] {
      guard let variable = configuration.variables[entry.key], diagnostics.isSound(entry.value)
      else { continue }
      let texts =
        [variable.from, variable.otherwise] + variable.values.values
        + variable.patterns.map(\.value) + variable.ranges.values + variable.shares.map(\.value)
      let refers = texts.contains { text in
        Template(text)?.segments.contains {
          if case .variable(.named) = $0 { true } else { false }
        } ?? false
      }
      if refers {
        diagnostics.error(
          "variables.\(entry.key) holds another variable", at: entry.keyPosition,
          hint: "write what that one looks at")
      }
      for (index, pattern) in variable.patterns.enumerated() {
        guard let problem = regexCheck(pattern.regex) else { continue }
        diagnostics.error(
          "variables.\(entry.key).patterns[\(index)].regex is no regular expression: \(problem)",
          at: entry.value["patterns"]?.elements[index].position ?? entry.keyPosition)
      }
      if variable.shares.reduce(0, { $0 + $1.share }) > 10_000 {
        diagnostics.error(
          "variables.\(entry.key).shares are more than 10000 of ten thousand",
          at: entry.keyPosition)
      }
    }
  }
}
