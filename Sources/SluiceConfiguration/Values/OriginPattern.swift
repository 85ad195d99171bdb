/// Whose pages may open sessions: `scheme://host[:port]` (RFC 6454 6.2), where the host may begin with
/// `*.` for any name below.
public struct OriginPattern: Equatable, Sendable {
  /// Lower-case.
  public let scheme: String
  /// Lower-case, without `*.`.
  public let host: String
  public let isWildcard: Bool
  /// The scheme's own when none is written.
  public let port: UInt16

  public init?(_ text: String) {
    guard let colon = text.firstRange(of: "://") else { return nil }
    scheme = text[..<colon.lowerBound].lowercased()
    guard let ownPort = Self.ports[scheme] else { return nil }
    var rest = text[colon.upperBound...].lowercased()[...]
    isWildcard = rest.hasPrefix("*.")
    if isWildcard { rest = rest.dropFirst(2) }
    var port = ownPort
    // A colon behind the bracket of an IPv6 address, or the only one.
    if let end = rest.lastIndex(of: ":"), !rest.hasSuffix("]") {
      guard let number = UInt16(rest[rest.index(after: end)...]), number > 0 else { return nil }
      port = number
      rest = rest[..<end]
    }
    guard HostName.isHost(rest), !isWildcard || HostName.normalized(String(rest)) != nil else {
      return nil
    }
    host = String(rest)
    self.port = port
  }

  private static let ports: [String: UInt16] = [
    "http": 80, "https": 443, "ws": 80, "wss": 443, "capacitor": 0, "chrome-extension": 0,
    "moz-extension": 0, "ionic": 0, "app": 0, "file": 0,
  ]
}
