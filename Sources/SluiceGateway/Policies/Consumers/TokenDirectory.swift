import SluiceConfiguration

/// The consumers' own keys for tokens, by what the tokens' key claim has.
final class TokenDirectory {
  struct Entry {
    let identity: Identity
    let key: VerificationKey
  }

  private var entries: [[UInt8]: Entry] = [:]
  private(set) var fingerprints: Set<SHA256Digest> = []

  /// `groups` by consumer.
  init(_ consumers: [String: Configuration.Consumer], _ groups: [String: [[UInt8]]]) {
    let hash = SHA256()
    for (name, consumer) in consumers {
      let groups = groups[name] ?? []
      for credential in consumer.credentials.compactMap(\.jwt) {
        guard let key = try? VerificationKey(credential.signing) else { continue }
        let id = Array(credential.key.utf8)
        let fingerprint = hash.fingerprint(
          "jwt", of: name,
          [
            credential.key, credential.algorithm.rawValue, credential.secret?.reveal() ?? "",
            credential.encoding.rawValue, credential.publicKey ?? "",
          ])
        fingerprints.insert(fingerprint)
        entries[id] = Entry(
          identity: Identity(
            consumer: Array(name.utf8), groups: groups, credential: id, lines: [],
            proof: IdentityProof(fingerprint: fingerprint)), key: key)
      }
    }
  }

  func entry(for value: [UInt8]) -> Entry? { entries[value] }

  /// What is wrong with any of the keys.
  static func problem(_ consumers: [String: Configuration.Consumer]) -> String? {
    for (name, consumer) in consumers.sorted(by: { $0.key < $1.key }) {
      for credential in consumer.credentials.compactMap(\.jwt) {
        do throws(VerificationKey.Problem) {
          _ = try VerificationKey(credential.signing)
        } catch {
          return "jwt credential of consumer \(name): \(error.text)"
        }
      }
    }
    return nil
  }
}
