import SluiceConfiguration

/// What nginx answers itself.
struct NginxAnswer: Equatable {
  var status: Int
  /// A template; nil for the page that nginx has of its own.
  var body: String?
  var mediaType = "text/plain"
  /// A template.
  var location: String?
  var origin: Origin

  init(status: Int, origin: Origin) {
    self.status = status
    self.origin = origin
  }
}

/// `rewrite … break` in a location, or what leads to another one.
struct NginxRewrite: Equatable {
  var regex: String
  /// With `$1` for what the expression captured.
  var path: String
  var query: String?
  /// Led here from elsewhere, so that the location sees the new path.
  var isJump = false
  var origin: Origin
}

/// When an `if` holds, as far as routes can tell.
enum NginxCondition: Equatable {
  case methods([String])
  case header(String, String)
  case host(String)

  /// What is not true of these is answered.
  var isOfFields: Bool {
    switch self {
    case .header: true
    case .methods, .host: false
    }
  }

  /// The groups that a regular expression has, by number and by name.
  static func groups(in regex: String) -> Set<String> {
    let groups = groupNames(in: regex)
    return Set(groups.compactMap { $0 } + (0..<min(groups.count, 9)).map { "\($0 + 1)" })
  }

  /// The names of its groups in their order, in lower case; nil for one without.
  static func groupNames(in regex: String) -> [String?] {
    var names: [String?] = []
    let bytes = Array(regex)
    var index = 0
    var isClass = false
    while index < bytes.count {
      switch bytes[index] {
      case "\\": index += 1
      case "[": isClass = true
      case "]": isClass = false
      case "(" where !isClass:
        let rest = bytes[(index + 1)...]
        if rest.first != "?" {
          names.append(nil)
        } else {
          var name = rest.dropFirst()
          if name.first == "P" { name = name.dropFirst() }
          if name.first == "<" || name.first == "'", let next = name.dropFirst().first,
            next != "=", next != "!"
          {
            names.append(
              String(name.dropFirst().prefix { $0 != ">" && $0 != "'" }).lowercased())
          }
        }
      default: break
      }
      index += 1
    }
    return names
  }
}

/// One step of nginx's rewrite phase.
enum NginxStep: Equatable {
  case set(String, String)
  /// Without a condition: always, and what follows is never reached.
  case answer(NginxCondition?, NginxAnswer)
  /// Everything but these methods is answered.
  case only([String], NginxAnswer)
  /// Everything for which this does not hold is answered.
  case unless(NginxCondition, NginxAnswer)
  case rewrite(NginxRewrite)
  /// Paths that this expression of nginx matches are answered.
  case answerSome(String, NginxAnswer)
  /// Paths that this expression of nginx matches are looked for again, as another one: `rewrite … last`.
  case jump(String, NginxRewrite)

  /// Whether it stands between locations.
  var isOfSomePaths: Bool {
    switch self {
    case .answerSome, .jump: true
    default: false
    }
  }

  var endsAll: Bool { if case .answer(nil, _) = self { true } else { false } }
}

extension NginxBuilder {
  /// The rewrite phase of one block, as far as it can be carried over.
  func rewriteSteps(of scope: NginxScope, _ route: NginxRoute) -> [NginxStep] {
    var steps: [NginxStep] = []
    var context = route.variables
    for directive in scope.levels.last ?? [] {
      switch directive.name.text {
      case "set":
        guard directive.arguments.count == 2, directive.words[0].hasPrefix("$") else {
          error("set takes a variable and a value", at: directive.position)
          continue
        }
        guard let value = text(directive.arguments[1], context) else { continue }
        let name = directive.words[0].dropFirst().lowercased()
        context.constants[name] = value
        steps.append(.set(name, value))
      case "return":
        if let answer = answer(directive, scope, context) {
          steps.append(.answer(nil, answer))
          return steps
        }
      case "if": if let step = step(ofIf: directive, scope, route, context) { steps.append(step) }
      case "rewrite":
        guard let step = step(ofRewrite: directive, route, context) else { continue }
        steps.append(step)
        if step.endsAll { return steps }
        // `break` is said by every rewrite that is carried over.
        if case .rewrite = step { return steps }
      case "break": return steps
      default: continue
      }
    }
    return steps
  }

  /// `return code [text]`, `return code URL`, `return URL`.
  func answer(
    _ directive: NginxDirective, _ scope: NginxScope, _ context: NginxVariableContext
  ) -> NginxAnswer? {
    let arguments = directive.arguments
    guard let first = arguments.first, arguments.count <= 2 else {
      error("return takes a status and a text or a URL", at: directive.position)
      return nil
    }
    guard var status = Int(first.text) else {
      var answer = NginxAnswer(status: 302, origin: directive.position)
      answer.location = text(first, context).map(Self.absolute)
      return answer.location == nil ? nil : answer
    }
    guard (200...599).contains(status) else {
      error("\(status) is no status of an answer here", at: first.position)
      return nil
    }
    if status == 444 || status == 499 {
      warning(
        "a connection is not closed without an answer here: callers get 403", at: first.position)
      status = 403
    }
    var answer = NginxAnswer(status: status, origin: directive.position)
    guard arguments.count == 2 else { return answer }
    guard let text = text(arguments[1], context) else { return nil }
    if [301, 302, 303, 307, 308].contains(status) {
      answer.location = Self.absolute(text)
    } else {
      answer.body = text
      answer.mediaType = scope.last("default_type")?.words.first ?? "text/plain"
    }
    return answer
  }

