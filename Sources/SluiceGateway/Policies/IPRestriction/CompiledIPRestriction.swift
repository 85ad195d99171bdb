public import SluiceConfiguration
import SluiceReactor
import SluiceWire

extension Configuration.IPRestriction: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy { CompiledIPRestriction(self) }
}

/// Lets callers pass by their addresses.
final class CompiledIPRestriction: CompiledPolicy {
  private let allowed: CIDRSet?
  private let denied: CIDRSet?
  private let refusal: PolicyRefusal

  init(_ settings: Configuration.IPRestriction) {
    allowed = settings.allow.isEmpty ? nil : CIDRSet(texts: settings.allow)
    denied = settings.deny.isEmpty ? nil : CIDRSet(texts: settings.deny)
    refusal = PolicyRefusal(
      .forbidden, detail: "This address may not use this route.", answer: settings.refusal)
  }

  override func request(_ exchange: Exchange) -> PolicyOutcome {
    allows(exchange.clientAddress) ? .next : .refuse(refusal)
  }

  override func admits(_ identity: Identity?, from client: SocketAddress) -> Bool {
    allows(client)
  }

  /// Who comes over a Unix socket has no address: let in by the file's permissions, and by no range.
  func allows(_ address: SocketAddress) -> Bool {
    guard let ip = address.ip else { return allowed == nil }
    if let denied, denied.contains(ip) { return false }
    return allowed.map { $0.contains(ip) } ?? true
  }
}
