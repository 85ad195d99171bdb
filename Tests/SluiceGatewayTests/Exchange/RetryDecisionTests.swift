import Glibc
import Testing

@testable import SluiceGateway

/// Which failed attempts may be followed by another.
@Suite struct RetryDecisionTests {
  private static let failures: [UpstreamFailure] = [
    .connectFailed(ECONNREFUSED), .connectTimeout, .exhausted, .notResolved, .queueFull,
    .queueTimeout, .closedBeforeResponse(isReused: true), .closedBeforeResponse(isReused: false),
    .responseTimeout, .malformedResponse, .truncatedResponse, .notHTTP2,
    .refusedStream(isLeaving: false), .refusedStream(isLeaving: true),
  ]

  private func decide(
    _ failure: UpstreamFailure, isIdempotent: Bool = true, mayRepeat: Bool? = nil,
    isReplayable: Bool = true,
    isResponseBegun: Bool = false, attempts: RetryDecision.Attempts = .init(),
    connect: Int = 2, idempotent: Int = 1
  ) -> RetryDecision {
    RetryDecision.decide(
      failure, isIdempotent: isIdempotent, mayRepeat: mayRepeat ?? isIdempotent,
      isReplayable: isReplayable,
      isResponseBegun: isResponseBegun, attempts: attempts, connectRetries: connect,
      idempotentRetries: idempotent)
  }

  @Test func nothingIsRepeatedOnceTheBodyWasPassedOrTheResponseBegan() {
    for failure in Self.failures {
      #expect(decide(failure, isReplayable: false) == .no)
      #expect(decide(failure, isResponseBegun: true) == .no)
    }
  }

  @Test func aRequestThatIsNotIdempotentIsRepeatedOnlyIfNothingWasSent() {
    for failure in Self.failures {
      let wasNeverSent =
        switch failure {
        case .connectFailed, .connectTimeout, .notResolved, .notHTTP2, .refusedStream: true
        default: false
        }
      #expect((decide(failure, isIdempotent: false) == .no) == !wasNeverSent, "\(failure)")
    }
  }

  /// It would be repeated five times, beside the budget, by targets that it breaks.
  @Test func whatMayBeRepeatedAndIsNotIdempotentIsNeverRepeatedSilently() {
    let stale = UpstreamFailure.closedBeforeResponse(isReused: true)
    #expect(decide(stale) == .silently)
    #expect(decide(stale, isIdempotent: false, mayRepeat: true) == .idempotentElsewhere)
    #expect(decide(stale, isIdempotent: false, mayRepeat: true, idempotent: 0) == .no)
    #expect(decide(stale, isIdempotent: false, mayRepeat: false) == .no)
  }

  @Test func everyKindOfRetryHasItsLimit() {
    var attempts = RetryDecision.Attempts()
    #expect(decide(.connectTimeout, attempts: attempts) == .elsewhere)
    attempts.connect = 2
    #expect(decide(.connectTimeout, attempts: attempts) == .no)
    #expect(decide(.connectTimeout, connect: 0) == .no)

    #expect(decide(.responseTimeout, attempts: attempts) == .idempotentElsewhere)
    attempts.idempotent = 1
    #expect(decide(.responseTimeout, attempts: attempts) == .no)
    #expect(decide(.malformedResponse, idempotent: 0) == .no)

    // A target that refuses a stream is a target that could not be connected to; one that ends a
    // connection takes the next one.
    #expect(decide(.refusedStream(isLeaving: false), attempts: attempts) == .no)
    #expect(decide(.refusedStream(isLeaving: true), attempts: attempts) == .silently)
    attempts.stale = RetryDecision.maxStale
    #expect(decide(.refusedStream(isLeaving: true), attempts: attempts) == .no)
    attempts.stale = 0

    let stale = UpstreamFailure.closedBeforeResponse(isReused: true)
    #expect(decide(stale, attempts: attempts, idempotent: 0) == .silently)
    attempts.stale = RetryDecision.maxStale
    #expect(decide(stale, attempts: attempts, idempotent: 0) == .no)
    // A fresh connection was not stale.
    #expect(decide(.closedBeforeResponse(isReused: false), idempotent: 0) == .no)
  }

  @Test func theGatewaysOwnLimitsAreNotTheTargetsFault() {
    for failure in Self.failures {
      // Nor is it one that a target says that it has enough to do, or leaves.
      let isOwn = [
        .queueFull, .queueTimeout, .exhausted, .refusedStream(isLeaving: false),
        .refusedStream(isLeaving: true),
      ].contains(failure)
      #expect(failure.outcome == (isOwn ? .abandoned : .failed), "\(failure)")
    }
    #expect(UpstreamFailure(connectError: EMFILE) == .exhausted)
    #expect(UpstreamFailure(connectError: EADDRNOTAVAIL) == .exhausted)
    #expect(UpstreamFailure(connectError: ETIMEDOUT) == .connectTimeout)
    #expect(UpstreamFailure(connectError: ECONNREFUSED) == .connectFailed(ECONNREFUSED))
  }
}
