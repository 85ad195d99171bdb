import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// Keeps the addresses of targets' names fresh; lives on the control loop.
final class NameDirectory {
  private let loop: EventLoop
  private let resolver: NameResolver
  private var entries: [String: NameEntry] = [:]
  /// Counts calls of `watch`: an answer to what was asked before the last one comes from a former
  /// static table.
  private var generation = 0
  /// Tells the workers; called on the control loop.
  var onChange: (_ name: String, NameAddresses) -> Void = { _, _ in }
  var onEvent: (LifecycleEvent) -> Void = { _ in }

  init(loop: EventLoop, resolver: NameResolver) {
    self.loop = loop
    self.resolver = resolver
  }

  /// Looks these names up from now on, and no others; known ones anew, because the static table may
  /// have changed.
  func watch(_ names: Set<String>, interval: Int64) {
    let former = entries
    for entry in former.values { entry.end() }
    entries = [:]
    generation += 1
    for name in names {
      let entry = NameEntry(
        name: name, known: former[name]?.known ?? [], directory: self, loop: loop,
        interval: interval)
      entries[name] = entry
      entry.poll()
    }
  }

  func connectFailed(name: String) { entries[name]?.connectFailed() }

  fileprivate func lookUp(_ name: String) {
    let mailbox = loop.mailbox
    let generation = generation
    let isWritten = resolver.isWritten(name)
    resolver.resolve(name, port: 0) { outcome in
      mailbox.post { loop in
        (loop.owner as? any NameDirectoryOwner)?.directory.answered(
          name, outcome, generation: generation, isWritten: isWritten)
      }
    }
  }

  private func answered(
    _ name: String, _ outcome: NameResolver.Outcome, generation: Int, isWritten: Bool
  ) {
    if generation == self.generation { entries[name]?.answered(outcome, isWritten: isWritten) }
  }
}

/// The control loop's owner, through which results find the directory.
protocol NameDirectoryOwner: AnyObject {
  var directory: NameDirectory { get }
}

/// One name's schedule and its timer.
private final class NameEntry: EventHandler {
  private let name: String
  private unowned let directory: NameDirectory
  private var schedule: NameScheduleStateMachine
  private var hasAnswered = false
  /// The addresses that were told last, also before a reload.
  private(set) var known: Set<SocketAddress>

  init(
    name: String, known: Set<SocketAddress>, directory: NameDirectory, loop: EventLoop,
    interval: Int64
  ) {
    self.name = name
    self.known = known
    self.directory = directory
    schedule = NameScheduleStateMachine(intervalNanoseconds: interval, now: .now())
    super.init(loop: loop)
    loop.register(self)
  }

  func end() { loop.unregister(self) }

  func poll() { perform(schedule.poll(now: .now())) }

  func connectFailed() { perform(schedule.connectFailed(now: .now())) }

  /// `isWritten`: the configuration says it, nobody was asked.
  func answered(_ outcome: NameResolver.Outcome, isWritten: Bool) {
    let isFirst = !hasAnswered
    hasAnswered = true
    let action = schedule.answered(outcome, now: .now())
    if let error = schedule.lastError {
      directory.onEvent(.nameLookupFailed(name: name, reason: error.text))
      if isFirst { directory.onChange(name, .failed) }
    }
    perform(action, isWritten: isWritten)
  }

  override func deadlineReached() { poll() }

  private func perform(_ action: NameScheduleStateMachine.Action, isWritten: Bool = false) {
    switch action {
    case .none: break
    case .lookUp: directory.lookUp(name)
    case .changed(let addresses):
      let isNews = Set(addresses) != known && !(isWritten && known.isEmpty)
      known = Set(addresses)
      if isNews {
        directory.onEvent(.nameResolved(name: name, addresses: addresses.map(\.hostText)))
      }
      directory.onChange(name, .found(addresses))
    }
    if let wakeUp = schedule.wakeUp { setDeadline(wakeUp) }
  }
}

extension SocketAddress {
  /// The IP address as text, without the port.
  var hostText: String {
    var text = ByteBuffer()
    text.append(hostOf: self)
    return String(decoding: text.copiedBytes(), as: UTF8.self)
  }
}
