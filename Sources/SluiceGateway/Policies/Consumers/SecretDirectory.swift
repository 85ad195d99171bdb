import SluiceConfiguration

/// The consumers' secrets for signed requests, by name.
final class SecretDirectory {
  struct Entry {
    let identity: Identity
    let secret: [UInt8]
  }

  private var entries: [[UInt8]: Entry] = [:]
  private(set) var fingerprints: Set<SHA256Digest> = []

  /// `groups` by consumer.
  init(_ consumers: [String: Configuration.Consumer], _ groups: [String: [[UInt8]]]) {
    let hash = SHA256()
    for (name, consumer) in consumers {
      let groups = groups[name] ?? []
      for credential in consumer.credentials.compactMap(\.hmacAuth) {
        let username = Array(credential.username.utf8)
        let fingerprint = hash.fingerprint(
          "hmac-auth", of: name, [credential.username, credential.secret.reveal()])
        fingerprints.insert(fingerprint)
        entries[username] = Entry(
          identity: Identity(
            consumer: Array(name.utf8), groups: groups, credential: username, lines: [],
            proof: IdentityProof(fingerprint: fingerprint)),
          secret: Array(credential.secret.reveal().utf8))
      }
    }
  }

  func entry(for username: [UInt8]) -> Entry? { entries[username] }
}
