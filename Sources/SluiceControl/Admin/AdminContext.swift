import SluiceConfiguration
import SluiceGateway
import SluiceReactor

/// What the admin API's handlers work on. The gateway takes its responders when it starts, so the
/// process is handed over afterwards; until then and after its end the answer is 503.
final class AdminContext: Sendable {
  private struct References: Sendable {
    weak var process: GatewayProcess?
    var sessions: (any SessionDirectory)?
  }

  private let references = Locked(References())
  let counters = ControlCounters()
  let events = EventHub()
  let jobs = JobStore()
  let taps = TapStreams()
  let thread: AdminThread

  init() throws(SystemError) { thread = try AdminThread() }

  func attach(_ process: GatewayProcess) { references.withLock { $0.process = process } }

  /// In the place of the gateway's own sessions; for tests.
  func attach(sessions: any SessionDirectory) { references.withLock { $0.sessions = sessions } }

  var process: GatewayProcess {
    get throws(AdminProblem) {
      guard let process = references.withLock({ $0.process }) else {
        throw AdminProblem(.notRunning)
      }
      return process
    }
  }

  var sessions: any SessionDirectory {
    get throws(AdminProblem) {
      if let sessions = references.withLock({ $0.sessions }) { return sessions }
      return try process.gateway
    }
  }

  /// Whether the gateway takes requests.
  var isReady: Bool { references.withLock { $0.process }?.gateway.isReady ?? false }
}
