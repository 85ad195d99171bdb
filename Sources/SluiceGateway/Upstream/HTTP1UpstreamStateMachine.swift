import SluiceWire

/// What an upstream HTTP/1.1 connection may do next (RFC 9112 9.3); pure.
///
/// ```
///  connecting ─opened─▶ idle ─requestBegun─▶ exchanging ─both sides complete─▶ idle (reusable)
///                        │                      │  │                         or closing
///                        │ bytes or FIN         │  └─101─▶ closed: the socket is a session's
///                        ▼                      ▼ failure
///                      closed ◀─────────────────┘
/// ```
struct HTTP1UpstreamStateMachine {
  private enum State: Equatable {
    case connecting
    case idle
    case exchanging(Progress)
    case closed
  }

  private struct Progress: Equatable {
    var isReused: Bool
    var isRequestComplete: Bool
    var isResponseBegun = false
    var isResponseComplete = false
    var keepsAlive = false
  }

  /// What to do with the connection when its exchange is over.
  enum AfterResponse: Equatable {
    case reuse
    case close
  }

  private var state = State.connecting

  var isIdle: Bool { state == .idle }
  var isConnecting: Bool { state == .connecting }

  /// Whether the whole request has been written; true outside an exchange.
  var isRequestComplete: Bool {
    if case .exchanging(let progress) = state { progress.isRequestComplete } else { true }
  }

  mutating func opened() {
    precondition(state == .connecting)
    state = .idle
  }

  mutating func requestBegun(isReused: Bool, isRequestComplete: Bool) {
    precondition(state == .idle, "a request began on a connection that is not idle")
    state = .exchanging(Progress(isReused: isReused, isRequestComplete: isRequestComplete))
  }

  mutating func requestCompleted() {
    guard case .exchanging(var progress) = state else { return }
    progress.isRequestComplete = true
    state = .exchanging(progress)
  }

  /// The final response's head arrived.
  mutating func responseBegun(keepsAlive: Bool) {
    guard case .exchanging(var progress) = state else { return }
    progress.isResponseBegun = true
    progress.keepsAlive = keepsAlive
    state = .exchanging(progress)
  }

  /// The response is complete. `hasExcess`: bytes follow that nobody asked for.
  mutating func responseCompleted(hasExcess: Bool) -> AfterResponse {
    guard case .exchanging(let progress) = state else { return .close }
    if progress.keepsAlive && progress.isRequestComplete && !hasExcess {
      state = .idle
      return .reuse
    }
    state = .closed
    return .close
  }

  /// The connection broke or ended, or sent what is not HTTP; says what that means for the exchange.
  mutating func failed(isMalformed: Bool) -> UpstreamFailure? {
    defer { state = .closed }
    guard case .exchanging(let progress) = state else { return nil }
    if progress.isResponseBegun { return .truncatedResponse }
    return isMalformed ? .malformedResponse : .closedBeforeResponse(isReused: progress.isReused)
  }

  mutating func closed() { state = .closed }
}
