public import SluiceConfiguration
import SluiceReactor
import SluiceWire

extension Configuration.BasicAuth: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy {
    CompiledBasicAuth(self, context)
  }
}

/// Finds the consumer by a name and a password.
final class CompiledBasicAuth: IdentifyPolicy {
  private let settings: Configuration.BasicAuth
  private let passwords: PasswordDirectory
  /// Empty for everybody.
  private let groups: Set<[UInt8]>
  private let thread: PasswordThread?
  private let hash = SHA256()
  private let challenge: FieldLine
  private let wrong: PolicyRefusal
  private let busy = PolicyRefusal(.overloaded)
  /// By the digest of name and password.
  private var right: RecentCache<SHA256Digest, Identity>
  private let loop: EventLoop

  init(_ settings: Configuration.BasicAuth, _ context: PolicyContext) {
    self.settings = settings
    passwords = context.consumers.passwords
    groups = Set(settings.groups.map { Array($0.utf8) })
    // Without slow digests there is nothing to do for it.
    thread = passwords.isSlow ? context.passwordThread : nil
    challenge = AuthorizationField.challenge(
      "Basic", realm: settings.realm, "charset=\"UTF-8\"")
    wrong = PolicyRefusal(
      .unauthorized, detail: "The name or the password is wrong.", fields: [challenge])
    right = RecentCache(size: settings.cacheSize)
    loop = context.worker.loop
  }

  override var challenges: [FieldLine] { [challenge] }

  override func identify(_ exchange: Exchange) -> IdentifyOutcome {
    identify(exchange, exchange.request)
  }

  private func identify(_ exchange: Exchange, _ head: borrowing RequestHead) -> IdentifyOutcome {
    guard let index = head.firstIndex(of: .authorization) else { return .absent }
    let value = head.span(head.fields[index].value)
    guard let range = AuthorizationField.credentials("basic", in: value) else { return .absent }
    if settings.hide { exchange.requestEdits.drop(index) }
    var decoded = ByteBuffer()
    guard decoded.append(decodingBase64: value.extracting(range), .standard) else {
      return .refused(wrong)
    }
    let key = hash.digest(of: decoded.span)
    if let identity = right.value(key, now: loop.now) { return .known(identity) }
    let text = decoded.copiedBytes()
    // RFC 7617 2: a name has no colon, a password may.
    guard let colon = text.firstIndex(of: 0x3A) else { return .refused(wrong) }
    return check(exchange, Array(text[..<colon]), Array(text[(colon + 1)...]), key)
  }

  private func isIn(_ identity: Identity) -> Bool {
    groups.isEmpty || identity.groups.contains { groups.contains($0) }
  }

  override func wouldFind(_ identity: Identity) -> Bool {
    let isOfPassword = identity.proof.fingerprint.map { passwords.fingerprints.contains($0) }
    return isOfPassword != true || isIn(identity)
  }

  private func check(
    _ exchange: Exchange, _ username: [UInt8], _ password: [UInt8], _ key: SHA256Digest
  ) -> IdentifyOutcome {
    switch passwords.check(of: username, meant: isIn) {
    case .plain(let digest, let identity):
      return hash.digest(of: password.span) == digest ? .known(identity) : .refused(wrong)
    case .quick(let digest, let identity):
      return digest.verifies(password) ? .known(identity) : .refused(wrong)
    case .slow(let digest, let identity):
      guard let thread else { return .refused(wrong) }
      return exchange.waitToIdentify(
        atMost: .seconds(10), for: { await thread.verifies(digest, password) },
        then: { [self] _, isRight in
          guard let isRight else { return .refused(busy) }
          guard isRight, let identity else { return .refused(wrong) }
          right.set(
            key, identity,
            expires: loop.now.advanced(byNanoseconds: settings.cacheFor.nanoseconds))
          return .known(identity)
        })
    case .nobody: return .refused(wrong)
    }
  }
}
