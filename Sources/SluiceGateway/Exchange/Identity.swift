public import SluiceReactor
import SluiceWire

/// Who calls, as the stage `identify` found it.
///
/// Made once for a credential and shared by all exchanges and sessions of a worker that it vouches
/// for; never changed. Holds no secret. What every request reads comes first, together a line of the
/// processor's cache: one of a hundred thousand identities is not there.
public final class Identity {
  public let groups: [[UInt8]]
  /// What targets are told, as header lines; those of claims come last.
  let upstreamFields: [UInt8]
  /// When the trust ends, in seconds of Unix time; nil for never.
  public let expiresAt: Int64?
  /// Of limits by consumer; nil when nobody in the configuration is meant, or nothing was proved.
  let limitKey: LimitKey?
  /// The consumer's name; empty when nobody in the configuration is meant.
  public let consumer: [UInt8]
  /// Names the credential without being it.
  public let credential: [UInt8]
  /// What a token or another service says about the caller, as far as it was asked for.
  public let claims: [Claim]
  /// Whether nobody was asked to prove anything.
  public let isAnonymous: Bool
  let proof: IdentityProof
  private let claimLines: [UInt8]
  private var profile = 0
  /// The directory that `profile` counts in.
  private var directory: UInt64 = 0

  public struct Claim: Equatable, Sendable {
    public let name: [UInt8]
    /// A scalar as text; empty for anything else.
    public let value: [UInt8]
    /// The scalars of a list, or the words of a text.
    public let words: [[UInt8]]

    public init(name: [UInt8], value: [UInt8], words: [[UInt8]]) {
      self.name = name
      self.value = value
      self.words = words
    }
  }

  public convenience init(
    consumer: [UInt8], groups: [[UInt8]] = [], credential: [UInt8] = [], claims: [Claim] = [],
    expiresAt: Int64? = nil, isAnonymous: Bool = false
  ) {
    self.init(
      consumer: consumer, groups: groups, credential: credential, claims: claims,
      expiresAt: expiresAt, isAnonymous: isAnonymous, lines: [])
  }

  /// `lines` are further header lines for targets.
  init(
    consumer: [UInt8], groups: [[UInt8]], credential: [UInt8], claims: [Claim] = [],
    expiresAt: Int64? = nil, isAnonymous: Bool = false, lines: [UInt8],
    proof: IdentityProof = IdentityProof()
  ) {
    self.consumer = consumer
    self.groups = groups
    self.credential = credential
    self.claims = claims
    self.expiresAt = expiresAt
    self.isAnonymous = isAnonymous
    self.proof = proof
    limitKey = consumer.isEmpty || isAnonymous ? nil : .consumer(consumer)
    upstreamFields =
      IdentityFields.lines(
        consumer: consumer, groups: groups, credential: credential, isAnonymous: isAnonymous)
      + lines
    claimLines = lines
  }

  /// The same caller in other groups.
  func with(groups: [[UInt8]]) -> Identity {
    Identity(
      consumer: consumer, groups: groups, credential: credential, claims: claims,
      expiresAt: expiresAt, isAnonymous: isAnonymous, lines: claimLines, proof: proof)
  }

  /// The same caller, not trusted for longer than until `end`.
  func ending(by end: Int64?) -> Identity {
    guard let end, expiresAt.map({ $0 > end }) ?? true else { return self }
    return Identity(
      consumer: consumer, groups: groups, credential: credential, claims: claims,
      expiresAt: end, isAnonymous: isAnonymous, lines: claimLines, proof: proof)
  }

  /// All of it, to be made anew on another worker.
  var facts: IdentityFacts {
    IdentityFacts(
      consumer: consumer, groups: groups, credential: credential, claims: claims,
      expiresAt: expiresAt, isAnonymous: isAnonymous, lines: claimLines, proof: proof)
  }

  convenience init(_ facts: IdentityFacts) {
    self.init(
      consumer: facts.consumer, groups: facts.groups, credential: facts.credential,
      claims: facts.claims, expiresAt: facts.expiresAt, isAnonymous: facts.isAnonymous,
      lines: facts.lines, proof: facts.proof)
  }

  public func claim(_ name: [UInt8]) -> Claim? { claims.first { $0.name == name } }

