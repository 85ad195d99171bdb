import SluiceWire

/// What a caller's HTTP/1.1 connection does next (RFC 9112 9); pure.
///
/// ```
///  awaitingRequest ─head─▶ exchanging ─┬─both complete, kept alive──▶ awaitingRequest
///        ▲    │                        ├─both complete, not kept────▶ lingering
///        │    │                        ├─both complete, caller ends─▶ closed
///        │    │ malformed              ├─response complete first────▶ lingering
///        │    ▼                        └─101────────────────────────▶ upgraded
///        │  exchanging (a refusal that never keeps the connection)
/// ```
///
/// *Lingering* reads and drops what the caller still sends, so that the kernel does not answer it
/// with a reset that would destroy the response on its way (RFC 9112 9.6).
struct HTTP1DownstreamStateMachine {
  enum State: Equatable {
    case awaitingRequest
    case exchanging(Progress)
    /// The socket is a session's.
    case upgraded
    case lingering
    case closed
  }

  struct Progress: Equatable {
    var isRequestComplete: Bool
    var keepsAlive: Bool
    /// The caller said that this is its last request, so it has nothing more to send.
    var callerEnds: Bool
  }

  enum AfterResponse: Equatable {
    case nextRequest
    /// Nothing more will come: the connection can go as soon as the response is out.
    case close
    /// Send FIN, and read until the caller's.
    case linger
  }

  private(set) var state = State.awaitingRequest
  private(set) var requests = 0

  var isAwaitingRequest: Bool { state == .awaitingRequest }
  var isLingering: Bool { state == .lingering }

  /// Whether the response may promise that the connection stays.
  var keepsAlive: Bool {
    if case .exchanging(let progress) = state { progress.keepsAlive } else { false }
  }

  var isRequestComplete: Bool {
    if case .exchanging(let progress) = state { progress.isRequestComplete } else { true }
  }

  /// `maxRequests`: after so many the connection ends; 0 for no limit.
  mutating func requestBegun(
    keepsAlive: Bool, callerEnds: Bool = false, hasBody: Bool, maxRequests: Int
  ) {
    precondition(state == .awaitingRequest, "a request began within another")
    requests += 1
    let isLast = maxRequests > 0 && requests >= maxRequests
    state = .exchanging(
      Progress(
        isRequestComplete: !hasBody, keepsAlive: keepsAlive && !isLast, callerEnds: callerEnds))
  }

  mutating func requestCompleted() {
    guard case .exchanging(var progress) = state else { return }
    progress.isRequestComplete = true
    state = .exchanging(progress)
  }

  /// The connection must end after this exchange.
  mutating func stopKeepingAlive() {
    guard case .exchanging(var progress) = state else { return }
    progress.keepsAlive = false
    state = .exchanging(progress)
  }

  mutating func responseCompleted() -> AfterResponse {
    guard case .exchanging(let progress) = state else { return .linger }
    if progress.isRequestComplete && progress.keepsAlive {
      state = .awaitingRequest
      return .nextRequest
    }
    if progress.isRequestComplete && progress.callerEnds { return .close }
    state = .lingering
    return .linger
  }

  mutating func lingers() { state = .lingering }
  mutating func upgraded() { state = .upgraded }
  mutating func closed() { state = .closed }
}
