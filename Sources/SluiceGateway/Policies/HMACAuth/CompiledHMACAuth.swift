public import SluiceConfiguration
import SluiceWire

extension Configuration.HMACAuth: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy {
    CompiledHMACAuth(self, context)
  }
}

/// Finds the consumer by a signature over parts of the request.
final class CompiledHMACAuth: IdentifyPolicy {
  private let settings: Configuration.HMACAuth
  private let secrets: SecretDirectory
  private let algorithms: [[UInt8]: String]
  private let required: [[UInt8]]
  private let skew: Int64
  private let unixClock: UnixClock
  private let hash = SHA256()
  private let challenge: FieldLine
  private let malformed: PolicyRefusal
  private let uncovered: PolicyRefusal
  private let late: PolicyRefusal
  private let wrong: PolicyRefusal
  private let otherBody: PolicyRefusal

  private static let dateNames = [Array("date".utf8), Array("x-date".utf8)]
  private static let digestName = Array("digest".utf8)
  private static let contentDigestName = Array("content-digest".utf8)

  init(_ settings: Configuration.HMACAuth, _ context: PolicyContext) {
    self.settings = settings
    secrets = context.consumers.secrets
    unixClock = context.worker.unixClock
    algorithms = Dictionary(
      uniqueKeysWithValues: Set(settings.algorithms).map {
        (Array($0.rawValue.utf8), String($0.rawValue.dropFirst(5)).uppercased())
      })
    required = settings.require.map { Array($0.lowercased().utf8) }
    skew = settings.clockSkew.nanoseconds / 1_000_000_000
    let challenge = AuthorizationField.challenge("hmac", realm: settings.realm)
    self.challenge = challenge
    func refusal(_ detail: StaticString) -> PolicyRefusal {
      PolicyRefusal(.unauthorized, detail: detail, fields: [challenge])
    }
    malformed = refusal("The signature is malformed.")
    uncovered = refusal("The signature does not cover all that it must.")
    late = refusal("The date is missing, or too far from now.")
    wrong = refusal("The signature is not good.")
    otherBody = refusal("The body is not what its digest says.")
  }

  override var challenges: [FieldLine] { [challenge] }

  override func identify(_ exchange: Exchange) -> IdentifyOutcome {
    identify(exchange, exchange.request)
  }

  private func identify(_ exchange: Exchange, _ head: borrowing RequestHead) -> IdentifyOutcome {
    guard let index = head.firstIndex(of: .authorization) else { return .absent }
    let value = head.span(head.fields[index].value)
    guard let range = AuthorizationField.credentials("hmac", in: value) else { return .absent }
    if settings.hide { exchange.requestEdits.drop(index) }
    guard let signature = HMACSignature(value.extracting(range)),
      let algorithm = algorithms[signature.algorithm]
    else { return .refused(malformed) }
    guard covers(signature), let signed = signature.signed(head) else {
      return .refused(uncovered)
    }
    guard isTimely(signature, head) else { return .refused(late) }
    guard let entry = secrets.entry(for: signature.username),
      MessageCode.verifies(signature.signature, of: signed, entry.secret, algorithm)
    else { return .refused(wrong) }
    if settings.body {
      exchange.setNote(entry.identity, of: self)
      return .collect(upTo: settings.maxBodySize.bytes)
    }
    return .known(entry.identity)
  }

  private func covers(_ signature: HMACSignature) -> Bool {
    required.allSatisfy { name in
      signature.headers.contains(name)
        || Self.dateNames.contains(name)
          && signature.headers.contains(where: Self.dateNames.contains)
    }
  }

  /// The date that is signed, X-Date before Date, which browsers set themselves.
  private func isTimely(_ signature: HMACSignature, _ head: borrowing RequestHead) -> Bool {
    let names = Self.dateNames.reversed().filter { signature.headers.contains($0) }
    guard let name = names.first else { return !required.contains(where: Self.dateNames.contains) }
    guard let value = HMACSignature.onlyValue(of: name, head),
      let date = HTTPDateText.unixTime(head.span(value))
    else { return false }
    return abs(unixClock.seconds - date) <= skew
  }

  override func identifyByBody(_ exchange: Exchange) -> IdentifyOutcome {
    guard let identity = exchange.note(of: self) as? Identity,
      let claimed = claimedDigest(exchange.request)
    else { return .refused(otherBody) }
    let made = exchange.withCollectedBody { hash.digest(of: $0) }
    return made.bytes == claimed ? .known(identity) : .refused(otherBody)
  }

  /// By the field that must be covered.
  private func claimedDigest(_ head: borrowing RequestHead) -> [UInt8]? {
    required.contains(Self.contentDigestName) ? contentDigest(head) : digest(head)
  }

  /// What `Content-Digest: sha-256=:…:` (RFC 9530) says; digests of other algorithms may stand beside it.
  private func contentDigest(_ head: borrowing RequestHead) -> [UInt8]? {
    guard let range = HMACSignature.onlyValue(of: Self.contentDigestName, head) else { return nil }
    let value = head.span(range)
    var digests = FieldList(value, hasQuotes: true)
    while let range = digests.next() {
      let part = value.extracting(range)
      if part.count > 10, part.extracting(..<9).equals("sha-256=:"),
        part[part.count - 1] == UInt8(ascii: ":")
      {
        var output = ByteBuffer()
        let text = part.extracting(9..<part.count - 1)
        return output.append(decodingBase64: text, .standard) ? output.copiedBytes() : nil
      }
    }
    return nil
  }

  /// What `Digest: SHA-256=…` (RFC 3230) says.
  private func digest(_ head: borrowing RequestHead) -> [UInt8]? {
    guard let range = HMACSignature.onlyValue(of: Self.digestName, head) else { return nil }
    let value = head.span(range)
    guard value.count > 8, value.extracting(..<8).equalsIgnoringCase("sha-256=") else { return nil }
    var output = ByteBuffer()
    guard output.append(decodingBase64: value.extracting(8...), .standard) else { return nil }
    return output.copiedBytes()
  }
}
