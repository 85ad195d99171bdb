import SluiceConfiguration

/// The limits of one target's pool on one worker.
struct PoolLimits: Equatable, Sendable {
  /// Connections open or being opened; nil is no limit.
  var maxConnections: Int?
  var maxIdle: Int
  /// Nanoseconds that a connection may wait for its next exchange.
  var idleTimeout: Int64
  /// Nanoseconds after which a connection is not reused; nil is no limit.
  var maxAge: Int64?
  /// Exchanges that may wait for a connection.
  var queue: Int
  /// Nanoseconds that they may wait.
  var queueTimeout: Int64

  /// The share of worker number `worker` of `workers`. The shares add up to the limit that is
  /// configured, except that no worker gets less than one connection.
  init(_ settings: Configuration.Connections, worker: Int, of workers: Int) {
    precondition(worker >= 0 && worker < workers)
    if settings.maxPerTarget > 0 {
      let (share, rest) = settings.maxPerTarget.quotientAndRemainder(dividingBy: workers)
      maxConnections = max(1, share + (worker < rest ? 1 : 0))
    } else {
      maxConnections = nil
    }
    maxIdle = settings.maxIdle
    idleTimeout = settings.idleTimeout.nanoseconds
    maxAge = settings.maxAge?.nanoseconds
    queue = settings.queue
    queueTimeout = settings.queueTimeout.nanoseconds
  }
}
