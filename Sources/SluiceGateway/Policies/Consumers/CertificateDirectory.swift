import SluiceConfiguration
import SluiceReactor

/// Whose certificates say what, as `mtls-auth` looks it up.
final class CertificateDirectory {
  enum Finding {
    case known(Identity)
    case unknown
    /// Its names are those of different consumers, and nobody can say which is meant.
    case ambiguous
  }

  /// By kind and value: `dns alice.example.com`.
  private var identities: [String: Identity] = [:]
  private(set) var fingerprints: Set<SHA256Digest> = []

  init(_ consumers: [String: Configuration.Consumer], _ groups: [String: [[UInt8]]]) {
    let hash = SHA256()
    for (name, consumer) in consumers {
      for credential in consumer.credentials.compactMap(\.mtlsAuth) {
        for (word, value) in credential.uniqueValues {
          let fingerprint = hash.fingerprint("mtls-auth", of: name, [word, value])
          fingerprints.insert(fingerprint)
          identities["\(word) \(value)"] = Identity(
            consumer: Array(name.utf8), groups: groups[name] ?? [], credential: Array(value.utf8),
            lines: [],
            proof: IdentityProof(fingerprint: fingerprint))
        }
      }
    }
  }

  /// One certificate's fingerprint says more than names, which many may have.
  func find(_ certificate: TLSClientCertificate) -> Finding {
    if let identity = identities["fingerprint \(Self.digits(certificate.fingerprint))"] {
      return .known(identity)
    }
    var keys = certificate.names.uris.map { "uri \($0)" }
    keys += certificate.names.dns.map { "dns \($0)" }
    keys += certificate.names.emails.map { "email \($0)" }
    keys.append("subject \(certificate.subject)")
    if let name = certificate.commonName { keys.append("commonName \(name)") }
    let found = keys.compactMap { identities[$0] }
    guard let first = found.first else { return .unknown }
    return found.allSatisfy { $0.consumer == first.consumer } ? .known(first) : .ambiguous
  }

  private static func digits(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(
      decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
}
