import SluiceWire

/// What a stored response is found by.
///
/// ```
/// host/path ?query \0 scopes of route and settings, what else makes a difference \0 whose it is
/// └─group─┘
/// └─────url──────┘
/// ```
///
/// Hashes are SipHash with a seed that is the process's own, so nobody can make two that collide.
struct CacheKey {
  let hash: UInt64
  /// The same for all responses of one host and path.
  let group: UInt64

  /// The key as an entry keeps it.
  struct Stored {
    let bytes: [UInt8]
    let urlCount: Int
    let hash: UInt64
    let group: UInt64
    /// Whether the key names whose response it is; otherwise it is for all.
    let isOwned: Bool
  }

  /// A key under construction; its memory is used again.
  struct Builder: ~Copyable {
    private(set) var bytes = ByteBuffer()
    private var groupCount = 0
    private var urlCount = 0
    private var sharedCount = 0

    mutating func clear() { bytes.clear() }

    mutating func append(_ part: Span<UInt8>) { bytes.append(part) }
    mutating func append(_ part: [UInt8]) { bytes.append(part) }
    mutating func append(_ byte: UInt8) { bytes.append(byte) }
    mutating func append(_ scope: CacheScope) { bytes.append(scope.digest.span) }

    mutating func append(lowercased part: Span<UInt8>) { bytes.append(lowercased: part) }

    /// A part that may hold any byte and can't be taken for two.
    mutating func appendCounted(_ part: Span<UInt8>) {
      bytes.append(decimal: UInt64(part.count))
      bytes.append(0x3A)
      bytes.append(part)
    }

    mutating func appendCounted(_ part: [UInt8]) { appendCounted(part.span) }

    mutating func endGroup() { groupCount = bytes.count }
    mutating func endURL() {
      urlCount = bytes.count
      bytes.append(0)
    }
    mutating func endShared() {
      bytes.append(0)
      sharedCount = bytes.count
    }

    var isOwned: Bool { bytes.count > sharedCount }

    /// The key of the caller's own responses, or of those for all.
    func key(owned: Bool) -> CacheKey {
      bytes.withUnsafeBytes { bytes in
        var hasher = Hasher()
        hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: bytes[..<groupCount]))
        let group = hasher
        let end = owned ? bytes.count : sharedCount
        hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: bytes[groupCount..<end]))
        return CacheKey(
          hash: UInt64(bitPattern: Int64(hasher.finalize())),
          group: UInt64(bitPattern: Int64(group.finalize())))
      }
    }

    func stored(owned: Bool) -> Stored {
      let key = key(owned: owned)
      let end = owned ? bytes.count : sharedCount
      return Stored(
        bytes: bytes.withUnsafeBytes { Array($0[..<end]) }, urlCount: urlCount, hash: key.hash,
        group: key.group, isOwned: owned)
    }

    func matches(_ stored: Stored) -> Bool {
      let end = stored.isOwned ? bytes.count : sharedCount
      return bytes.span.extracting(..<end).equals(stored.bytes.span)
    }
  }
}

/// Keeps what was stored under one configuration apart from what was under another: a digest of all
/// that makes a difference, in the place of a text of some hundred bytes that every look-up would hash
/// and compare. The same on all workers and after a reload that changes nothing.
struct CacheScope {
  fileprivate let digest: InlineArray<16, UInt8>

  /// Of calls that no route is the way of.
  static let none = CacheScope()

  private init() { digest = InlineArray(repeating: 0) }

  /// For when the configuration is compiled.
  init(_ text: String) {
    let bytes = SHA256().digest(of: Array(text.utf8).span).bytes
    digest = InlineArray { bytes[$0] }
  }
}
