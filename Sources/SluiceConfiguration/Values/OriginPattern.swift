import SluiceWire

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
    var bytes = Array(text.lowercased().utf8)
    let mark = Array("://*.".utf8)
    // In front of the host it is no part of its name.
    if let start = bytes.firstRange(of: mark) {
      isWildcard = true
      bytes.removeSubrange(start.lowerBound + 3..<start.upperBound)
    } else {
      isWildcard = false
    }
    guard case .named(let scheme, let host, let port) = OriginSyntax.parse(bytes.span) else {
      return nil
    }
    self.scheme = String(decoding: bytes[scheme], as: UTF8.self)
    self.host = String(decoding: bytes[host], as: UTF8.self)
    let ownPort =
      OriginSyntax.defaultPort(bytes[scheme].span)
      ?? (Self.applications.contains(self.scheme) ? 0 : nil)
    guard let ownPort, HostName.isHost(self.host),
      !isWildcard || HostName.normalized(self.host) != nil
    else { return nil }
    self.port = port ?? ownPort
  }

  /// Schemes of pages that come from no network.
  private static let applications: Set<String> = [
    "capacitor", "chrome-extension", "moz-extension", "ionic", "app", "file",
  ]
}
