import SluiceConfiguration
import SluiceWire

/// Names and passwords of the consumers, as `basic-auth` looks them up.
final class PasswordDirectory {
  struct Entry {
    let identity: Identity
    let proof: Proof
  }

  enum Proof {
    /// The digest of a password that the configuration holds itself.
    case plain(SHA256Digest)
    /// One that is checked on the worker's thread.
    case quick(PasswordDigest)
    case slow(PasswordDigest)
  }

  private var entries: [[UInt8]: Entry] = [:]
  private(set) var fingerprints: Set<SHA256Digest> = []
  /// What a name that is nobody's is checked against, so that it takes as long as any other; where digests of
  /// several kinds are side by side, as one that is not weak.
  private(set) var decoy: PasswordDigest?

  /// `groups` by consumer.
  init(_ consumers: [String: Configuration.Consumer], _ groups: [String: [[UInt8]]]) {
    let hash = SHA256()
    for (name, consumer) in consumers {
      let groups = groups[name] ?? []
      for credential in consumer.credentials.compactMap(\.basicAuth) {
        let username = Array(credential.username.utf8)
        let fingerprint = hash.fingerprint(
          "basic-auth", of: name,
          [credential.username, credential.digest?.reveal() ?? credential.password?.reveal() ?? ""])
        fingerprints.insert(fingerprint)
        let identity = Identity(
          consumer: Array(name.utf8), groups: groups, credential: username, lines: [],
          proof: IdentityProof(fingerprint: fingerprint))
        if let text = credential.digest?.reveal(), let digest = try? PasswordDigest(parsing: text) {
          entries[username] = Entry(
            identity: identity, proof: digest.isSlow ? .slow(digest) : .quick(digest))
          if digest.isSlow, decoy?.isWeak ?? true { decoy = digest }
        } else if let password = credential.password?.reveal() {
          let digest = hash.digest(of: Array(password.utf8).span)
          entries[username] = Entry(identity: identity, proof: .plain(digest))
        }
      }
    }
  }

  func entry(for username: [UInt8]) -> Entry? { entries[username] }
}
