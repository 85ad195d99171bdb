/// What a caller's TLS handshake has agreed on, as a value.
public struct TLSHandshake: Equatable, Sendable {
  /// `TLSv1.2` or `TLSv1.3`.
  public var version: String
  /// As OpenSSL names it: `TLS_AES_128_GCM_SHA256`.
  public var cipher: String
  /// The name that the caller asked for, as it wrote it; empty for none.
  public var serverName: [UInt8]
  /// What ALPN agreed on; empty for none.
  public var applicationProtocol: [UInt8]
  /// A former session was taken up again.
  public var isResumed: Bool
  /// The caller has proved to have a certificate that the listener's authority vouches for.
  public var hasClientCertificate: Bool
}
