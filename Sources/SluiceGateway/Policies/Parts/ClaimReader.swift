import SluiceConfiguration
import SluiceWire

/// Makes an identity of claims, as the settings say.
struct ClaimReader {
  private let consumer: [UInt8]
  private let groups: [UInt8]
  private let headers: [(name: [UInt8], claim: [UInt8])]
  private let kept: Set<[UInt8]>
  private let consumers: ConsumerDirectory

  init(_ settings: Configuration.ClaimUse, _ consumers: ConsumerDirectory) {
    consumer = Array(settings.consumer.utf8)
    groups = Array(settings.groups.utf8)
    headers = settings.headers.map { (Array($0.key.utf8), Array($0.value.utf8)) }
    kept = Set(settings.keep.map { Array($0.utf8) })
    self.consumers = consumers
  }

  /// `owner` is the consumer whose own credential vouches for the claims, `key` the policy's that does.
  func identity(
    _ claims: JSONTree, owner: Identity? = nil, key: SHA256Digest? = nil, expiresAt: Int64?
  ) -> Identity {
    let name = owner?.consumer ?? (consumer.isEmpty ? [] : claims[consumer]?.text ?? [])
    var all = consumers.groups(of: name) ?? []
    if !groups.isEmpty {
      for group in claims[groups]?.words ?? [] where !all.contains(group) { all.append(group) }
    }
    let credential =
      owner?.credential ?? claims["jti"]?.text ?? claims["sub"]?.text ?? []
    return Identity(
      consumer: name, groups: all, credential: credential, claims: kept(claims),
      expiresAt: expiresAt, lines: lines(claims),
      proof: IdentityProof(
        fingerprint: owner?.proof.fingerprint, key: key, tokenID: claims["jti"]?.text ?? [],
        subject: claims["sub"]?.text ?? []))
  }

  private func kept(_ claims: JSONTree) -> [Identity.Claim] {
    (claims.members ?? []).filter { kept.isEmpty || kept.contains($0.name) }.map {
      Identity.Claim(name: $0.name, value: $0.value.text ?? [], words: $0.value.words)
    }
  }

  /// What targets get; a claim that can't be a field's value is left out.
  private func lines(_ claims: JSONTree) -> [UInt8] {
    var output = ByteBuffer()
    for (name, claim) in headers {
      let value = claims[claim].map { $0.text ?? Array($0.words.joined(separator: [0x2C, 0x20])) }
      guard let value, FieldSyntax.isValue(value.span) else { continue }
      output.appendField(name: name.span, value: value.span)
    }
    return output.copiedBytes()
  }

  /// The names of the fields that it fills.
  var fields: [[UInt8]] { headers.map(\.name) }
}
