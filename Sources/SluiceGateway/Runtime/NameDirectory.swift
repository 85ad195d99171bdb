import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// Keeps the addresses of targets' names fresh; lives on the control loop.
final class NameDirectory {
  private let loop: EventLoop
  private let resolver: NameResolver
  private var entries: [String: NameEntry] = [:]
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
    for entry in entries.values { entry.end() }
    entries = [:]
    for name in names {
      let entry = NameEntry(name: name, directory: self, loop: loop, interval: interval)
      entries[name] = entry
      entry.poll()
    }
  }

  func connectFailed(name: String) { entries[name]?.connectFailed() }

  fileprivate func lookUp(_ name: String) {
    let mailbox = loop.mailbox
    resolver.resolve(name, port: 0) { outcome in
      mailbox.post { loop in
        (loop.owner as? any NameDirectoryOwner)?.directory.answered(name, outcome)
      }
    }
  }

  private func answered(_ name: String, _ outcome: NameResolver.Outcome) {
    entries[name]?.answered(outcome)
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

  init(name: String, directory: NameDirectory, loop: EventLoop, interval: Int64) {
    self.name = name
    self.directory = directory
    schedule = NameScheduleStateMachine(intervalNanoseconds: interval, now: .now())
    super.init(loop: loop)
    loop.register(self)
  }

  func end() { loop.unregister(self) }

  func poll() { perform(schedule.poll(now: .now())) }

  func connectFailed() { perform(schedule.connectFailed(now: .now())) }

  func answered(_ outcome: NameResolver.Outcome) {
    let isFirst = !hasAnswered
    hasAnswered = true
    let action = schedule.answered(outcome, now: .now())
    if let error = schedule.lastError {
      directory.onEvent(.nameLookupFailed(name: name, reason: error.text))
      if isFirst { directory.onChange(name, .failed) }
    }
    perform(action)
  }

  override func deadlineReached() { poll() }

  private func perform(_ action: NameScheduleStateMachine.Action) {
    switch action {
    case .none: break
    case .lookUp: directory.lookUp(name)
    case .changed(let addresses):
      directory.onEvent(
        .nameResolved(name: name, addresses: addresses.map(\.hostText)))
      directory.onChange(name, .found(addresses))
    }
    if let wakeUp = schedule.wakeUp { setDeadline(wakeUp) }
  }
}

extension SocketAddress {
  /// The IP address as text, without the port.
  fileprivate var hostText: String {
    var text = ByteBuffer()
    text.append(hostOf: self)
    return String(decoding: text.copiedBytes(), as: UTF8.self)
  }
}
