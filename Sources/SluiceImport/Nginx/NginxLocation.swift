/// One `location` block, nested ones beside the others.
struct NginxLocation {
  enum Pattern: Equatable {
    case exact(String)
    case prefix(String, skipsRegexes: Bool)
    case regex(String, ignoresCase: Bool)
    case named(String)
  }

  var pattern: Pattern
  var scope: NginxScope
  var position: Origin
  /// The prefix of the location around it.
  var parent: String?
  var isInternal: Bool
  /// As the file writes it, for comments and names.
  var shown: String
}

/// How a route finds requests.
struct NginxMatch: Equatable {
  enum Path: Equatable {
    case any
    case path(String)
    case prefix(String)
    case startsWith(String)
    case regex(String)
  }

  var path: Path
  var location: Int
}

extension NginxBuilder {
  /// The locations of a block and those within them.
  func locations(
    in scope: NginxScope, parent: String? = nil, isInternal: Bool = false
  ) -> [NginxLocation] {
    var result: [NginxLocation] = []
    for directive in scope.levels.last ?? [] where directive.name.text == "location" {
      guard let block = directive.block, let pattern = pattern(of: directive) else { continue }
      let inner = scope.inside(block)
      // Those within are, too.
      let isInternal = isInternal || block.contains { $0.name.text == "internal" }
      result.append(
        NginxLocation(
          pattern: pattern, scope: inner, position: directive.position, parent: parent,
          isInternal: isInternal,
          shown: directive.words.joined(separator: " ")))
      switch pattern {
      case .prefix(let prefix, _):
        result += locations(in: inner, parent: prefix, isInternal: isInternal)
      case .exact, .regex, .named:
        if let nested = block.first(where: { $0.name.text == "location" }) {
          error("a location in one that is no prefix can't be carried over", at: nested.position)
        }
      }
    }
    return result
  }

  private func pattern(of directive: NginxDirective) -> NginxLocation.Pattern? {
    let words = directive.words
    func isPath(_ text: String) -> Bool { text.hasPrefix("/") }
    switch words.count {
    case 1:
      let text = words[0]
      if text.hasPrefix("@") { return .named(text) }
      // The modifier may stand without a space.
      for (sign, make) in Self.modifiers where text.hasPrefix(sign) {
        return make(String(text.dropFirst(sign.count)))
      }
      if isPath(text) { return .prefix(text, skipsRegexes: false) }
    case 2:
      if let make = Self.modifiers.first(where: { $0.0 == words[0] })?.1 { return make(words[1]) }
      error("'\(words[0])' is no modifier of a location", at: directive.arguments[0].position)
      return nil
    default: break
    }
    error(
      "location takes a path, or =, ^~, ~ or ~* and what to look for", at: directive.position)
    return nil
  }

  private static let modifiers: [(String, @Sendable (String) -> NginxLocation.Pattern)] = [
    ("=", { .exact($0) }),
    ("^~", { .prefix($0, skipsRegexes: true) }),
    ("~*", { .regex($0, ignoresCase: true) }),
    ("~", { .regex($0, ignoresCase: false) }),
  ]

