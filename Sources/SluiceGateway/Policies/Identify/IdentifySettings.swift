public import SluiceConfiguration
import SluiceReactor
import SluiceWire

extension Configuration.Identify: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy {
    CompiledIdentify(
      requiresAll: require == .all, exempt: exempt.isEmpty ? nil : CIDRSet(texts: exempt))
  }
}

extension Configuration.Anonymous: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy {
    CompiledAnonymous(
      context.consumers.identity(of: consumer, isAnonymous: true), takesWrong: wrongCredentials)
  }
}

/// Says how the others of the stage work together; `IdentifyStage` reads it.
final class CompiledIdentify: CompiledPolicy {
  let requiresAll: Bool
  /// Who is not asked; nil when everybody is.
  let exempt: CIDRSet?

  init(requiresAll: Bool, exempt: CIDRSet?) {
    self.requiresAll = requiresAll
    self.exempt = exempt
  }
}

/// Says who callers without credentials are; `IdentifyStage` reads it.
final class CompiledAnonymous: CompiledPolicy {
  let identity: Identity
  let takesWrong: Bool

  init(_ identity: Identity, takesWrong: Bool) {
    self.identity = identity
    self.takesWrong = takesWrong
  }
}
