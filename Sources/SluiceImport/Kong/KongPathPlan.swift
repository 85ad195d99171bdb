import SluiceConfiguration

/// How one path of a Kong route matches, and what a target gets of it: Kong's two ways to join the
/// service's path with the rest, said with Sluice's means.
///
/// The service's path is never a part of the target's URL, where it would be joined Sluice's way.
struct KongPathPlan {
  enum Handling: String { case v0, v1 }

  /// What stands in the route's `match`; empty for every path.
  private(set) var match = DocumentNode.map()
  /// What stands in the route's `path`.
  private(set) var path: DocumentNode?
  /// The settings of the policy `rewrite`.
  private(set) var rewrite: DocumentNode?
  private(set) var problems: [(KongRoute, KongRoute.Path?) -> Diagnostic] = []

  private let origin: Origin?

  /// - Parameter base: the service's path; `/` when there is none.
  init(path: KongRoute.Path?, strips: Bool, handling: Handling, base: String) {
    origin = path?.origin
    if let path, path.isRegex {
      match.add("regex", .text("(?:\(path.text)).*", origin: path.origin), origin: path.origin)
      if strips {
        stripRegex(path, handling, base)
      } else {
        keep(nil, handling, base, isRoot: false)
      }
      return
    }
    if let path, path.text != "/" {
      match.add("startsWith", .text(path.text, origin: path.origin), origin: path.origin)
    }
    let isRoot = path == nil || path?.text == "/"
    if strips {
      strip(path?.text ?? "/", handling, base)
    } else {
      keep(path, handling, base, isRoot: isRoot)
    }
    // Of two prefixes the longer is better, also than none; so that it is one.
    if path?.text == "/" { matchRoot() }
  }

  private mutating func matchRoot() {
    if match["startsWith"] == nil { match.add("startsWith", .text("/", origin: origin)) }
  }

  private mutating func strip(_ prefix: String, _ handling: Handling, _ base: String) {
    if base == "/" {
      guard prefix != "/" else { return }
      path = DocumentNode.map([.init("stripPrefix", .boolean(true))])
    } else if handling == .v0 {
      matchRoot(if: prefix == "/")
      let trimmed = base.hasSuffix("/") ? String(base.dropLast()) : base
      path = DocumentNode.map([.init("replacePrefix", .text(trimmed))])
    } else {
      let slash = base.hasSuffix("/") ? "/?" : ""
      setRewrite("\(Self.quoted(prefix))\(slash)(.*)", "\(base)$1")
    }
  }

  private mutating func matchRoot(if isRoot: Bool) {
    if isRoot { matchRoot() }
  }

  private mutating func keep(
    _ path: KongRoute.Path?, _ handling: Handling, _ base: String, isRoot: Bool
  ) {
    if base == "/" { return }
    if handling == .v1 || base.hasSuffix("/") {
      setRewrite("/(.*)", "\(base)$1")
    } else if isRoot {
      matchRoot()
      self.path = DocumentNode.map([.init("replacePrefix", .text(base))])
    } else {
      setRewrite("(/.*)", "\(base)$1")
    }
  }

  private mutating func stripRegex(_ path: KongRoute.Path, _ handling: Handling, _ base: String) {
    let group = Self.groups(in: path.text) + 1
    if group > 9 {
      problems.append { route, path in
        Diagnostic(
          severity: .error, file: path!.origin.file, line: path!.origin.line,
          column: path!.origin.column,
          message: "\(route.object.title): a stripped regular expression has 8 groups at most",
          hint: "write (?: for groups that nothing refers to")
      }
      return
    }
    let pattern = "(?:\(path.text))"
    if handling == .v1 && !base.hasSuffix("/") {
      setRewrite("\(pattern)(.*)", "\(base)$\(group)")
      return
    }
    setRewrite("\(pattern)/?(.*)", "\(base.hasSuffix("/") ? base : base + "/")$\(group)")
    guard base != "/", handling == .v0 else { return }
    problems.append { route, path in
      Diagnostic(
        severity: .warning, file: path!.origin.file, line: path!.origin.line,
        column: path!.origin.column,
        message:
          "\(route.object.title): where the whole path is stripped, the service's path gets a "
          + "slash at its end")
    }
  }

  private mutating func setRewrite(_ regex: String, _ path: String) {
    rewrite = DocumentNode.map(
      [.init("regex", .text(regex, origin: origin)), .init("path", .text(path, origin: origin))],
      origin: origin)
  }

  /// How many groups a pattern captures.
  static func groups(in pattern: String) -> Int {
    var count = 0
    var isEscaped = false
    var isInClass = false
    let scalars = Array(pattern.unicodeScalars)
    for (index, scalar) in scalars.enumerated() {
      if isEscaped {
        isEscaped = false
      } else if scalar == "\\" {
        isEscaped = true
      } else if isInClass {
        isInClass = scalar != "]"
      } else if scalar == "[" {
        isInClass = true
      } else if scalar == "(" {
        let next = String(String.UnicodeScalarView(scalars[(index + 1)...].prefix(3)))
        let isNamed =
          next.hasPrefix("?P<") || next.hasPrefix("?'")
          || (next.hasPrefix("?<") && !next.hasPrefix("?<=") && !next.hasPrefix("?<!"))
        if !next.hasPrefix("?") && !next.hasPrefix("*") || isNamed { count += 1 }
      }
    }
    return count
  }

  static func quoted(_ text: String) -> String {
    var result = ""
    for character in text {
      if "\\^$.[]|()?*+{}#&~- ".contains(character) { result += "\\" }
      result.append(character)
    }
    return result
  }
}