  /// What routes look for, in an order in which the first that matches is the location that nginx takes
  /// (`ngx_http_core_find_location`): exact paths; prefixes with `^~`, the longest first; regular
  /// expressions in the order of the file; the longest prefix.
  ///
  /// Without regular expressions the gateway's own order is that one. With them, the prefixes that come
  /// after are written as regular expressions, too, which are tried in the order of the file.
  func matches(_ locations: [NginxLocation]) -> [NginxMatch] {
    var exact: [NginxMatch] = []
    var prefixes: [(text: String, skips: Bool, index: Int)] = []
    var regexes: [NginxMatch] = []
    var seen: Set<String> = []
    for (index, location) in locations.enumerated() {
      switch location.pattern {
      case .exact(let path):
        if check(path, location, &seen, "= ") {
          let path = NginxPath.normal(path)
          let isPlain = NginxPath.isPlain(path)
          exact.append(
            NginxMatch(
              path: isPlain ? .path(path) : .regex(NginxPath.literal(path)), location: index))
        }
      case .prefix(let prefix, let skips):
        if check(prefix, location, &seen, "") {
          prefixes.append((NginxPath.normal(prefix), skips, index))
        }
      case .regex(let text, let ignoresCase):
        let inside = location.parent.map { "(?=\(NginxPath.literal(NginxPath.normal($0))))" } ?? ""
        guard let regex = regex(text, ignoresCase: ignoresCase, at: location.position) else {
          continue
        }
        regexes.append(NginxMatch(path: .regex("\(inside)\(regex)"), location: index))
      case .named: break
      }
    }
    prefixes.sort { ($0.text.utf8.count, $1.text) > ($1.text.utf8.count, $0.text) }
    let arePlain = prefixes.allSatisfy { NginxPath.isPlain($0.text) }
    guard !regexes.isEmpty || !arePlain else {
      // At a slash this gateway's prefixes are nginx's, too.
      let endInSlashes = prefixes.allSatisfy { $0.text.hasSuffix("/") }
      return exact
        + prefixes.map { prefix in
          let path: NginxMatch.Path =
            prefix.text == "/"
            ? .any : endInSlashes ? .prefix(prefix.text) : .startsWith(prefix.text)
          return NginxMatch(path: path, location: prefix.index)
        }
    }
    let nested = regexes.filter { locations[$0.location].parent != nil }
    let outer = regexes.filter { locations[$0.location].parent == nil }
    let hasDeeper = prefixes.contains { prefix in
      !prefix.skips && prefixes.contains { $0.skips && prefix.text.hasPrefix($0.text) }
    }
    let first = prefixes.filter(\.skips).map { prefix -> NginxMatch in
      // A longer prefix without ^~ is the one that is remembered, and regular expressions are tried.
      let deeper = prefixes.filter {
        !$0.skips && $0.text.hasPrefix(prefix.text) && $0.text != prefix.text
      }
      if deeper.isEmpty, !hasDeeper, arePlain {
        return NginxMatch(path: .startsWith(prefix.text), location: prefix.index)
      }
      let except =
        deeper.isEmpty
        ? "" : "(?!\(deeper.map { NginxPath.literal($0.text) }.joined(separator: "|")))"
      return NginxMatch(
        path: .regex("\(except)\(NginxPath.literal(prefix.text)).*"), location: prefix.index)
    }
    let last = prefixes.filter { !$0.skips }.map { prefix in
      NginxMatch(
        path: prefix.text == "/" ? .any : .regex("\(NginxPath.literal(prefix.text)).*"),
        location: prefix.index)
    }
    return exact + first + nested + outer + last
  }

  /// As it sees paths here; nil, with an error, where it can't.
  func regex(
    _ text: String, ignoresCase: Bool = false, captures: Bool = true, at position: Origin
  ) -> String? {
    do throws(NginxRegex.Problem) {
      return try NginxRegex(text, ignoresCase: ignoresCase, captures: captures).pattern
    } catch {
      self.error(
        "a regular expression sees paths percent-encoded here: \(error.message)", at: position)
      return nil
    }
  }

  private func check(
    _ path: String, _ location: NginxLocation, _ seen: inout Set<String>, _ kind: String
  ) -> Bool {
    guard path.hasPrefix("/") else {
      error("'\(path)' is no path: it has to begin with /", at: location.position)
      return false
    }
    if let parent = location.parent, !path.hasPrefix(parent) {
      error("location '\(path)' is outside of location '\(parent)'", at: location.position)
      return false
    }
    guard seen.insert(kind + path).inserted else {
      error("there is a location '\(location.shown)' already", at: location.position)
      return false
    }
    return true
  }
}

/// Paths as nginx compares them, decoded, and as they come here, percent-encoded.
enum NginxPath {
  /// With everything encoded that stands encoded in a path.
  static func normal(_ path: String) -> String {
    var result = ""
    for byte in path.utf8 {
      let character = Character(UnicodeScalar(byte))
      if byte < 0x80, character.isLetter || character.isNumber || allowed.contains(character) {
        result.append(character)
      } else {
        result += encoded(byte)
      }
    }
    return result
  }

  /// `%2F` for a slash.
  static func encoded(_ byte: UInt8) -> String {
    let digits = Array("0123456789ABCDEF")
    return "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
  }

  private static let allowed = Set("/-._~!$&'()*+,;=:@")
  /// What a caller may send as it is and encoded.
  static let eitherWay = Set("!$&'()*+,;=:@")

  /// Whether a caller can write it in one way only.
  static func isPlain(_ path: String) -> Bool {
    !path.contains { eitherWay.contains($0) || $0 == "{" }
  }

  /// A regular expression for this text, however a caller encodes it.
  static func literal(_ path: String) -> String {
    var result = ""
    for character in path {
      if eitherWay.contains(character), let byte = character.asciiValue {
        result += "(?:\\\(character)|\(encoded(byte)))"
      } else if character.isLetter || character.isNumber || "/-_~%".contains(character) {
        result.append(character)
      } else {
        result += "\\\(character)"
      }
    }
    return result
  }
}
