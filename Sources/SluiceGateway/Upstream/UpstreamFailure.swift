import Glibc
import SluiceReactor

/// Why an attempt at a target failed, and with that: whether another may follow, what the caller is
/// told, and what it says about the target's health.
enum UpstreamFailure: Equatable, Sendable {
  /// No connection: errno of connect().
  case connectFailed(Int32)
  case connectTimeout
  /// TLS could not be set up: nothing of the request was sent.
  case tlsFailed
  /// TLS broke before any byte of a response. In TLS 1.3 that is also how a target refuses the
  /// gateway's certificate; whether it saw the request can't be told.
  case tlsBroken
  /// HTTP/2 had to be spoken, and the target does not: nothing of the request was sent.
  case notHTTP2
  /// The target speaks HTTP/2 and has not announced WebSockets there (RFC 8441 3): nothing was sent.
  case noWebSockets
  /// The target has not looked at the request (RFC 9113 8.7). `isLeaving`: because it ends the
  /// connection; it takes others.
  case refusedStream(isLeaving: Bool)
  /// The gateway has no descriptor, port or memory for another connection.
  case exhausted
  case notResolved
  case queueFull
  case queueTimeout
  /// The connection ended before any byte of a response.
  case closedBeforeResponse(isReused: Bool)
  case responseTimeout
  case malformedResponse
  /// The response began and did not end.
  case truncatedResponse

  /// For errno of socket(), epoll_ctl() or connect().
  init(connectError code: Int32) {
    switch code {
    case ETIMEDOUT: self = .connectTimeout
    case EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC, EADDRNOTAVAIL: self = .exhausted
    default: self = .connectFailed(code)
    }
  }

  var error: GatewayError {
    switch self {
    case .connectFailed, .refusedStream: .upstreamRefused
    case .connectTimeout: .upstreamConnectTimeout
    case .tlsFailed, .tlsBroken: .upstreamTLSFailed
    case .exhausted: .overloaded
    case .notResolved: .targetNotResolved
    case .queueFull: .queueFull
    case .queueTimeout: .queueTimeout
    case .closedBeforeResponse, .truncatedResponse: .upstreamReset
    case .responseTimeout: .upstreamResponseTimeout
    case .malformedResponse, .notHTTP2: .upstreamMalformed
    case .noWebSockets: .upstreamTakesNoWebSockets
    }
  }

  /// The gateway's own limits are not the target's fault; and a target that says itself that it has
  /// enough to do is well, as is one that serves everything but WebSockets.
  var outcome: TargetOutcome {
    switch self {
    case .queueFull, .queueTimeout, .exhausted, .refusedStream, .noWebSockets: .abandoned
    default: .failed
    }
  }
}

/// Whether and how an exchange may try again after a failed attempt. Pure.
enum RetryDecision: Equatable, Sendable {
  case no
  /// On another connection, perhaps to the same target: the old one was stale.
  case silently
  /// Connecting failed, so nothing was sent: on a target not tried yet.
  case elsewhere
  /// An idempotent request was perhaps processed: elsewhere, if the budget allows.
  case idempotentElsewhere

  /// What an exchange has done so far.
  struct Attempts: Equatable, Sendable {
    var connect = 0
    var stale = 0
    var idempotent = 0
    /// For the status of a response.
    var status = 0
    /// For the status of a call of gRPC.
    var grpc = 0
  }

  static let maxStale = 5

  /// - Parameters:
  ///   - isReplayable: the request's body, if any, has not been passed on.
  ///   - mayRepeat: it may be sent again where it was perhaps processed, idempotent or not. A target that closes
  ///     a connection on what is not idempotent may be one that this breaks: no silent tries for that.
  static func decide(
    _ failure: UpstreamFailure, isIdempotent: Bool, mayRepeat: Bool, isReplayable: Bool,
    isResponseBegun: Bool, attempts: Attempts, connectRetries: Int, idempotentRetries: Int
  ) -> RetryDecision {
    if isResponseBegun || !isReplayable { return .no }
    switch failure {
    case .refusedStream(isLeaving: true): return attempts.stale < maxStale ? .silently : .no
    case .connectFailed, .connectTimeout, .tlsFailed, .notResolved, .notHTTP2,
      .noWebSockets, .refusedStream(isLeaving: false):
      return attempts.connect < connectRetries ? .elsewhere : .no
    case .closedBeforeResponse(isReused: true) where isIdempotent && attempts.stale < maxStale:
      return .silently
    case .closedBeforeResponse, .tlsBroken, .responseTimeout, .malformedResponse:
      return mayRepeat && attempts.idempotent < idempotentRetries ? .idempotentElsewhere : .no
    case .queueFull, .queueTimeout, .exhausted, .truncatedResponse: return .no
    }
  }
}
