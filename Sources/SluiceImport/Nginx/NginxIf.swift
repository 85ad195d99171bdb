import SluiceConfiguration

/// What the condition of an `if` comes to.
enum NginxTest {
  /// The same for every request.
  case known(Bool)
  /// It holds where this variable is `1`, or else where it is `0`; with what `$1` and its like are then.
  case variable(String, holds: Bool, captures: [String: String])
}

extension NginxBuilder {
  /// What stands in the parentheses; nil, with a finding, where there are none.
  func conditionWords(_ directive: NginxDirective) -> [String]? {
    var words = directive.words
    guard !words.isEmpty, words[0].hasPrefix("("), words[words.count - 1].hasSuffix(")") else {
      error("the condition of an if stands in parentheses", at: directive.position)
      return nil
    }
    words[0].removeFirst()
    words[words.count - 1].removeLast()
    // The parentheses may stand apart.
    if words.first == "" { words.removeFirst() }
    let mayBeEmpty = words.count == 3 && ["=", "!="].contains(words[1])
    if words.count > 1, words.last == "", !mayBeEmpty { words.removeLast() }
    return words
  }

  /// Nil, with a finding, for what can't be asked here.
  func condition(of directive: NginxDirective, _ route: NginxRoute) -> NginxTest? {
    guard let words = conditionWords(directive), let first = words.first else { return nil }
    if ["-f", "!-f", "-d", "!-d", "-e", "!-e", "-x", "!-x"].contains(first) {
      error("there are no files to look at: static files are out", at: directive.position)
      return nil
    }
    guard first.hasPrefix("$"), words.count == 1 || words.count == 3 else {
      error("an if asks about one variable: ($name), or ($name = text)", at: directive.position)
      return nil
    }
    let variable = first.dropFirst().lowercased()
    let sign = words.count == 3 ? words[1] : ""
    let value = words.count == 3 ? words[2] : ""
    let isOfPath = variable == "uri" || variable == "document_uri"
    if isOfPath || ["args", "query_string"].contains(variable) || variable.hasPrefix("arg_"),
      route.changesPath
    {
      error(
        "a condition on what a rewrite before it has changed can't be carried over",
        at: directive.position, hint: "write the if first")
      return nil
    }
    if let constant = known(variable, route, route.variables),
      let holds = Self.compare(constant, sign, value), !value.contains("$") || sign == ""
    {
      return .known(holds)
    }
    let place = directive.arguments[0].position
    let from =
      isOfPath
      ? "${request.path}"
      : known(variable, route, route.variables)
        ?? text(NginxWord(text: "$\(variable)", position: place), route.variables)
    guard let from else { return nil }
    guard let test = regex(sign, value, isOfPath: isOfPath, directive) else { return nil }
    let name = conditionVariable(from, test.regex, value: "1", directive)
    var captures: [String: String] = [:]
    if !test.source.isEmpty, test.holds {
      captures = self.captures(from, test.source, test.regex, directive)
    }
    return .variable(name, holds: test.holds, captures: captures)
  }

  /// A regular expression for the whole text, and whether it has to match.
  ///
  /// - Returns: as `source` nginx's own, empty for a comparison.
  private func regex(
    _ sign: String, _ value: String, isOfPath: Bool, _ directive: NginxDirective
  ) -> (regex: String, holds: Bool, source: String)? {
    let place = directive.arguments.last?.position ?? directive.position
    switch sign {
    // Neither nothing nor a zero.
    case "": return ("(?s)(?!0\\z).+", true, "")
    case "=", "!=":
      if value.contains("$") {
        error(
          "a comparison with another variable can't be carried over", at: place,
          hint: "write a map of both, \"$one:$other\", with an expression for what is equal")
        return nil
      }
      let text = isOfPath ? NginxPath.literal(NginxPath.normal(value)) : Self.literalRegex(value)
      return (text.isEmpty ? "(?:)" : text, sign == "=", "")
    case "~", "~*", "!~", "!~*":
      let ignoresCase = sign.hasSuffix("*")
      guard
        let whole = isOfPath
          ? self.regex(value, ignoresCase: ignoresCase, at: place)
          : wholeRegex(value, ignoresCase: ignoresCase, at: place)
      else { return nil }
      return (whole, !sign.hasPrefix("!"), value)
    default:
      error("'\(sign)' compares nothing", at: place, hint: "=, !=, ~, ~*, !~ or !~*")
      return nil
    }
  }

  // MARK: Variables of conditions

  /// The name of a variable that is this value where a text matches, and else `0`, or nothing for captures.
  func conditionVariable(
    _ from: String, _ regex: String, value: String, _ directive: NginxDirective
  ) -> String {
    let node = DocumentNode.map([
      .init("from", .template(from)),
      .init(
        "patterns",
        .list([.map([.init("regex", .text(regex)), .init("value", .template(value))])])),
      .init("otherwise", value == "1" ? .text("0") : .text("")),
    ])
    let key = DocumentWriter.write(node).text
    if let name = conditionNames[key] { return name }
    let suffix = value.hasPrefix("$") ? "-\(value.dropFirst())" : ""
    let name = name("condition", "\(directive.name.text)-\(directive.position.line)\(suffix)")
    conditionNames[key] = name
    if !suffix.isEmpty { captureNames.insert(name) }
    variables.append(
      .init(
        name, node, origin: directive.position,
        comment: "\(directive.name.text) (line \(directive.position.line))"))
    return name
  }

  /// What `$1` and its like are where the expression has matched.
  private func captures(
    _ from: String, _ source: String, _ whole: String, _ directive: NginxDirective
  ) -> [String: String] {
    Self.groupReferences(in: source).mapValues { reference in
      if reference.isEmpty { return "" }
      return "${variables.\(conditionVariable(from, whole, value: reference, directive))}"
    }
  }

  /// Is `1` for paths that a `rewrite` matches.
  func pathVariable(_ directive: NginxDirective, _ route: NginxRoute) -> String? {
    guard let whole = regex(directive.words[0], at: directive.arguments[0].position) else {
      return nil
    }
    return conditionVariable("${request.path}", whole, value: "1", directive)
  }

  /// What it captures of them.
  func pathCaptures(_ directive: NginxDirective, _ route: NginxRoute) -> [String: String]? {
    guard let whole = regex(directive.words[0], at: directive.arguments[0].position) else {
      return nil
    }
    return captures("${request.path}", directive.words[0], whole, directive)
  }
}
