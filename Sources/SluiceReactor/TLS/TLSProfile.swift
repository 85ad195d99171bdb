import COpenSSL
import CTLS13

/// Mozilla's server-side TLS guidelines, version 6.0. "Intermediate" is TLS 1.2 and 1.3, "modern" is
/// TLS 1.3 only; in both the caller's order of ciphers counts.
enum TLSProfile {
  private static let ciphers13 =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
  private static let ciphers12 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    + "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    + "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
  /// The first of them only where OpenSSL has it (3.5 and newer).
  private static let postQuantumGroup = "X25519MLKEM768"
  private static let groups = "X25519:prime256v1:secp384r1"

  /// Not with an OpenSSL that nobody has tried it with: its handshakes may ask for more.
  private static let hasOwnKeySchedule = OPENSSL_version_major() == 3 && ctls13_install() == 1

  /// A context whose connections derive the secrets of TLS 1.3 by `CTLS13`, or by OpenSSL and keep its record
  /// layer. Nil without memory.
  static func makeContext(_ method: OpaquePointer?) -> OpaquePointer? {
    SSL_CTX_new_ex(nil, hasOwnKeySchedule ? ctls13_properties : nil, method)
  }

  static func apply(to context: OpaquePointer, onlyTLS13: Bool) {
    var isDone = copenssl_ctx_set_min_version(context, onlyTLS13 ? TLS1_3_VERSION : TLS1_2_VERSION)
    isDone &= SSL_CTX_set_ciphersuites(context, ciphers13)
    isDone &= SSL_CTX_set_cipher_list(context, ciphers12)
    if copenssl_ctx_set_groups(context, "\(postQuantumGroup):\(groups)") != 1 {
      ERR_clear_error()
      isDone &= copenssl_ctx_set_groups(context, groups)
    }
    precondition(isDone == 1, "this OpenSSL lacks what every TLS server needs")
    applyCommon(to: context)
  }

  /// What both sides of the gateway want.
  static func applyCommon(to context: OpaquePointer) {
    SSL_CTX_set_options(context, copenssl_op_no_renegotiation | copenssl_op_no_compression)
    // An idle connection owns no buffer; and a certificate without its chain is sent as it is,
    // instead of looking for its issuer in every handshake.
    copenssl_ctx_set_mode(context, Int(SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN))
  }
}
