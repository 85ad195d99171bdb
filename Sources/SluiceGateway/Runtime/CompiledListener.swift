import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// What a listener's settings compile to; one per worker, read on the request path.
final class CompiledListener {
  /// Who answers what arrives here.
  enum Destination {
    case routes
    /// The admin API and samples: everything goes to one responder.
    case responder(any LocalResponder)
    /// Nothing arrives: the gateway itself calls.
    case nobody
  }

  let name: String
  /// The name as a JSON string's content, for log lines.
  let nameBytes: [UInt8]
  /// Of log lines.
  let logText: [UInt8]
  /// Position among the sorted names of the snapshot in force, as its router counts them; -1 when it
  /// has no listener of this name. A reload renumbers listeners that drain.
  var index: Int
  let destination: Destination
  /// Whether `destination` is `routes`; without looking into it.
  let servesRoutes: Bool
  let trustedProxies: CIDRSet
  let isTrustingUnix: Bool
  /// Where those say who calls.
  let clientAddress: ClientAddress.Source
  let forwarded: ForwardedFields
  /// Nil for plain HTTP.
  let tls: TLSServerContext?
  /// Nil where only HTTP/1 is spoken.
  let http2: HTTP2Limits?
  /// Whose connections go on undecrypted; nil for nobody's.
  let passthrough: PassthroughTable?
  let takesProxyHeader: Bool
  /// Field names with a `_` pass.
  let takesUnderscores: Bool
  /// Where every request is sent instead of being routed.
  let redirect: HTTPSRedirect?
  let headLimits: HeadLimits
  let slashes: PathNormalizer.EncodedSlashes
  let handshakeTimeout: Int64
  let headTimeout: Int64
  let bodyTimeout: Int64
  let idleTimeout: Int64
  let writeTimeout: Int64
  let maxConnections: Int
  let maxConnectionsPerAddress: Int
  let maxRequests: Int

  /// - Parameter isEncrypted: nil for whether there is `tls`.
  init(
    name: String, index: Int, settings: Configuration.Listener, port: UInt16,
    tls: TLSServerContext? = nil, isEncrypted: Bool? = nil, destination: Destination
  ) {
    self.name = name
    nameBytes = Array(name.utf8)
    logText = AccessLogLine.member(ofListener: nameBytes)
    self.index = index
    self.destination = destination
    servesRoutes = if case .routes = destination { true } else { false }
    trustedProxies = CIDRSet(texts: settings.trustedProxies) ?? CIDRSet([])
    clientAddress = ClientAddress.Source(settings.clientAddress)
    isTrustingUnix = settings.address.hasPrefix("unix:")
    forwarded = ForwardedFields(
      settings.forwarded, from: settings.clientAddress, port: port,
      isEncrypted: isEncrypted ?? (tls != nil))
    self.tls = tls
    http2 = settings.http2.enabled ? HTTP2Limits(settings) : nil
    passthrough = settings.passthrough.map { PassthroughTable($0) }
    takesProxyHeader = settings.proxyProtocol
    takesUnderscores = settings.underscores == .pass
    redirect = settings.redirectToHTTPS.map(HTTPSRedirect.init)
    headLimits = Self.headLimits(of: settings)
    slashes = Self.slashes(of: settings)
    handshakeTimeout = settings.timeouts.handshake.nanoseconds
    headTimeout = settings.timeouts.head.nanoseconds
    bodyTimeout = settings.timeouts.body.nanoseconds
    idleTimeout = settings.timeouts.idle.nanoseconds
    writeTimeout = settings.timeouts.write.nanoseconds
    maxConnections = settings.limits.connections
    maxConnectionsPerAddress = settings.limits.connectionsPerAddress
    maxRequests = settings.limits.requestsPerConnection
  }

  static func headLimits(of settings: Configuration.Listener) -> HeadLimits {
    HeadLimits(
      bytes: settings.limits.head.bytes, fields: settings.limits.fields,
      target: settings.limits.uri.bytes)
  }

  static func slashes(of settings: Configuration.Listener) -> PathNormalizer.EncodedSlashes {
    switch settings.encodedSlashes {
    case .reject: .reject
    case .keep: .keep
    case .decode: .decode
    }
  }

  /// Whether fields are believed in which this peer says who calls. Behind a PROXY header the peer is who is
  /// named there: with `clientAddress: {field: none}` nobody's fields are.
  func believes(_ peer: SocketAddress) -> Bool { !clientAddress.isNone && trusts(peer) }

  /// Whether this peer is one of the trusted proxies. Whoever may open a Unix socket's file runs on this
  /// machine and was let in by the file's permissions.
  func trusts(_ peer: SocketAddress) -> Bool {
    if peer.isUnix { return isTrustingUnix }
    return !trustedProxies.isEmpty && trustedProxies.contains(peer)
  }
}

extension HTTP2Limits {
  init(_ settings: Configuration.Listener) {
    streams = settings.http2.streams
    takesWebSockets = settings.http2.websockets
    takesUpgrade = settings.http2.upgrade
    let head = CompiledListener.headLimits(of: settings)
    headBytes = min(head.bytes, Self.largestHead)
    fields = head.fields
    target = head.target
  }
}
