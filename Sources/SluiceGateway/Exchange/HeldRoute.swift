import SluiceReactor

/// The route of an exchange, referred to without being counted.
///
/// It owns the route, and goes on owning it while the exchange is spare: the next request most often has the
/// same, and then nothing is counted at all. What it gives up stays until the loop's turn ends, because
/// those on the stack may use it still (`docs/decisions/0023-uncounted-references.md`); only routes of the
/// configuration in force need not, which the worker's snapshot keeps.
struct HeldRoute {
  /// Nil while there is none in force.
  private(set) var inUse: Unmanaged<CompiledRoute>?
  private var kept: CompiledRoute?
  /// The same, to be used without counting.
  private var reference: Unmanaged<CompiledRoute>?
  /// The number of the worker's configuration when the exchange began, which `kept` is of.
  private var configuration = HeldRoute.none

  /// Of no configuration in particular.
  private static let none = -1

  /// An exchange begins while this configuration is in force.
  mutating func begin(in configuration: Int) { self.configuration = configuration }

  /// Whether the exchange has been in no other configuration than this one.
  func isOf(_ configuration: Int) -> Bool { self.configuration == configuration }

  /// `route` is of the configuration that the exchange began in; `current` is in force now.
  mutating func enter(_ route: CompiledRoute, current: Int, _ loop: EventLoop) {
    if route !== kept {
      if configuration != current { giveUp(loop) }
      kept = route
      reference = .passUnretained(route)
    }
    inUse = reference
  }

  /// `route` is of any configuration.
  mutating func enterForeign(_ route: CompiledRoute, _ loop: EventLoop) {
    giveUp(loop)
    configuration = Self.none
    kept = route
    reference = .passUnretained(route)
    inUse = reference
  }

  /// The exchange is over with its route. None of a former configuration is kept.
  mutating func leave(current: Int, _ loop: EventLoop) {
    inUse = nil
    if configuration != current { giveUp(loop) }
  }

  private mutating func giveUp(_ loop: EventLoop) {
    guard let kept else { return }
    loop.keepUntilTurnEnds(kept)
    self.kept = nil
    reference = nil
  }
}
