public import SluiceConfiguration
import SluiceReactor
import SluiceWire

extension Configuration.JWT: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy { CompiledJWT(self, context) }

  public func problem() -> String? {
    for (index, key) in keys.enumerated() {
      do throws(VerificationKey.Problem) {
        _ = try VerificationKey(key)
      } catch {
        return "keys[\(index)]: \(error.text)"
      }
    }
    return nil
  }
}

/// Finds out who calls by a signed token.
final class CompiledJWT: IdentifyPolicy {
  private struct Good {
    let identity: Identity
    let expiresAt: Int64?
  }

  private let settings: Configuration.JWT
  private let source: TokenSource
  private let keys: [VerificationKey]
  private let tokens: TokenDirectory
  private let rules: TokenRules
  private let reader: ClaimReader
  private let keyClaim: [UInt8]
  private let worker: Worker
  /// Nil without a published set of keys, and after a reload that took it over.
  private var published: KeySource?
  private let hash = SHA256()
  private let challenge: FieldLine
  private let unavailable = PolicyRefusal(.checkUnavailable)
  private var good: RecentCache<SHA256Digest, Good>
  /// Of the published set that all of `good` was checked with.
  private var keysTaken = 0

  init(_ settings: Configuration.JWT, _ context: PolicyContext) {
    self.settings = settings
    source = TokenSource(
      headers: [settings.header] + settings.headers, query: settings.query,
      cookies: settings.cookies,
      firstMessage: settings.firstMessage)
    // Checked before the configuration was put in force.
    keys = settings.keys.compactMap { try? VerificationKey($0) }
    tokens = context.consumers.tokens
    rules = TokenRules(settings)
    reader = ClaimReader(settings.claims, context.consumers)
    keyClaim = Array(settings.keyClaim.utf8)
    worker = context.worker
    published = Self.published(settings, context)
    challenge = AuthorizationField.challenge("Bearer", realm: settings.realm)
    good = RecentCache(size: settings.cacheSize)
    keysTaken = published?.keysTaken ?? 0
  }

  /// Goes on with the keys of before the reload, if they are from the same place.
  private static func published(
    _ settings: Configuration.JWT, _ context: PolicyContext
  ) -> KeySource? {
    guard let jwks = settings.jwks else { return nil }
    let client = context.client(url: jwks.url, timeout: jwks.timeout)
    if let former = context.former as? CompiledJWT, let source = former.published,
      !source.isOver, source.settings == jwks, former.settings.algorithms == settings.algorithms
    {
      former.published = nil
      source.replaceClient(client)
      return source
    }
    return KeySource(
      jwks, algorithms: settings.algorithms, client: client, loop: context.worker.loop)
  }

  /// What a set says that was not fetched yet is not known.
  override func holds(key: SHA256Digest) -> Bool {
    if keys.contains(where: { $0.fingerprint == key }) { return true }
    guard let published else { return false }
    return !published.isKnown || published.keys.contains { $0.fingerprint == key }
  }

  override func asks(_ exchange: Exchange) -> Bool {
    settings.preflight || exchange.request.method != .options
  }

  override func retired() { published?.end() }
  override var challenges: [FieldLine] { [challenge] }
  override var ownedFields: [[UInt8]] { reader.fields }

  override var firstMessage: FirstMessageLimits? { source.firstMessage?.limits }

  override func identify(_ exchange: Exchange) -> IdentifyOutcome {
    source.withToken(of: exchange, hides: settings.hide) { check($0, exchange) } ?? .absent
  }

