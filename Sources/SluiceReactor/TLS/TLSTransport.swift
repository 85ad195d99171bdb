import COpenSSL
import SluiceWire

/// What all TLS connections of one loop share: the ciphertext on its way in and out, and the BIO
/// through which OpenSSL sees both.
///
/// OpenSSL runs within one call on the loop's thread and never calls back into a connection, so one
/// BIO serves them all: whoever calls OpenSSL loads `input` before and takes `output` after. No
/// connection has a buffer between OpenSSL and the kernel (docs/decisions/0010-tls-by-openssl.md).
final class TLSTransport {
  /// Plaintext that becomes ciphertext before the kernel gets it: what one read of a body brings, in whole
  /// records.
  static let outputBytes = 5 * TLSRecord.maxText
  /// Handshakes that one turn may advance, and as many of those that had to wait: a crowd of newcomers
  /// must not keep the loop from its other connections, nor from who came before.
  private static let handshakesPerTurn = 8

  /// Ciphertext is read from sockets into this; empty again when the read is over.
  let received: UnsafeMutableRawBufferPointer
  /// What OpenSSL has yet to take of the current connection's ciphertext.
  var input = UnsafeRawBufferPointer(start: nil, count: 0)
  /// Beyond so much output OpenSSL gets no more input: what it answers unasked, a peer may have asked
  /// for without end.
  var outputLimit = Int.max
  /// Ciphertext for the current connection, of OpenSSL or of its `TLSRecordLayer`.
  var output = ByteBuffer(capacity: TLSTransport.outputBytes + TLSRecord.maxText)
  /// For connections with record layers of our own: their ciphers, and room for one opened record.
  let ciphers = TLSCiphers()
  let scratch = UnsafeMutableRawBufferPointer.allocate(
    byteCount: TLSRecord.maxLength, alignment: 64)
  private let bio: OpaquePointer
  private var turn = MonotonicTime(nanoseconds: 0)
  private var handshakes = 0
  private var resumedHandshakes = 0

  init(readBufferSize: Int) {
    received = .allocate(byteCount: readBufferSize, alignment: 64)
    guard let bio = BIO_new(Self.method) else { preconditionFailure("no memory for a BIO") }
    self.bio = bio
    BIO_set_init(bio, 1)
    // SAFETY: the BIO forgets this object when it goes.
    BIO_set_data(bio, Unmanaged.passUnretained(self).toOpaque())
  }

  deinit {
    BIO_set_data(bio, nil)
    BIO_free(bio)
    received.deallocate()
    scratch.deallocate()
  }

  /// Lets `ssl` read from and write to this transport. While a handshake lasts OpenSSL puts a buffer
  /// of its own in front of the BIO and takes it away again; with several at a time only the BIO's
  /// back pointer is the last one's, which nobody follows.
  func attach(_ ssl: OpaquePointer) {
    BIO_up_ref(bio)
    SSL_set_bio(ssl, bio, bio)
  }

  /// Whether one more handshake may be advanced in the turn that began at `now`. `isResumed`: it had
  /// to wait for this turn.
  func admitsHandshake(now: MonotonicTime, isResumed: Bool) -> Bool {
    if turn != now {
      turn = now
      handshakes = 0
      resumedHandshakes = 0
    }
    if isResumed {
      resumedHandshakes += 1
      return resumedHandshakes <= Self.handshakesPerTurn
    }
    handshakes += 1
    return handshakes <= Self.handshakesPerTurn
  }

  // MARK: The BIO

  // SAFETY: made once, before any use, and never changed; OpenSSL only reads it.
  private nonisolated(unsafe) static let method: OpaquePointer = {
    let type = BIO_get_new_index() | BIO_TYPE_SOURCE_SINK
    guard let method = BIO_meth_new(type, "event loop") else {
      preconditionFailure("no memory for a BIO method")
    }
    BIO_meth_set_read(method) { bio, target, count in
      guard let target, let transport = TLSTransport.of(bio) else { return -1 }
      return transport._withUnsafeGuaranteedRef { $0.take(bio, into: target, Int(count)) }
    }
    BIO_meth_set_write(method) { bio, source, count in
      guard let source, count > 0, let transport = TLSTransport.of(bio) else { return -1 }
      transport._withUnsafeGuaranteedRef { $0.give(source, Int(count)) }
      return count
    }
    BIO_meth_set_ctrl(method) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
    return method
  }()

  private static func of(_ bio: OpaquePointer?) -> Unmanaged<TLSTransport>? {
    // SAFETY: the data is the transport that made the BIO, which clears it before it goes.
    BIO_get_data(bio).map { Unmanaged<TLSTransport>.fromOpaque($0) }
  }

  private func take(
    _ bio: OpaquePointer?, into target: UnsafeMutablePointer<CChar>, _ count: Int
  ) -> Int32 {
    BIO_clear_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_WRITE | BIO_FLAGS_SHOULD_RETRY)
    let taken = output.count > outputLimit ? 0 : min(count, input.count)
    if taken == 0 {
      BIO_set_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY)
      return -1
    }
    // SAFETY: OpenSSL gives room for `count` bytes, and `taken` is not more than either side has.
    UnsafeMutableRawPointer(target).copyMemory(
      from: input.baseAddress.unsafelyUnwrapped, byteCount: taken)
    input = UnsafeRawBufferPointer(rebasing: input[taken...])
    return Int32(truncatingIfNeeded: taken)
  }

  private func give(_ source: UnsafePointer<CChar>, _ count: Int) {
    output.append(upTo: count) { room in
      // SAFETY: OpenSSL's buffer holds `count` bytes for this call.
      room.copyMemory(from: UnsafeRawBufferPointer(start: source, count: count))
      return count
    }
  }
}
