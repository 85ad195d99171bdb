public import SluiceConfiguration
import SluiceReactor
import SluiceWire

extension Configuration.Introspection: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy {
    CompiledIntrospection(self, context)
  }
}

/// Asks an authorization server about a token, and remembers what it said.
final class CompiledIntrospection: IdentifyPolicy {
  private enum Answer {
    case good(Identity, expiresAt: Int64?)
    case bad
    case lacksScope
  }

  private let settings: Configuration.Introspection
  private let source: TokenSource
  private let client: ServiceClient?
  private let target: [UInt8]
  private let authorization: [UInt8]
  private let scopes: [[UInt8]]
  private let reader: ClaimReader
  private let worker: Worker
  private let hash = SHA256()
  private let challenge: FieldLine
  private let bad: PolicyRefusal
  private let lacksScope: PolicyRefusal
  private let unavailable = PolicyRefusal(.checkUnavailable)
  private var answers: RecentCache<SHA256Digest, Answer>

  private static let maxBytes = 64 * 1_024
  private static let maxTokenBytes = 8 * 1_024
  /// A token that was just made may not be known everywhere yet.
  private static let badNanoseconds: Int64 = 10_000_000_000

  init(_ settings: Configuration.Introspection, _ context: PolicyContext) {
    self.settings = settings
    source = TokenSource(
      headers: [settings.header], query: settings.query, cookies: settings.cookies,
      firstMessage: settings.firstMessage)
    client = context.client(url: settings.url, timeout: settings.timeout)
    let path = TargetURL(settings.url)?.basePath ?? ""
    target = Array((path.isEmpty ? "/" : path).utf8)
    authorization = Self.authorization(settings)
    scopes = settings.scopes.map { Array($0.utf8) }
    reader = ClaimReader(settings.claims, context.consumers)
    worker = context.worker
    challenge = AuthorizationField.challenge("Bearer", realm: settings.realm)
    bad = PolicyRefusal(
      .unauthorized, detail: "The token is not good.",
      fields: [
        AuthorizationField.challenge(
          "Bearer", realm: settings.realm, "error=\"invalid_token\"")
      ])
    lacksScope = PolicyRefusal(
      .forbidden, detail: "The token lacks a scope.",
      fields: [
        AuthorizationField.challenge(
          "Bearer", realm: settings.realm, "error=\"insufficient_scope\"")
      ])
    answers = RecentCache(size: settings.cacheSize)
  }

  /// RFC 6749 2.3.1: both are form-encoded before they go into Basic.
  private static func authorization(_ settings: Configuration.Introspection) -> [UInt8] {
    var pair = ByteBuffer()
    FormEncoding.append(Array(settings.clientID.utf8).span, to: &pair)
    pair.append(0x3A)
    FormEncoding.append(Array(settings.clientSecret.reveal().utf8).span, to: &pair)
    var line = ByteBuffer()
    line.append("Authorization: Basic ")
    line.append(base64: pair.span, .standard)
    line.append("\r\nContent-Type: application/x-www-form-urlencoded\r\n")
    line.append("Accept: application/json\r\n")
    return line.copiedBytes()
  }

  override var challenges: [FieldLine] { [challenge] }
  override var ownedFields: [[UInt8]] { reader.fields }

  override var firstMessage: FirstMessageLimits? { source.firstMessage?.limits }

  override func identify(_ exchange: Exchange) -> IdentifyOutcome {
    source.withToken(of: exchange, hides: settings.hide) { ask($0, exchange) } ?? .absent
  }

  private func ask(_ token: Span<UInt8>, _ exchange: Exchange) -> IdentifyOutcome {
    if token.isEmpty || token.count > Self.maxTokenBytes { return .refused(bad) }
    let digest = hash.digest(of: token)
    if let known = answers.value(digest, now: worker.loop.now), let outcome = outcome(known) {
      return outcome
    }
    guard let client else { return .refused(unavailable) }
    var body = ByteBuffer()
    body.append("token=")
    FormEncoding.append(token, to: &body)
    body.append("&token_type_hint=access_token")
    var request = ClientRequest(target: target)
    request.method = "POST"
    request.lines.append(authorization)
    request.body = body.copiedBytes()
    let ticket = exchange.suspend(
      atMost: Timespan(nanoseconds: settings.timeout.nanoseconds + 1_000_000_000))
    client.send(request, limit: Self.maxBytes) { [self] result in
      let outcome = answered(result, digest)
      worker.resume(ticket) { $0.identified(outcome) }
    }
    return .wait
  }

  /// Nil when the token's time is over by now.
  private func outcome(_ answer: Answer) -> IdentifyOutcome? {
    switch answer {
    case .bad: return .refused(bad)
    case .lacksScope: return .refused(lacksScope)
    case .good(let identity, let expiresAt):
      if let expiresAt, worker.unixClock.seconds >= expiresAt { return nil }
      return .known(identity)
    }
  }

  private func answered(_ result: ClientResult, _ digest: SHA256Digest) -> IdentifyOutcome {
    guard case .response(let response) = result, response.status == 200,
      let claims = JSONTree(parsing: response.body.span),
      case .bool(let isActive)? = claims["active"]
    else { return .refused(unavailable) }
    let answer = isActive ? judge(claims) : .bad
    var kept = settings.cacheFor.nanoseconds
    if case .bad = answer { kept = min(kept, Self.badNanoseconds) }
    answers.set(digest, answer, expires: worker.loop.now.advanced(byNanoseconds: kept))
    return outcome(answer) ?? .refused(bad)
  }

  private func judge(_ claims: JSONTree) -> Answer {
    let expiresAt = claims["exp"]?.seconds
    let granted = claims["scope"]?.words ?? []
    if scopes.contains(where: { !granted.contains($0) }) { return .lacksScope }
    return .good(reader.identity(claims, expiresAt: expiresAt), expiresAt: expiresAt)
  }
}

/// application/x-www-form-urlencoded, a value of it.
enum FormEncoding {
  static func append(_ text: Span<UInt8>, to output: inout ByteBuffer) {
    let digits = Array("0123456789ABCDEF".utf8)
    for index in text.indices {
      let byte = text[index]
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: output.append(byte)
      default:
        output.append(0x25)
        output.append(digits[Int(byte >> 4)])
        output.append(digits[Int(byte & 15)])
      }
    }
  }
}