  private func check(_ text: Span<UInt8>, _ exchange: Exchange) -> IdentifyOutcome {
    let digest = hash.digest(of: text)
    let unixTime = worker.unixClock.seconds
    if let published, published.keysTaken != keysTaken {
      keysTaken = published.keysTaken
      good.removeAll()
    }
    if let known = good.value(digest, now: worker.loop.now), !isOver(known.expiresAt, unixTime) {
      return .known(known.identity)
    }
    guard let token = SignedToken(text) else { return refused("The token is malformed.") }
    if let outcome = check(token, text, digest, unixTime) { return outcome }
    guard let published else { return refused(Self.wrongSignature) }
    return fetch(published, token, text.withUnsafeBufferPointer { Array($0) }, digest, exchange)
  }

  /// The key may be one of a set that was changed.
  private func fetch(
    _ published: KeySource, _ token: SignedToken, _ text: [UInt8], _ digest: SHA256Digest,
    _ exchange: Exchange
  ) -> IdentifyOutcome {
    let answer = published.keyMissing()
    if answer == .missing { return unknownKey(published) }
    // The fetch has a timeout of its own.
    let ticket = exchange.suspend(
      atMost: Timespan(nanoseconds: published.settings.timeout.nanoseconds + 1_000_000_000))
    published.afterFetch { [self] in
      worker.resume(ticket) {
        let outcome = check(token, text.span, digest, worker.unixClock.seconds)
        return $0.identified(outcome ?? unknownKey(published))
      }
    }
    if answer == .fetch { published.fetch() }
    return .wait
  }

  private func unknownKey(_ published: KeySource) -> IdentifyOutcome {
    published.isKnown ? refused(Self.wrongSignature) : .refused(unavailable)
  }

  private func isOver(_ expiresAt: Int64?, _ unixTime: Int64) -> Bool {
    expiresAt.map { unixTime >= $0 + rules.leeway } ?? false
  }

  /// Nil when its key is not there and may be published by now.
  private func check(
    _ token: SignedToken, _ text: Span<UInt8>, _ digest: SHA256Digest, _ unixTime: Int64
  ) -> IdentifyOutcome? {
    // A consumer's own key decides alone: no other may speak for it.
    let named = token.claims[keyClaim] ?? (settings.keyInHeader ? token.header[keyClaim] : nil)
    if let value = named?.text, let entry = tokens.entry(for: value) {
      guard token.isSigned(by: entry.key, text) else { return refused(Self.wrongSignature) }
      return accept(token, owner: entry.identity, key: nil, digest, unixTime)
    }
    var hasCandidate = published == nil
    for key in keys + (published?.keys ?? []) where mayFit(key, token) {
      if token.isSigned(by: key, text) {
        return accept(token, owner: nil, key: key.fingerprint, digest, unixTime)
      }
      if key.id != nil && key.id == token.keyID { hasCandidate = true }
    }
    return hasCandidate ? refused(Self.wrongSignature) : nil
  }

  private func mayFit(_ key: VerificationKey, _ token: SignedToken) -> Bool {
    key.algorithms.contains(token.algorithm)
      && (key.id == nil || token.keyID == nil || key.id == token.keyID)
  }

  private func accept(
    _ token: SignedToken, owner: Identity?, key: SHA256Digest?, _ digest: SHA256Digest,
    _ unixTime: Int64
  ) -> IdentifyOutcome {
    if let problem = rules.problem(token.claims, unixTime: unixTime) { return refused(problem) }
    let expiresAt = token.claims["exp"]?.seconds
    let identity = reader.identity(token.claims, owner: owner, key: key, expiresAt: expiresAt)
    good.set(
      digest, Good(identity: identity, expiresAt: expiresAt),
      expires: worker.loop.now.advanced(byNanoseconds: settings.cacheFor.nanoseconds))
    return .known(identity)
  }

  private static let wrongSignature: StaticString = "The token's signature is not accepted."

  private func refused(_ reason: StaticString) -> IdentifyOutcome {
    .refused(
      PolicyRefusal(
        .unauthorized, detail: reason,
        fields: [
          AuthorizationField.challenge(
            "Bearer", realm: settings.realm,
            "error=\"invalid_token\", error_description=\"\(reason)\"")
        ]))
  }
}
