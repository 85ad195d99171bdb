import SluiceGateway

/// One target's state, summed over the workers. Targets of a service that differ in their base path
/// only are counted together.
struct TargetTotals {
  private(set) var workers = 0
  private(set) var healthyWorkers = 0
  private(set) var open = 0
  private(set) var idle = 0
  private(set) var connecting = 0
  private(set) var waiting = 0
  private(set) var inFlight = 0
  /// Of the worker that checks the target; nil without checks.
  private(set) var check: WorkerReport.Check?

  struct Key: Hashable, Comparable {
    let service: String
    let url: String

    static func < (left: Key, right: Key) -> Bool {
      (left.service, left.url) < (right.service, right.url)
    }
  }

  mutating func add(_ target: WorkerReport.Target) {
    workers += 1
    healthyWorkers += target.isHealthy ? 1 : 0
    open += target.open
    idle += target.idle
    connecting += target.connecting
    waiting += target.waiting
    inFlight += target.inFlight
    if let check = target.check { self.check = check }
  }

  static func sums(of reports: [WorkerReport]) -> [(key: Key, totals: TargetTotals)] {
    var totals: [Key: TargetTotals] = [:]
    for report in reports {
      for target in report.targets {
        let key = Key(service: target.service, url: target.url)
        totals[key, default: TargetTotals()].add(target)
      }
    }
    return totals.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }
}
