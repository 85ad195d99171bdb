import SluiceReactor

/// The body of a local answer that comes in pieces, from any thread, for as long as the caller stays.
///
/// What the caller does not read in time waits here, up to `maxBytes`; beyond that pieces are lost,
/// and the caller is told how many in the place where they were. Thread-safe: senders on one side,
/// the exchange's worker on the other.
public final class LocalStream: Sendable {
  /// How a stream treats a caller that is slow or that has nothing to read.
  public struct Settings: Sendable {
    /// Bytes that may wait beside what the connection holds.
    public var maxBytes = 256 * 1_024
    /// Sent after a pause of `keepAliveNanoseconds`, so that proxies and callers see the connection
    /// is alive; nothing when empty.
    public var keepAlive: [UInt8] = []
    public var keepAliveNanoseconds: Int64 = 15_000_000_000
    /// What takes the place of so many lost pieces.
    public var lostNotice: @Sendable (UInt64) -> [UInt8] = { _ in [] }
    /// The caller has gone, or the stream has been sent to its end; called once, on any thread.
    public var onEnd: @Sendable () -> Void = {}
    public init() {}
  }

  enum Next {
    case piece([UInt8])
    case nothing
    case finished
  }

  private struct State {
    var pieces: [[UInt8]] = []
    var taken = 0
    var bytes = 0
    var lost: UInt64 = 0
    var isFinished = false
    var isOver = false
    /// The worker was called and has not found the queue empty since.
    var isAwake = true
    var wake: (@Sendable () -> Void)?
  }

  let settings: Settings
  private let state = Locked(State())

  public init(_ settings: Settings = Settings()) { self.settings = settings }

  /// Queues a piece, or counts it as lost; false when nobody is there any more.
  @discardableResult
  public func send(_ piece: [UInt8]) -> Bool {
    let (isOpen, wake) = state.withLock { state -> (Bool, (@Sendable () -> Void)?) in
      if state.isOver || state.isFinished { return (false, nil) }
      // One piece may always wait, however large it is.
      if state.bytes > 0 && state.bytes + piece.count > settings.maxBytes {
        state.lost += 1
        return (true, nil)
      }
      noteLost(&state)
      Self.append(piece, to: &state)
      return (true, Self.waking(&state))
    }
    wake?()
    return isOpen
  }

  /// What was sent so far is the whole, and `last`, for which there is always room.
  public func finish(_ last: [UInt8] = []) {
    let wake = state.withLock { state in
      if !last.isEmpty && !state.isOver && !state.isFinished {
        noteLost(&state)
        Self.append(last, to: &state)
      }
      state.isFinished = true
      return Self.waking(&state)
    }
    wake?()
  }

  /// Whether the caller is gone or everything was sent.
  public var isOver: Bool { state.withLock { $0.isOver } }

  private static func append(_ piece: [UInt8], to state: inout State) {
    state.pieces.append(piece)
    state.bytes += piece.count
  }

  private func noteLost(_ state: inout State) {
    if state.lost == 0 { return }
    Self.append(settings.lostNotice(state.lost), to: &state)
    state.lost = 0
  }

  private static func waking(_ state: inout State) -> (@Sendable () -> Void)? {
    if state.isAwake { return nil }
    state.isAwake = true
    return state.wake
  }

  // MARK: The exchange's side

  /// `wake` is called, on any thread, when there is something to take after `next` found nothing.
  func begin(wake: @escaping @Sendable () -> Void) {
    state.withLock { $0.wake = wake }
  }

  private static let maxTaken = 64

  /// Pieces that wait, and the places of those that were taken.
  var placeCount: Int { state.withLock { $0.pieces.count } }

  func next() -> Next {
    state.withLock { state in
      if state.taken == state.pieces.count {
        state.pieces.removeAll(keepingCapacity: true)
        state.taken = 0
        noteLost(&state)
      }
      if state.taken < state.pieces.count {
        let piece = state.pieces[state.taken]
        state.pieces[state.taken] = []
        state.taken += 1
        state.bytes -= piece.count
        // Who is always one behind would keep the places of all that it ever took.
        if state.taken >= Self.maxTaken && state.taken * 2 >= state.pieces.count {
          state.pieces.removeFirst(state.taken)
          state.taken = 0
        }
        return .piece(piece)
      }
      if state.isFinished { return .finished }
      state.isAwake = false
      return .nothing
    }
  }

  /// Nobody will read what still comes.
  func end() {
    let isFirst = state.withLock { state in
      let isFirst = !state.isOver
      state.isOver = true
      state.pieces = []
      state.wake = nil
      return isFirst
    }
    if isFirst { settings.onEnd() }
  }
}
