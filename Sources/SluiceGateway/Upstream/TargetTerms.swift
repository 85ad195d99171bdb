import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// On which terms a service's targets are connected to. Targets whose terms differ share no
/// connections, whatever their URLs are.
struct TargetTerms: Equatable {
  /// Nil when no target of the service is `https`.
  private let context: TLSClientContext?
  private let serverName: String?
  private let proxyProtocol: Configuration.ProxyProtocol?
  private let wanted: Configuration.TargetProtocol

  init(_ settings: Configuration.Service, _ context: TLSClientContext?) {
    self.context = context
    serverName = settings.tls?.serverName
    proxyProtocol = settings.proxyProtocol
    wanted = settings.protocol
  }

  static func == (left: TargetTerms, right: TargetTerms) -> Bool {
    left.context === right.context && left.serverName == right.serverName
      && left.proxyProtocol == right.proxyProtocol && left.wanted == right.wanted
  }

  /// What is spoken on a connection; nil when the target did not agree to what has to be, or chose HTTP/2
  /// though it was not offered (RFC 7301 3.1). OpenSSL refuses that itself since 3.0.15.
  ///
  /// - Parameter isHTTP1Only: this connection was to speak HTTP/1.1, whatever others do.
  func agreement(
    isEncrypted: Bool, hasAgreedOnHTTP2: Bool, isHTTP1Only: Bool
  ) -> UpstreamProtocol? {
    switch wanted {
    case .http1: return hasAgreedOnHTTP2 ? nil : .http1
    case .auto where !hasAgreedOnHTTP2: return .http1
    case .http2 where isEncrypted && !hasAgreedOnHTTP2: return nil
    case .auto, .http2: return isHTTP1Only ? nil : .http2
    }
  }

  /// Only a connection tells what the target speaks.
  var learns: Bool { wanted == .auto }

  /// Whether one connection may turn out to carry many exchanges.
  func mayShare(_ url: TargetURL) -> Bool {
    if isForOneCaller { return false }
    return switch wanted {
    case .http1: false
    case .http2: true
    case .auto: url.isEncrypted
    }
  }

  /// Nil for a plain target.
  func origin(of url: TargetURL) -> TLSOrigin? {
    guard url.isEncrypted, let context, case .network(let host) = url.host else { return nil }
    if let serverName { return TLSOrigin(context, name: serverName, isAddress: false) }
    return TLSOrigin(context, name: host, isAddress: IPAddress(host) != nil)
  }

  /// A connection says for whom it was opened, so nobody else may use it.
  var isForOneCaller: Bool { proxyProtocol != nil }

  /// Appends the PROXY header for the exchange that a connection is opened for.
  func append(_ exchange: Exchange, to output: inout ByteBuffer) {
    append(
      caller: exchange.clientAddress, local: exchange.downstream?.localAddress, to: &output)
  }

  /// The same for a caller of whom no more is known.
  func append(caller: SocketAddress, local: SocketAddress?, to output: inout ByteBuffer) {
    let header = Self.header(caller, local)
    switch proxyProtocol {
    case .v1: header.appendVersion1(to: &output)
    case .v2: header.appendVersion2(to: &output)
    case nil: break
    }
  }

  private static func header(_ client: SocketAddress, _ local: SocketAddress?) -> ProxyHeader {
    guard let source = client.ip, let local, let destination = local.ip
    else { return ProxyHeader() }
    return ProxyHeader(
      source: ProxyHeader.End(ip: source, port: client.port),
      destination: ProxyHeader.End(ip: destination, port: local.port))
  }
}

/// What is spoken on a connection to a target.
enum UpstreamProtocol { case http1, http2 }
