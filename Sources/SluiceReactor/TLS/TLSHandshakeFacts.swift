import COpenSSL
import Glibc

/// What a connection has to know of its handshake after OpenSSL's object is gone.
struct TLSHandshakeFacts {
  private static let maxProtocolBytes = 15

  private(set) var serverName: [UInt8] = []
  // SAFETY: one of OpenSSL's constants, which are never freed.
  private var suite: OpaquePointer?
  private var protocolCount: UInt8 = 0
  private var protocolBytes = InlineArray<15, UInt8>(repeating: 0)

  /// As OpenSSL names it.
  var cipher: String { Self.name(of: suite) }

  init() {}

  /// Nil when they do not fit.
  init?(of ssl: OpaquePointer) {
    serverName = Self.serverName(of: ssl)
    suite = SSL_get_current_cipher(ssl)
    let fits = Self.withNegotiatedProtocol(of: ssl) { name in
      if name.count > Self.maxProtocolBytes { return false }
      for index in 0..<name.count { protocolBytes[index] = name[index] }
      protocolCount = UInt8(name.count)
      return true
    }
    if !fits { return nil }
  }

  /// The protocol that was agreed on by ALPN; empty for none.
  func withNegotiatedProtocol<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
    protocolBytes.span.withUnsafeBytes {
      body(UnsafeRawBufferPointer(rebasing: $0[..<Int(protocolCount)]))
    }
  }

  static func withNegotiatedProtocol<R>(
    of ssl: OpaquePointer, _ body: (UnsafeRawBufferPointer) -> R
  ) -> R {
    var name: UnsafePointer<UInt8>?
    var count: UInt32 = 0
    SSL_get0_alpn_selected(ssl, &name, &count)
    // SAFETY: the name belongs to `ssl` and stays for this call.
    return body(UnsafeRawBufferPointer(start: name, count: Int(count)))
  }

  /// As OpenSSL names it.
  static func cipher(of ssl: OpaquePointer) -> String { name(of: SSL_get_current_cipher(ssl)) }

  private static func name(of suite: OpaquePointer?) -> String {
    // SAFETY: a text of OpenSSL's that ends in a NUL and is never freed.
    suite.flatMap { SSL_CIPHER_get_name($0) }.map { String(cString: $0) } ?? ""
  }

  static func serverName(of ssl: OpaquePointer) -> [UInt8] {
    guard let name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) else { return [] }
    // SAFETY: OpenSSL's own copy, which ends in a NUL and lives as long as its object.
    return unsafe Array(UnsafeRawBufferPointer(start: name, count: strlen(name)))
  }
}
