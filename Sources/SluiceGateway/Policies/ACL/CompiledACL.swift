public import SluiceConfiguration
import SluiceReactor

extension Configuration.ACL: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy { CompiledACL(self) }
}

/// Lets callers pass by their groups.
final class CompiledACL: CompiledPolicy {
  private let names: Set<[UInt8]>
  private let isAllowing: Bool
  private let nobody = PolicyRefusal(
    .unauthorized, detail: "It is not known who calls.")
  private let wrong = PolicyRefusal(
    .forbidden, detail: "This consumer may not use this route.")

  init(_ settings: Configuration.ACL) {
    isAllowing = settings.deny.isEmpty
    names = Set((isAllowing ? settings.allow : settings.deny).map { Array($0.utf8) })
  }

  override func request(_ exchange: Exchange) -> PolicyOutcome {
    guard let identity = exchange.identity, Self.isSomebody(identity) else {
      return .refuse(nobody)
    }
    return lets(identity) ? .next : .refuse(wrong)
  }

  override func admits(_ identity: Identity?, from client: SocketAddress) -> Bool {
    guard let identity, Self.isSomebody(identity) else { return false }
    return lets(identity)
  }

  private static func isSomebody(_ identity: Identity) -> Bool {
    !identity.consumer.isEmpty || !identity.groups.isEmpty
  }

  private func lets(_ identity: Identity) -> Bool {
    identity.groups.contains { names.contains($0) } == isAllowing
  }
}
