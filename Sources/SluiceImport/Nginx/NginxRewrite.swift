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
  var origin: Origin
}

/// What a route asks for beside a path and variables.
enum NginxCondition: Equatable {
  case methods([String])
  case header(String, String)

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

extension NginxBuilder {
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
