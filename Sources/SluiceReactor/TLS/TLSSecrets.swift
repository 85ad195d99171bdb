import COpenSSL
import CTLS13

/// The two secrets from which a connection's keys are derived (RFC 8446 7.1), as its handshake derives
/// them. They go nowhere but into a `TLSRecordLayer`, and are overwritten at the end of the handshake.
final class TLSSecrets {
  /// For `TLSCiphers.withSecrets` to fill.
  let pointer = UnsafeMutablePointer<ctls13_secrets>.allocate(capacity: 1)

  init() { pointer.initialize(to: ctls13_secrets()) }

  /// With secrets that no handshake has derived; 48 bytes of each at most.
  init(server: [UInt8], client: [UInt8]) {
    pointer.initialize(to: ctls13_secrets())
    withUnsafeMutableBytes(of: &pointer.pointee.server) { $0.copyBytes(from: server.prefix(48)) }
    withUnsafeMutableBytes(of: &pointer.pointee.client) { $0.copyBytes(from: client.prefix(48)) }
    pointer.pointee.server_size = UInt8(min(server.count, 48))
    pointer.pointee.client_size = UInt8(min(client.count, 48))
  }

  deinit {
    OPENSSL_cleanse(pointer, MemoryLayout<ctls13_secrets>.size)
    pointer.deallocate()
  }

  /// Of each of them; 0 while one is missing.
  var byteCount: Int {
    pointer.pointee.server_size == pointer.pointee.client_size
      ? Int(pointer.pointee.server_size) : 0
  }

  /// Ours are those of the server.
  func copy(
    ours: UnsafeMutablePointer<ctls13_traffic_keys>,
    theirs: UnsafeMutablePointer<ctls13_traffic_keys>
  ) {
    ours.pointee.secret = pointer.pointee.server
    theirs.pointee.secret = pointer.pointee.client
  }
}
