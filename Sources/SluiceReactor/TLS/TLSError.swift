import COpenSSL

/// Why TLS can't be set up as it is configured. Never shows anything of a key.
public struct TLSError: Error, Equatable, Sendable {
  /// The setting that is wrong, as an operator finds it: `certificates[0].key`.
  public var setting: String
  public var reason: String

  public init(_ setting: String, _ reason: String) {
    self.setting = setting
    self.reason = reason
  }
}

/// Why a connection has no TLS.
public enum TLSFailure: Error, Equatable, Sendable {
  /// The peer sent what looks like HTTP where TLS was to begin.
  case plainText
  /// The peer left within the handshake; errno, or 0 for an orderly end.
  case peerLeft(Int32)
  /// The peer's certificate is not to be trusted.
  case certificate(String)
  /// What the peer sent, or its alert, as OpenSSL puts it.
  case handshake(String)
  /// ALPN, or the peer's first bytes, agreed to nothing that was offered: no HTTP/2 where it has to be, or HTTP/2
  /// where it was not offered.
  case noProtocol

  /// One line for a log.
  public var reason: String {
    switch self {
    case .plainText: "the peer does not speak TLS"
    case .peerLeft(0): "the peer closed the connection within the handshake"
    case .peerLeft: "the connection broke within the handshake"
    case .noProtocol: "the peer agreed to no protocol that it was offered"
    case .handshake("wrong version number"): "wrong version number; does the peer speak TLS at all?"
    case .certificate(let reason), .handshake(let reason): reason
    }
  }
}

enum OpenSSLError {
  /// The newest entry of this thread's error queue, in words; empties the queue.
  static func take() -> String {
    let code = ERR_peek_last_error()
    ERR_clear_error()
    guard code != 0, let text = ERR_reason_error_string(code) else { return "unknown TLS error" }
    return String(cString: text)
  }
}
