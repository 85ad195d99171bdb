import SluiceConfiguration
import SluiceWire

/// Names and passwords of the consumers, as `basic-auth` looks them up.
final class PasswordDirectory {
  private struct Entry {
    let identity: Identity
    let proof: Proof
  }

  private enum Proof {
    /// The digest of a password that the configuration holds itself.
    case plain(SHA256Digest)
    /// One that is checked on the worker's thread.
    case quick(PasswordDigest)
    case slow(PasswordDigest)
  }

  /// What a name and its password are checked with.
  enum Check {
    case plain(SHA256Digest, Identity)
    case quick(PasswordDigest, Identity)
    /// Without an identity the password is wrong, whatever it is.
    case slow(PasswordDigest, Identity?)
    /// Nothing needs time here, so nothing is hidden by taking some.
    case nobody
  }

  private var entries: [[UInt8]: Entry] = [:]
  /// Whether anything needs a thread of its own.
  var isSlow: Bool { decoy != nil }
  private(set) var fingerprints: Set<SHA256Digest> = []
  /// What a name that is nobody's is checked against, so that it takes as long as any other; where digests of
  /// several kinds are side by side, as one that is not weak.
  private var decoy: PasswordDigest?

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

  /// One check for every name, so that those of nobody, and of consumers that are not `meant`, take no other
  /// way than the slow ones.
  func check(of username: [UInt8], meant: (Identity) -> Bool) -> Check {
    guard let entry = entries[username], meant(entry.identity) else {
      return decoy.map { .slow($0, nil) } ?? .nobody
    }
    return switch entry.proof {
    case .plain(let digest): .plain(digest, entry.identity)
    case .quick(let digest): .quick(digest, entry.identity)
    case .slow(let digest): .slow(digest, entry.identity)
    }
  }
}