  /// Both of them at once: who was found by the first and what the second says.
  func joined(with other: Identity) -> Identity {
    if consumer.isEmpty && !other.consumer.isEmpty { return other.joined(with: self) }
    return Identity(
      consumer: consumer, groups: groups + other.groups.filter { !groups.contains($0) },
      credential: credential, claims: claims + other.claims,
      expiresAt: [expiresAt, other.expiresAt].compactMap(\.self).min(), isAnonymous: isAnonymous,
      lines: claimLines + other.claimLines, proof: proof)
  }

  /// When the trust ends on the clock that timers go by; nil for never.
  public func deadline(now: MonotonicTime, unixTime: Int64) -> MonotonicTime? {
    guard let expiresAt else { return nil }
    let (nanoseconds, overflow) = (expiresAt &- unixTime).multipliedReportingOverflow(
      by: 1_000_000_000)
    return overflow ? .distantFuture : now.advanced(byNanoseconds: nanoseconds)
  }

  /// Which set of policies is this caller's; 0 is that of everybody.
  func profile(in consumers: ConsumerDirectory) -> Int {
    if directory != consumers.generation {
      directory = consumers.generation
      profile = consumers.profile(of: self)
    }
    return profile
  }
}

/// An identity on its way from one worker to another.
struct IdentityFacts: Sendable {
  let consumer: [UInt8]
  let groups: [[UInt8]]
  let credential: [UInt8]
  let claims: [Identity.Claim]
  let expiresAt: Int64?
  let isAnonymous: Bool
  let lines: [UInt8]
  let proof: IdentityProof
}

/// What proved an identity, as far as trust in it may be taken back later. Holds no secret.
struct IdentityProof: Sendable {
  /// Of the file's credential; nil when none of the file's proved it.
  var fingerprint: SHA256Digest?
  /// Of the key of a policy that a token was signed with; nil for anything else.
  var key: SHA256Digest?
  /// The token's `jti` and `sub`; empty without.
  var tokenID: [UInt8] = []
  var subject: [UInt8] = []
}

extension SHA256 {
  /// Tells a credential of the file from every other one, and from the same one of somebody else.
  func fingerprint(_ kind: String, of consumer: String, _ parts: [String]) -> SHA256Digest {
    digest(of: Array(([kind, consumer] + parts).joined(separator: "\0").utf8).span)
  }
}

/// The fields that tell targets who calls. Nobody but the gateway may set them, so what callers send
/// under these names is dropped from every request.
enum IdentityFields {
  static func lines(
    consumer: [UInt8], groups: [[UInt8]], credential: [UInt8], isAnonymous: Bool
  ) -> [UInt8] {
    var lines = ByteBuffer()
    func add(_ name: StaticString, _ value: [UInt8]) {
      // Names may come from a token: what could split the head, or would be read as empty, is not
      // passed on.
      guard !value.isEmpty, FieldSyntax.isValue(value.span) else { return }
      lines.appendField(name, value.span)
    }
    add("X-Consumer-Username", consumer)
    // A comma within a name would make two groups of one.
    let safe = groups.filter { !$0.contains(0x2C) }
    add("X-Consumer-Groups", Array(safe.joined(separator: [0x2C, 0x20])))
    add("X-Credential-Identifier", credential)
    if isAnonymous { add("X-Anonymous-Consumer", Array("true".utf8)) }
    return lines.copiedBytes()
  }

  /// Whether a request's field has one of the names; Kong's further ones are among them, because
  /// targets that were built for it believe them.
  static func contains(_ name: Span<UInt8>) -> Bool {
    switch name.count {
    // Not who, but since when: a handshake that repeats a session's.
    case 16: name.equalsIgnoringCase("sluice-reconnect")
    case 13: name.equalsIgnoringCase("x-consumer-id")
    case 17: name.equalsIgnoringCase("x-consumer-groups")
    case 19: name.equalsIgnoringCase("x-consumer-username")
    case 20:
      name.equalsIgnoringCase("x-consumer-custom-id")
        || name.equalsIgnoringCase("x-anonymous-consumer")
    case 22: name.equalsIgnoringCase("x-authenticated-groups")
    case 23: name.equalsIgnoringCase("x-credential-identifier")
    default: false
    }
  }
}
