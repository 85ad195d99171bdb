internal import SluiceWire

/// What routing may ask about a caller, besides its listener.
struct RoutedCaller {
  /// The name it asked for in its TLS handshake, in any case; empty when it named none, nil without TLS.
  var serverName: [UInt8]?
  /// Who it is behind trusted proxies; nil for a Unix socket.
  var address: IPAddress?
  /// What variables depend on; nil where there is none, so that no value of one holds.
  var exchange: Exchange?
  /// What they are; with `exchange`.
  var variables: RoutedVariables?

  /// For routes that ask nothing about callers.
  static var unknown: RoutedCaller { RoutedCaller() }
}
