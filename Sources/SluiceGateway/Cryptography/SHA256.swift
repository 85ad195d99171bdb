import COpenSSL
import SluiceWire

/// A SHA-256 digest. Equality takes the same time wherever two differ.
struct SHA256Digest: Hashable, Sendable {
  private let words: (UInt64, UInt64, UInt64, UInt64)

  init(_ words: (UInt64, UInt64, UInt64, UInt64)) { self.words = words }

  static func == (left: SHA256Digest, right: SHA256Digest) -> Bool {
    let (left, right) = (left.words, right.words)
    return (left.0 ^ right.0) | (left.1 ^ right.1) | (left.2 ^ right.2) | (left.3 ^ right.3) == 0
  }

  /// A digest is as random as a hash can be; who tables it is no stranger's choice.
  func hash(into hasher: inout Hasher) { hasher.combine(words.0) }

  /// As good a hash as any part of it.
  var firstWord: UInt64 { words.0 }

  var bytes: [UInt8] {
    withUnsafeBytes(of: words) { Array($0) }
  }
}

/// Makes SHA-256 digests; allocates nothing and keeps nothing.
struct SHA256: Sendable {
  func digest(of bytes: Span<UInt8>) -> SHA256Digest {
    var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    let done = bytes.withUnsafeBytes { bytes in
      withUnsafeMutableBytes(of: &words) { room in
        sluice_sha256(bytes.baseAddress, bytes.count, room.baseAddress)
      }
    }
    precondition(done, "libcrypto can't make a digest")
    return SHA256Digest(words)
  }
}
