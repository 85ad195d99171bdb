public import SluiceConfiguration
import SluiceReactor
import SluiceWire

extension Configuration.ACL: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy { CompiledACL(self) }
}

/// Lets callers pass by their groups.
final class CompiledACL: CompiledPolicy {
  /// Up to so many names are compared faster than one is hashed.
  private static let few = 8
  /// Empty where there are more.
  private let fewNames: [[UInt8]]
  private let manyNames: Set<[UInt8]>
  private let isAllowing: Bool
  private let nobody = PolicyRefusal(
    .unauthorized, detail: "It is not known who calls.")
  private let wrong = PolicyRefusal(
    .forbidden, detail: "This consumer may not use this route.")

  init(_ settings: Configuration.ACL) {
    isAllowing = settings.deny.isEmpty
    let names = Set((isAllowing ? settings.allow : settings.deny).map { Array($0.utf8) })
    fewNames = names.count > Self.few ? [] : Array(names)
    manyNames = names.count > Self.few ? names : []
  }

  override func request(_ exchange: Exchange) -> PolicyOutcome {
    exchange.withIdentity {
      if !Self.isSomebody($0) { return .refuse(nobody) }
      return lets($0) ? .next : .refuse(wrong)
    } ?? .refuse(nobody)
  }

  override func admits(_ identity: Identity?, from client: SocketAddress) -> Bool {
    guard let identity, Self.isSomebody(identity) else { return false }
    return lets(identity)
  }

  private static func isSomebody(_ identity: Identity) -> Bool {
    !identity.consumer.isEmpty || !identity.groups.isEmpty
  }

  private func lets(_ identity: Identity) -> Bool {
    hasNamedGroup(identity) == isAllowing
  }

  private func hasNamedGroup(_ identity: Identity) -> Bool {
    if !manyNames.isEmpty { return identity.groups.contains { manyNames.contains($0) } }
    for group in identity.groups.indices {
      let group = identity.groups[group]
      for name in fewNames.indices {
        let name = fewNames[name]
        if name.span.equals(group.span) { return true }
      }
    }
    return false
  }
}
