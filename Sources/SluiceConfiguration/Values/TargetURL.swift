import SluiceWire

/// Where a target answers: `http://name[:port][/base]`, the same with `https`, or
/// `http+unix:///path/to.sock`.
public struct TargetURL: Hashable, Sendable {
  public enum Host: Hashable, Sendable {
    /// A name or an IP address: lower-case, without brackets, in its canonical form.
    case network(String)
    /// The path of a Unix-domain socket.
    case unix(path: String)
  }

  public var host: Host
  /// 80 or 443 unless written; 0 for a Unix-domain socket.
  public var port: UInt16
  /// Spoken to by TLS.
  public var isEncrypted = false
  /// Goes before the path of every request: empty, or starts with `/` and doesn't end with it.
  public var basePath: String

  public init(host: Host, port: UInt16, isEncrypted: Bool = false, basePath: String) {
    self.host = host
    self.port = port
    self.isEncrypted = isEncrypted
    self.basePath = basePath
  }

  public init?(_ text: String) {
    guard let url = try? Self(parsing: text) else { return nil }
    self = url
  }

  public init(parsing text: String) throws(TextProblem) {
    guard let separator = text.firstRange(of: "://") else {
      throw TextProblem("it has no scheme", hint: "write it like http://host:8080")
    }
    let rest = text[separator.upperBound...]
    switch text[..<separator.lowerBound].lowercased() {
    case "http": try self.init(afterScheme: rest, isEncrypted: false)
    case "https": try self.init(afterScheme: rest, isEncrypted: true)
    case "http+unix":
      self.init(host: .unix(path: try parseSocketPath(rest)), port: 0, basePath: "")
    default: throw TextProblem("the scheme must be http, https or http+unix")
    }
  }

  private init(afterScheme rest: Substring, isEncrypted: Bool) throws(TextProblem) {
    guard !rest.contains("?"), !rest.contains("#") else {
      throw TextProblem("a target has neither a query nor a fragment")
    }
    let slash = rest.firstIndex(of: "/") ?? rest.endIndex
    let authority = rest[..<slash]
    guard !authority.contains("@") else {
      throw TextProblem("a target has no user name and password")
    }
    let hostText: Substring
    if authority.hasPrefix("["), let bracket = authority.firstIndex(of: "]") {
      hostText = authority[...bracket]
    } else {
      hostText = authority.prefix { $0 != ":" }
    }
    let portText = authority[hostText.endIndex...]
    if portText.isEmpty {
      port = isEncrypted ? 443 : 80
    } else {
      guard portText.first == ":", let port = parsePort(portText.dropFirst()), port > 0 else {
        throw TextProblem("the port must be a number from 1 to 65535")
      }
      self.port = port
    }
    host = try Self.parseHost(hostText)
    var path = rest[slash...]
    if path.hasSuffix("/") { path = path.dropLast() }
    if !path.isEmpty { try PathPattern.check(String(path), allowsNames: false) }
    basePath = String(path)
    self.isEncrypted = isEncrypted
  }

  /// What a target is called in the Host field: the port is left out where it is the scheme's.
  public var authority: String {
    switch host {
    case .unix: return "localhost"
    case .network(let name):
      let bracketed = name.utf8.contains(UInt8(ascii: ":")) ? "[\(name)]" : name
      return port == (isEncrypted ? 443 : 80) ? bracketed : "\(bracketed):\(port)"
    }
  }

  /// The host and its port, always written; nil for a Unix-domain socket.
  public var endpoint: String? {
    guard case .network(let name) = host else { return nil }
    return name.utf8.contains(UInt8(ascii: ":")) ? "[\(name)]:\(port)" : "\(name):\(port)"
  }

  /// The name or address that is looked up: `name:port` if `hosts` has addresses for just that; nil
  /// for a Unix-domain socket.
  public func lookupName(hosts: [String: [String]]) -> String? {
    guard case .network(let name) = host, let endpoint else { return nil }
    if hosts[endpoint] != nil { return endpoint }
    // Names in the file are in any case.
    let isWritten = hosts.keys.contains {
      $0.utf8.count == endpoint.utf8.count && $0.lowercased() == endpoint
    }
    return isWritten ? endpoint : name
  }

  /// What a target is called in logs, metrics and explanations: without its base path, which may hold
  /// a secret. Two targets that differ in nothing else have the same.
  public var displayName: String {
    switch host {
    case .unix(let path): "http+unix://\(path)"
    case .network: "\(isEncrypted ? "https" : "http")://\(authority)"
    }
  }

  private static func parseHost(_ text: Substring) throws(TextProblem) -> Host {
    if text.hasPrefix("["), text.hasSuffix("]") {
      return .network(try parseBracketedAddress(text).description)
    }
    if let address = IPAddress(String(text)) { return .network(address.description) }
    guard let name = HostName.normalized(String(text)) else {
      throw TextProblem("the host is neither a name nor an address")
    }
    return .network(name)
  }
}
