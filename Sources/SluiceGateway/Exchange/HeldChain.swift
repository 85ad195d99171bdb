import SluiceReactor

/// The policies that an exchange meets, referred to without being counted
/// (`docs/decisions/0023-uncounted-references.md`).
///
/// A route keeps its own chain and those of its callers, and the exchange, the snapshot or the loop keep the
/// route for as long as anything of this turn may use them (`HeldRoute`). A chain that no route has, such as that
/// of a copy for nobody, is owned here, and kept until the turn ends when it is left.
struct HeldChain {
  /// Nil for none.
  private(set) var inUse: Unmanaged<PolicyChain>?
  private var own: PolicyChain?

  /// `chain` is one of the exchange's route.
  mutating func enter(ofRoute chain: PolicyChain) {
    // SAFETY: see above.
    inUse = .passUnretained(chain)
  }

  /// `chain` is nobody else's.
  mutating func enter(own chain: PolicyChain, _ loop: EventLoop) {
    leave(loop)
    own = chain
    // SAFETY: owned here, and by the loop when it is left.
    inUse = .passUnretained(chain)
  }

  mutating func leave(_ loop: EventLoop) {
    inUse = nil
    guard let own else { return }
    loop.keepUntilTurnEnds(own)
    self.own = nil
  }
}
