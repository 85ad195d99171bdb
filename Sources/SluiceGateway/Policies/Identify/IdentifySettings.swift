public import SluiceConfiguration

extension Configuration.Identify: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy {
    CompiledIdentify(requiresAll: require == .all)
  }
}

extension Configuration.Anonymous: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy {
    CompiledAnonymous(context.consumers.identity(of: consumer, isAnonymous: true))
  }
}

/// Says how the others of the stage work together; `IdentifyStage` reads it.
final class CompiledIdentify: CompiledPolicy {
  let requiresAll: Bool
  init(requiresAll: Bool) { self.requiresAll = requiresAll }
}

/// Says who callers without credentials are; `IdentifyStage` reads it.
final class CompiledAnonymous: CompiledPolicy {
  let identity: Identity
  init(_ identity: Identity) { self.identity = identity }
}
