import SluiceReactor

/// A connection to a target, as the shell numbers them; never used twice on one worker.
struct ConnectionID: Hashable, Sendable {
  var raw: UInt64
}

/// An exchange that asks a pool for a connection, as the shell numbers them.
struct WaiterID: Hashable, Sendable {
  var raw: UInt64
}

/// The answer to an exchange that asks for a connection.
enum LeaseAction: Equatable, Sendable {
  /// The connection is leased to the exchange.
  case reuse(ConnectionID)
  /// Open one for the exchange, and tell the pool with `connectionOpened` or `connectFailed`.
  case connect
  /// The exchange is in the queue; at `deadline` it fails.
  case wait(deadline: MonotonicTime)
  /// Neither a connection nor a place in the queue is free.
  case refuse
}

/// The answer to an exchange that no open connection is of use to.
enum NewLeaseAction: Equatable, Sendable {
  /// Open one for the exchange, and tell the pool with `connectionOpened` or `connectFailed`.
  case connect
  /// The same, once this idle connection is closed, which the pool has forgotten.
  case replace(ConnectionID)
  /// Every place is taken by a connection that is in use.
  case refuse
}

/// What to do with a connection that its exchange gave back.
enum ReleaseAction: Equatable, Sendable {
  /// It is leased to the exchange that has waited longest.
  case assign(ConnectionID, to: WaiterID)
  /// It carries other exchanges.
  case keep
  /// It is idle; watch it for the peer's FIN and tell `closed`.
  case park
  /// Close it; the pool has forgotten it. With `connectFor`, open one for that exchange.
  case close(connectFor: WaiterID?)
}

/// What follows when a connection or an attempt to open one is gone.
enum PoolAction: Equatable, Sendable {
  case none
  /// Open one for this exchange, which has left the queue.
  case connect(for: WaiterID)
}

/// What time or a change of configuration brought.
enum PoolEvent: Equatable, Sendable {
  /// Close this idle connection; the pool has forgotten it.
  case close(ConnectionID)
  /// Open a connection for this exchange, which has left the queue.
  case connect(for: WaiterID)
  /// This connection, which takes more than one, is leased to this exchange, too.
  case assign(ConnectionID, to: WaiterID)
  /// This exchange's time in the queue is over.
  case fail(WaiterID)
}
