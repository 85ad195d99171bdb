import SluiceConfiguration
import SluiceWire

/// API keys by their digests: finding one among 100,000 costs what finding one among ten does, but for what
/// is not in the processor's cache.
///
/// The keys themselves are not kept. Who could make digests that share their beginning with that of a
/// key could have made the key, so nothing is learned from the time that the look-up takes; the rest
/// of the digest is compared in constant time.
final class KeyDirectory {
  /// In a table of its own, which has a digest and whose it is side by side: one line of the cache or two.
  private struct Slot {
    var digest = SHA256Digest((0, 0, 0, 0))
    /// Nil in a free one. Not counted: `identities` keeps them, and neither ever changes.
    var identity: Unmanaged<Identity>?
  }

  private let identities: [Identity]
  /// A power of two, at most half of them used.
  private let slots: [Slot]
  let fingerprints: Set<SHA256Digest>
  /// When keys end, in Unix seconds, by fingerprint; those that don't are not there.
  private let ends: [SHA256Digest: Int64]
  private let hash = SHA256()

  /// `groups` by consumer.
  init(_ consumers: [String: Configuration.Consumer], _ groups: [String: [[UInt8]]]) {
    var found: [(digest: SHA256Digest, identity: Identity)] = []
    var fingerprints: Set<SHA256Digest> = []
    var ends: [SHA256Digest: Int64] = [:]
    for (name, consumer) in consumers {
      let groups = groups[name] ?? []
      var count = 0
      for credential in consumer.credentials {
        guard let key = credential.keyAuth else { continue }
        count += 1
        let id = key.id ?? "\(name).key-auth.\(count)"
        let end = key.expires.flatMap { try? Moment(parsing: $0) }
        let fingerprint = hash.fingerprint("key-auth", of: name, [key.key.reveal()])
        fingerprints.insert(fingerprint)
        if let end { ends[fingerprint] = end.seconds }
        let identity = Identity(
          consumer: Array(name.utf8), groups: groups, credential: Array(id.utf8),
          expiresAt: end?.seconds, lines: [], proof: IdentityProof(fingerprint: fingerprint))
        found.append((hash.digest(of: Array(key.key.reveal().utf8).span), identity))
      }
    }
    identities = found.map(\.identity)
    slots = Self.slots(found)
    self.fingerprints = fingerprints
    self.ends = ends
  }

  private static func slots(_ found: [(digest: SHA256Digest, identity: Identity)]) -> [Slot] {
    var count = 16
    while count < 2 * found.count { count *= 2 }
    var slots = [Slot](repeating: Slot(), count: count)
    for (digest, identity) in found {
      // SAFETY: `identities` keeps it as long as the table.
      slots[index(of: digest, in: slots)] = Slot(
        digest: digest, identity: .passUnretained(identity))
    }
    return slots
  }

  /// Where the digest is, or the free slot where it belongs.
  @inline(__always)
  private static func index(of digest: SHA256Digest, in slots: [Slot]) -> Int {
    let mask = slots.count &- 1
    var index = Int(truncatingIfNeeded: digest.firstWord) & mask
    while slots[index].identity != nil && slots[index].digest != digest {
      index = (index &+ 1) & mask
    }
    return index
  }

  /// Whether what the key has proved ends no later than the key does now: a reload may have brought its end
  /// nearer.
  func endsInTime(_ identity: Identity, _ fingerprint: SHA256Digest) -> Bool {
    guard let end = ends[fingerprint] else { return true }
    return identity.expiresAt.map { $0 <= end } ?? false
  }

  /// Nil for a key that is nobody's, or is over by the worker's time of day.
  func identity(for key: Span<UInt8>, _ clock: UnixClock) -> Identity? {
    let digest = hash.digest(of: key)
    guard let found = slots[Self.index(of: digest, in: slots)].identity else { return nil }
    let identity = found.takeUnretainedValue()
    if let end = identity.expiresAt, clock.seconds >= end { return nil }
    return identity
  }
}
