import SluiceReactor

/// A connection in a target's pool, whatever it speaks.
class UpstreamConnection: StreamConnection {
  final let target: UpstreamTarget
  final let worker: Worker

  init(target: UpstreamTarget) {
    self.target = target
    worker = target.worker
    super.init(loop: target.loop)
  }

  /// Exchanges that it carries at a time.
  var capacity: Int { 1 }

  /// Whether the target's other connections may be expected to be like this one.
  var tellsCapacity: Bool { true }

  /// Sends the exchange's request; the pool has leased the connection to it.
  func begin(_ exchange: Exchange, isReused: Bool) {}

  /// Whether the exchange, which the pool would lend this connection to, may begin on it: one that must
  /// not be sent twice wants to know that the target has not left meanwhile.
  func isFit(for exchange: Exchange) -> Bool { !exchange.needsProvenConnection || isQuiet() }

  /// The pool has let go of it, with no exchange on it.
  func dismiss() { close() }
}
