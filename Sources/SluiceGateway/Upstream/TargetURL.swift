/// Where a target is: `http://host:port/base` or `http+unix:///path/to.sock`, taken apart.
///
/// The configuration reader has checked the syntax with a position; this refuses what it would.
struct TargetURL: Equatable, Sendable {
  enum Place: Equatable, Sendable {
    case host(name: String, port: UInt16)
    case unix(path: String)
  }

  let place: Place
  /// In front of every path, without a slash at its end; empty for none.
  let basePath: String
  /// What `host: target` sends.
  let authority: String

  init?(_ text: String) {
    if let path = text.removing(prefix: "http+unix://") {
      guard path.hasPrefix("/") else { return nil }
      place = .unix(path: path)
      basePath = ""
      authority = "localhost"
      return
    }
    guard let rest = text.removing(prefix: "http://") else { return nil }
    let slash = rest.firstIndex(of: "/") ?? rest.endIndex
    authority = String(rest[..<slash])
    var base = String(rest[slash...])
    while base.hasSuffix("/") { base.removeLast() }
    basePath = base
    guard let (name, port) = Self.split(authority) else { return nil }
    place = .host(name: name, port: port)
  }

  /// `host`, `host:port`, `[v6]` or `[v6]:port`.
  private static func split(_ authority: String) -> (String, UInt16)? {
    var name = Substring(authority)
    var port: UInt16 = 80
    if authority.hasPrefix("[") {
      guard let end = authority.firstIndex(of: "]") else { return nil }
      name = authority[authority.index(after: authority.startIndex)..<end]
      let rest = authority[authority.index(after: end)...]
      if !rest.isEmpty {
        guard rest.first == ":", let number = UInt16(rest.dropFirst()) else { return nil }
        port = number
      }
    } else if let colon = authority.lastIndex(of: ":") {
      name = authority[..<colon]
      guard let number = UInt16(authority[authority.index(after: colon)...]) else { return nil }
      port = number
    }
    return name.isEmpty ? nil : (String(name), port)
  }
}

extension String {
  fileprivate func removing(prefix: String) -> String? {
    hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
  }
}
