import SluiceConfiguration
import SluiceWire

/// API keys by their digests: finding one among 100,000 costs what finding one among ten does.
///
/// The keys themselves are not kept. Who could make digests that share their beginning with that of a
/// key could have made the key, so nothing is learned from the time that the look-up takes; the rest
/// of the digest is compared in constant time.
final class KeyDirectory {
  private var identities: [SHA256Digest: Identity] = [:]
  private(set) var fingerprints: Set<SHA256Digest> = []
  /// When keys end, in Unix seconds, by fingerprint; those that don't are not there.
  private var ends: [SHA256Digest: Int64] = [:]
  private let hash = SHA256()

  /// `groups` by consumer.
  init(_ consumers: [String: Configuration.Consumer], _ groups: [String: [[UInt8]]]) {
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
        identities[hash.digest(of: Array(key.key.reveal().utf8).span)] = Identity(
          consumer: Array(name.utf8), groups: groups, credential: Array(id.utf8),
          expiresAt: end?.seconds, lines: [], proof: IdentityProof(fingerprint: fingerprint))
      }
    }
  }

  /// Whether what the key has proved ends no later than the key does now: a reload may have brought its end
  /// nearer.
  func endsInTime(_ identity: Identity, _ fingerprint: SHA256Digest) -> Bool {
    guard let end = ends[fingerprint] else { return true }
    return identity.expiresAt.map { $0 <= end } ?? false
  }

  /// Nil for a key that is nobody's, or is over by the worker's time of day.
  func identity(for key: Span<UInt8>, _ clock: UnixClock) -> Identity? {
    guard let identity = identities[hash.digest(of: key)] else { return nil }
    if let end = identity.expiresAt, clock.seconds >= end { return nil }
    return identity
  }
}
