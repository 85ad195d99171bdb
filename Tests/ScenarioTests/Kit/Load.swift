import Foundation
import SluiceReactor

/// Threads that send one GET after the other on kept-alive connections and count what comes back.
final class Load: Sendable {
  private struct State {
    var outcomes: [String: Int] = [:]
    var running = 0
    var isStopping = false
  }

  private let state: Locked<State>

  init(port: UInt16, threads: Int) throws {
    state = Locked(State(running: threads))
    for _ in 0..<threads {
      Thread.detachNewThread { [self] in
        run(port)
        state.withLock { $0.running -= 1 }
      }
    }
  }

  /// By status, or by what broke the connection.
  var outcomes: [String: Int] { state.withLock { $0.outcomes } }
  var count: Int { outcomes.values.reduce(0, +) }
  var hasEnded: Bool { state.withLock { $0.running == 0 } }

  /// Returns when every thread has ended.
  func stop() {
    state.withLock { $0.isStopping = true }
    try? waitUntil { hasEnded }
  }

  private func run(_ port: UInt16) {
    var client: TestClient?
    while !state.withLock({ $0.isStopping }) {
      var outcome: String
      do {
        let current = try client ?? TestClient(port: port)
        client = current
        let response = try current.get("/load")
        outcome = response.isTruncated ? "truncated" : "\(response.status)"
        if response["Connection"] == "close" { client = nil }
      } catch {
        outcome = "\(error)"
        client = nil
      }
      state.withLock { $0.outcomes[outcome, default: 0] += 1 }
    }
  }
}
