import Glibc
import SluiceGateway
import SluiceReactor

/// What happens rarely and off the workers: name look-ups and reloads. Thread-safe.
final class ControlCounters: Sendable {
  struct Values: Sendable, Equatable {
    var nameFailures: UInt64 = 0
    var nameChanges: UInt64 = 0
    var reloads: UInt64 = 0
    var refusedReloads: UInt64 = 0
    /// Since the epoch.
    var loadedSeconds = 0
  }

  private let state = Locked(Values(loadedSeconds: time(nil)))

  var values: Values { state.withLock { $0 } }

  func count(_ event: LifecycleEvent) {
    state.withLock {
      switch event {
      case .nameLookupFailed: $0.nameFailures += 1
      case .nameResolved: $0.nameChanges += 1
      case .targetEjected, .targetRecovered, .targetUnhealthy, .targetHealthy,
        .targetHandshakeFailed, .logLost, .draining,
        .drained, .drainAborted:
        break
      }
    }
  }

  func reloaded() {
    state.withLock {
      $0.reloads += 1
      $0.loadedSeconds = time(nil)
    }
  }

  func reloadRefused() { state.withLock { $0.refusedReloads += 1 } }
}
