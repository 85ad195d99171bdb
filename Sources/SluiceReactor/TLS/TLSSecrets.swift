import COpenSSL
import Glibc

/// The two secrets from which a connection's keys are derived (RFC 8446 7.1), as OpenSSL tells them in the
/// lines of its key log: `LABEL CLIENT-RANDOM SECRET`, the last two in hexadecimal digits. They go nowhere
/// but into a `TLSRecordLayer`, and are overwritten at the end of the handshake.
final class TLSSecrets {
  static let maxBytes = 48

  private let bytes = UnsafeMutableRawBufferPointer.allocate(
    byteCount: 2 * TLSSecrets.maxBytes, alignment: 1)
  private var serverCount = 0
  private var clientCount = 0

  init() { _ = bytes.initializeMemory(as: UInt8.self, repeating: 0) }

  deinit {
    OPENSSL_cleanse(bytes.baseAddress, bytes.count)
    bytes.deallocate()
  }

  var isComplete: Bool { serverCount > 0 && serverCount == clientCount }
  /// Of each of them.
  var byteCount: Int { isComplete ? serverCount : 0 }

  /// Takes the secret, if the line is about one of the two; a malformed one is none.
  func note(_ line: UnsafePointer<CChar>) {
    if starts(line, "SERVER_TRAFFIC_SECRET_0 ") {
      serverCount = decode(line, at: 0)
    } else if starts(line, "CLIENT_TRAFFIC_SECRET_0 ") {
      clientCount = decode(line, at: Self.maxBytes)
    }
  }

  private func starts(_ line: UnsafePointer<CChar>, _ label: StaticString) -> Bool {
    // SAFETY: both end in a NUL.
    unsafe strncmp(
      line, UnsafeRawPointer(label.utf8Start).assumingMemoryBound(to: CChar.self),
      label.utf8CodeUnitCount) == 0
  }

  /// Returns how many bytes there are behind the line's last space.
  private func decode(_ line: UnsafePointer<CChar>, at offset: Int) -> Int {
    guard let space = strrchr(line, 0x20) else { return 0 }
    let digits = UnsafePointer(space + 1)
    var count = 0
    while let high = Self.value(digits[2 * count]), let low = Self.value(digits[2 * count + 1]) {
      if count == Self.maxBytes { return 0 }
      bytes[offset + count] = high << 4 | low
      count += 1
    }
    return digits[2 * count] == 0 ? count : 0
  }

  private static func value(_ digit: CChar) -> UInt8? {
    switch UInt8(bitPattern: digit) {
    case let digit where (0x30...0x39).contains(digit): digit - 0x30
    case let digit where (0x61...0x66).contains(digit): digit - 0x57
    case let digit where (0x41...0x46).contains(digit): digit - 0x37
    default: nil
    }
  }

  /// Ours are those of the server.
  func copy(
    ours: UnsafeMutablePointer<copenssl_traffic_keys>,
    theirs: UnsafeMutablePointer<copenssl_traffic_keys>
  ) {
    guard let start = bytes.baseAddress else { return }
    memcpy(&ours.pointee.secret, start, Self.maxBytes)
    memcpy(&theirs.pointee.secret, start + Self.maxBytes, Self.maxBytes)
  }
}
