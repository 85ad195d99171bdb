import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// On which terms a service's targets are connected to. Targets whose terms differ share no
/// connections, whatever their URLs are.
struct TargetSecurity: Equatable {
  /// Nil when no target of the service is `https`.
  private let context: TLSClientContext?
  private let serverName: String?

  init(_ context: TLSClientContext?, serverName: String?) {
    self.context = context
    self.serverName = serverName
  }

  static func == (left: TargetSecurity, right: TargetSecurity) -> Bool {
    left.context === right.context && left.serverName == right.serverName
  }

  /// Nil for a plain target.
  func origin(of url: TargetURL) -> TLSOrigin? {
    guard url.isEncrypted, let context, case .network(let host) = url.host else { return nil }
    if let serverName { return TLSOrigin(context, name: serverName, isAddress: false) }
    return TLSOrigin(context, name: host, isAddress: IPAddress(host) != nil)
  }
}
