/// Which names are being looked up and who waits for them, without threads or clock.
///
/// ```
///            submit                takeNext              finished
///  (unknown) ──────► queued ─────────────────► running ──────────► (unknown), waiters told
///                      │ last waiter expires     │ last waiter expires
///                      ▼                         ▼
///                  (unknown)              running, nobody waits: a later submit joins it
/// ```
/// Thus a name is looked up once at a time, however many ask and however often it timed out.
struct NameLookUpStateMachine<Waiter> {
  private enum Phase {
    case queued
    case running
  }

  private struct LookUp {
    var phase: Phase
    var waiters: [(deadline: MonotonicTime, waiter: Waiter)]
  }

  private var lookUps: [String: LookUp] = [:]
  /// The queued names, oldest first. May name ones that have expired since.
  private var queue: [String] = []

  /// Adds a waiter; answers whether the name was queued, which a thread must be told.
  mutating func submit(_ name: String, waiter: Waiter, deadline: MonotonicTime) -> Bool {
    if lookUps[name] != nil {
      lookUps[name]?.waiters.append((deadline, waiter))
      return false
    }
    lookUps[name] = LookUp(phase: .queued, waiters: [(deadline, waiter)])
    queue.append(name)
    return true
  }

  /// The name a free thread is to look up now.
  mutating func takeNext() -> String? {
    while !queue.isEmpty {
      let name = queue.removeFirst()
      if case .queued = lookUps[name]?.phase {
        lookUps[name]?.phase = .running
        return name
      }
    }
    return nil
  }

  /// The thread is back; the waiters to tell.
  mutating func finished(_ name: String) -> [Waiter] {
    guard let lookUp = lookUps.removeValue(forKey: name) else { return [] }
    return lookUp.waiters.map(\.waiter)
  }

  /// The waiters whose deadline has come.
  mutating func expire(now: MonotonicTime) -> [Waiter] {
    var expired: [Waiter] = []
    for (name, lookUp) in lookUps {
      let late = lookUp.waiters.filter { $0.deadline <= now }
      if late.isEmpty { continue }
      expired += late.map(\.waiter)
      let rest = lookUp.waiters.filter { $0.deadline > now }
      if rest.isEmpty, case .queued = lookUp.phase {
        lookUps[name] = nil
        queue.removeAll { $0 == name }
      } else {
        lookUps[name]?.waiters = rest
      }
    }
    return expired
  }

  /// When `expire` has something to do next.
  var nextDeadline: MonotonicTime? {
    lookUps.values.lazy.flatMap { $0.waiters }.map(\.deadline).min()
  }

  /// Names queued or running.
  var count: Int { lookUps.count }
}