  /// nginx puts scheme and host before a path in Location.
  static func absolute(_ location: String) -> String {
    location.hasPrefix("/") ? "${request.scheme}://${request.host}\(location)" : location
  }

  // MARK: if

  private func step(
    ofIf directive: NginxDirective, _ scope: NginxScope, _ route: NginxRoute,
    _ context: NginxVariableContext
  ) -> NginxStep? {
    let block = directive.block ?? []
    let hint =
      "only conditions on method, host, fields and parameters with = and != are carried over"
    guard block.count == 1,
      let answer = ifAnswer(block[0], scope, route, context)
    else {
      error(
        "only 'return' and a rewrite that redirects are carried over within an if",
        at: block.first?.position ?? directive.position)
      return nil
    }
    guard let words = conditionWords(directive) else { return nil }
    guard let first = words.first, first.hasPrefix("$") else {
      error("this condition can't be carried over", at: directive.position, hint: hint)
      return nil
    }
    let variable = first.dropFirst().lowercased()
    let sign = words.count > 1 ? words[1] : ""
    let value = words.count > 2 ? words[2] : ""
    if sign == "=" || sign == "!=", value.contains("$") {
      error("a comparison with another variable can't be carried over", at: directive.position)
      return nil
    }
    if let constant = known(variable, route, context) {
      guard let holds = Self.compare(constant, sign, value) else {
        error("this condition can't be carried over", at: directive.position, hint: hint)
        return nil
      }
      return holds ? .answer(nil, answer) : .set("", "")
    }
    switch (variable, sign) {
    case ("request_method", "="): return .answer(.methods([value]), answer)
    case ("request_method", "!="): return .only([value], answer)
    case ("request_method", "!~"), ("request_method", "!~*"):
      let list =
        value.hasPrefix("^(") && value.hasSuffix(")$") ? value.dropFirst(2).dropLast(2) : ""
      let methods = Self.methods(list, ignoringCase: sign.hasSuffix("*"))
      if !methods.isEmpty, methods.allSatisfy({ $0.allSatisfy(\.isLetter) }) {
        return .only(methods, answer)
      }
    case ("request_method", "~"), ("request_method", "~*"):
      let list =
        value.hasPrefix("^(") && value.hasSuffix(")$") ? value.dropFirst(2).dropLast(2) : ""
      let methods = Self.methods(list, ignoringCase: sign.hasSuffix("*"))
      if !methods.isEmpty, methods.allSatisfy({ $0.allSatisfy(\.isLetter) }) {
        return .answer(.methods(methods), answer)
      }
    case ("host", "="):
      if route.location == nil { return .answer(.host(value.lowercased()), answer) }
    case ("host", "!="):
      if route.location == nil { return .unless(.host(value.lowercased()), answer) }
    case (_, "="), (_, "!="):
      // Without a value: that there is one, or none.
      let wanted = value.isEmpty ? "*" : value
      // Names of parameters come in any case, which only a variable of the file sees.
      guard variable.hasPrefix("http_") else { break }
      let condition = NginxCondition.header(NginxVariables.fieldName(variable), wanted)
      return (sign == "=") == value.isEmpty
        ? .unless(condition, answer) : .answer(condition, answer)
    default: break
    }
    error("this condition can't be carried over", at: directive.position, hint: hint)
    return nil
  }

  /// Methods have capitals.
  private static func methods(_ list: some StringProtocol, ignoringCase: Bool) -> [String] {
    list.split(separator: "|").map { ignoringCase ? $0.uppercased() : String($0) }
  }

  private func ifAnswer(
    _ directive: NginxDirective, _ scope: NginxScope, _ route: NginxRoute,
    _ context: NginxVariableContext
  ) -> NginxAnswer? {
    switch directive.name.text {
    case "return": return answer(directive, scope, context)
    case "rewrite":
      if case .answer(nil, let answer)? = step(ofRewrite: directive, route, context) {
        return answer
      }
      return nil
    default: return nil
    }
  }

  /// What a variable is in this place, whatever the request.
  func known(
    _ variable: String, _ route: NginxRoute, _ context: NginxVariableContext
  ) -> String? {
    switch variable {
    case "scheme": return route.place.isEncrypted ? "https" : "http"
    case "server_port": return route.place.port.map(String.init)
    default:
      guard let constant = context.constants[variable], !constant.contains("${") else { return nil }
      return constant
    }
  }

  static func compare(_ left: String, _ sign: String, _ right: String) -> Bool? {
    switch sign {
    case "": !left.isEmpty && left != "0"
    case "=": left == right
    case "!=": left != right
    default: nil
    }
  }
}
