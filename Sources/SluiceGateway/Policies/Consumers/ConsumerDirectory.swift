import SluiceConfiguration
import SluiceWire

/// The consumers of a configuration, as one worker looks them up.
final class ConsumerDirectory {
  /// Which callers share all their policies; see `CallerPolicies`.
  struct Profile: Hashable {
    /// Nil when nothing is said about the consumer itself.
    var consumer: String?
    /// Those about which something is said, sorted.
    var groups: [String]
  }

  /// Unlike that of any other directory of this worker; never 0.
  let generation: UInt64
  /// The consumers as the file has them.
  let settings: [String: Configuration.Consumer]
  /// Groups by consumer. Those in the same groups share one list: among a hundred thousand consumers it
  /// then is in the processor's cache, whoever calls.
  private let groups: [String: [[UInt8]]]
  let keys: KeyDirectory
  let passwords: PasswordDirectory
  let tokens: TokenDirectory
  let secrets: SecretDirectory
  let certificates: CertificateDirectory
  private let namesWithPolicies: (consumers: Set<String>, groups: Set<String>)
  private(set) var profiles: [Profile] = [Profile(consumer: nil, groups: [])]
  private var profileIndices: [Profile: Int] = [:]

  /// Whether any caller can have policies of its own.
  var hasProfiles: Bool {
    !namesWithPolicies.consumers.isEmpty || !namesWithPolicies.groups.isEmpty
  }

  /// `former` gives what did not change: a digest of every key takes its time.
  init(_ configuration: Configuration, former: ConsumerDirectory?) {
    generation = (former?.generation ?? 0) + 1
    settings = configuration.consumers
    namesWithPolicies = configuration.namesWithPolicies
    if let former, former.settings == configuration.consumers {
      groups = former.groups
      keys = former.keys
      passwords = former.passwords
      tokens = former.tokens
      secrets = former.secrets
      certificates = former.certificates
    } else {
      groups = Self.groups(of: configuration.consumers)
      keys = KeyDirectory(configuration.consumers, groups)
      passwords = PasswordDirectory(configuration.consumers, groups)
      tokens = TokenDirectory(configuration.consumers, groups)
      secrets = SecretDirectory(configuration.consumers, groups)
      certificates = CertificateDirectory(configuration.consumers, groups)
    }
    profileIndices[profiles[0]] = 0
  }

  private static func groups(
    of consumers: [String: Configuration.Consumer]
  ) -> [String: [[UInt8]]] {
    var lists: [[String]: [[UInt8]]] = [:]
    return consumers.mapValues { consumer in
      if let list = lists[consumer.groups] { return list }
      let list = consumer.groups.map { Array($0.utf8) }
      lists[consumer.groups] = list
      return list
    }
  }

  /// Whether what proved the identity is in the file. What other places vouch for is not theirs to say.
  func has(_ identity: Identity) -> Bool {
    guard let fingerprint = identity.proof.fingerprint else { return true }
    if keys.fingerprints.contains(fingerprint) { return keys.endsInTime(identity, fingerprint) }
    return passwords.fingerprints.contains(fingerprint)
      || tokens.fingerprints.contains(fingerprint) || secrets.fingerprints.contains(fingerprint)
      || certificates.fingerprints.contains(fingerprint)
  }

  /// The groups of a consumer; nil when there is none of this name.
  func groups(of consumer: [UInt8]) -> [[UInt8]]? {
    groups[String(decoding: consumer, as: UTF8.self)]
  }

  /// A consumer about whom nothing needs to be proved.
  func identity(of name: String, credential: [UInt8] = [], isAnonymous: Bool = false) -> Identity {
    Identity(
      consumer: Array(name.utf8), groups: groups[name] ?? [], credential: credential,
      isAnonymous: isAnonymous)
  }

  /// The number of profiles is bounded by the configuration: only names that have policies count.
  func profile(of identity: Identity) -> Int {
    let name = String(decoding: identity.consumer, as: UTF8.self)
    let groups = Set(identity.groups.lazy.map { String(decoding: $0, as: UTF8.self) })
    let profile = Profile(
      consumer: namesWithPolicies.consumers.contains(name) ? name : nil,
      groups: groups.intersection(namesWithPolicies.groups).sorted())
    if let index = profileIndices[profile] { return index }
    profiles.append(profile)
    profileIndices[profile] = profiles.count - 1
    return profiles.count - 1
  }
}
