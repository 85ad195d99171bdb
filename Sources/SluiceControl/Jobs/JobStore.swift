import SluiceGateway
import SluiceReactor

/// The jobs that run and the last that have ended. Thread-safe.
final class JobStore: Sendable {
  static let maxRunning = 8
  /// Ended jobs that can still be asked about.
  static let maxKept = 100

  private struct State {
    var jobs: [CloseJob] = []
    var nextID = 1
  }

  private let state = Locked(State())

  var jobs: [CloseJob] { state.withLock { $0.jobs } }

  subscript(id: String) -> CloseJob? { jobs.first { $0.id == id } }

  /// Begins a job; nil when too many run.
  func begin(
    _ filter: SessionFilter, _ ending: SessionEndRequest, rate: Int,
    on sessions: any SessionDirectory, thread: AdminThread
  ) -> CloseJob? {
    let job = state.withLock { state -> CloseJob? in
      if state.jobs.count(where: \.isRunning) >= Self.maxRunning { return nil }
      let job = CloseJob(id: "\(state.nextID)", filter: filter, ending: ending, rate: rate)
      state.nextID += 1
      state.jobs.append(job)
      while state.jobs.count > Self.maxKept,
        let old = state.jobs.firstIndex(where: { !$0.isRunning })
      {
        state.jobs.remove(at: old)
      }
      return job
    }
    if let job { thread.start { await job.run(on: sessions, thread: thread) } }
    return job
  }
}
