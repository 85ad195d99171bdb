import SluiceGateway
import SluiceReactor

/// Ends the sessions that matched a filter when it began, so many per second. Thread-safe.
final class CloseJob: Sendable {
  enum Outcome: String, Codable, Sendable { case running, finished, stopped }

  /// As the API shows it.
  struct Content: Codable, Sendable {
    var id: String
    var state: Outcome
    /// Sessions that matched when the job began.
    var matched: Int
    /// Ended by the job.
    var closed: Int
    /// Had ended by themselves when their turn came.
    var gone: Int
    /// Sessions per second.
    var rate: Int
    var startedAt: String
  }

  let id: String
  let filter: SessionFilter
  let ending: SessionEndRequest
  let rate: Int
  private let startedAt = Timestamp.now()

  private struct State {
    var outcome = Outcome.running
    var isStopping = false
    var matched = 0
    var closed = 0
    var gone = 0
  }

  private let state = Locked(State())
  private static let tickNanoseconds: Int64 = 50_000_000

  init(id: String, filter: SessionFilter, ending: SessionEndRequest, rate: Int) {
    self.id = id
    self.filter = filter
    self.ending = ending
    self.rate = rate
  }

  var content: Content {
    let state = state.withLock { $0 }
    return Content(
      id: id, state: state.outcome, matched: state.matched, closed: state.closed, gone: state.gone,
      rate: rate, startedAt: startedAt.text)
  }

  var isRunning: Bool { state.withLock { $0.outcome == .running } }

  /// What was closed stays closed.
  func stop() { state.withLock { $0.isStopping = true } }

  func run(on sessions: any SessionDirectory, thread: AdminThread) async {
    let ids = await sessions.ids(filter)
    state.withLock { $0.matched = ids.count }
    let began = MonotonicTime.now()
    var pace = Pace(perSecond: rate)
    var rest = ids[...]
    while !rest.isEmpty && !state.withLock({ $0.isStopping }) {
      let count = pace.due(afterNanoseconds: MonotonicTime.now().nanoseconds(since: began))
      let batch = Array(rest.prefix(count))
      rest = rest.dropFirst(count)
      if !batch.isEmpty {
        let closed = await sessions.end(batch, ending)
        state.withLock {
          $0.closed += closed
          $0.gone += batch.count - closed
        }
      }
      if !rest.isEmpty { await thread.sleep(nanoseconds: Self.tickNanoseconds) }
    }
    let isWhole = rest.isEmpty
    state.withLock { $0.outcome = isWhole ? .finished : .stopped }
  }
}
