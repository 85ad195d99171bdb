import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// One worker's lines on their way to one server: the shell of `LogQueueStateMachine`.
///
/// Registered with the loop until it has ended and nothing waits; a reload that keeps the settings keeps
/// it. Lines of exchanges that end later are sent by themselves, once.
final class LogSender: EventHandler {
  let settings: Configuration.HTTPLog
  private var client: ServiceClient?
  private let totals: LogTotals
  private let target: [UInt8]
  private let method: StaticString
  private let fields: [FieldLine]
  private var machine: LogQueueStateMachine
  /// Of the machine's losses, those that were counted.
  private var counted = 0
  /// It takes no more than what exchanges of its time have to say.
  private(set) var isEnding = false
  private var isOver = false

  /// Of an answer nothing but the status matters.
  private static let answerBytes = 4_096

  init(
    _ settings: Configuration.HTTPLog, _ client: ServiceClient?, _ totals: LogTotals,
    _ loop: EventLoop
  ) {
    self.settings = settings
    self.client = client
    self.totals = totals
    target = Array((CallURL(settings.url)?.target ?? "/").utf8)
    method =
      switch settings.method {
      case .post: "POST"
      case .put: "PUT"
      case .patch: "PATCH"
      }
    var fields = [FieldLine(name: "Content-Type", value: settings.contentType)]
    for (name, value) in settings.headers.sorted(by: { $0.key < $1.key }) {
      fields.append(FieldLine(name: name, value: value.reveal()))
    }
    self.fields = fields.compactMap { $0 }
    machine = LogQueueStateMachine(
      LogQueueStateMachine.Limits(
        batchSize: settings.batchSize,
        batchDelay: settings.batchSize == 1 ? 0 : settings.batchDelay.nanoseconds,
        maxLines: settings.maxLines, maxBytes: settings.maxBytes.bytes,
        retryFor: settings.retryFor.nanoseconds, firstPause: settings.firstPause.nanoseconds,
        maxPause: settings.maxPause.nanoseconds))
    super.init(loop: loop)
    loop.register(self)
  }

  /// Services are another's after a reload.
  func replaceClient(_ client: ServiceClient?) { self.client = client }

  /// Without the line's end.
  func add(_ line: [UInt8]) {
    if isOver { return sendLate(line) }
    perform(machine.add(line, now: loop.now))
  }

  override func deadlineReached() { perform(machine.deadlineReached()) }

  /// Sends what waits, without another attempt; true when there is nothing.
  func hurry() -> Bool {
    if isOver { return true }
    perform(machine.hurry())
    return machine.isEmpty
  }

  func takeTime() { if !isEnding { _ = machine.hurry(false) } }

  /// The configuration in force has no use for it.
  func end() {
    if isEnding { return }
    isEnding = true
    perform(machine.hurry())
  }

  // MARK: The server

  /// A loop and no recursion, because calls that fail at once are answered before they return.
  private func perform(_ first: LogQueueStateMachine.Action) {
    var action = first
    while action == .send {
      clearDeadline()
      guard let isSent = postBatch() else { break }
      action = settled(isSent)
    }
    if case .wait(let time) = action { setDeadline(time) }
    if machine.lost > counted {
      totals.notSent(machine.lost - counted)
      counted = machine.lost
    }
    if isEnding, !isOver, machine.isEmpty {
      isOver = true
      Worker.of(loop).logSenders.removeAll { $0 === self }
      loop.unregister(self)
    }
  }

  private func settled(_ isSent: Bool) -> LogQueueStateMachine.Action {
    guard isSent else { return machine.failed(now: loop.now) }
    totals.sent(machine.batch.count)
    return machine.sent(now: loop.now)
  }

  /// Nil when the answer is yet to come.
  private func postBatch() -> Bool? {
    var early: Bool?
    var hasReturned = false
    post(machine.batch) { [self] isSent in
      guard hasReturned else {
        early = isSent
        return
      }
      perform(settled(isSent))
      // A drain may have waited for this.
      if machine.isHurried && machine.isEmpty { Worker.of(loop).drainProgressed() }
    }
    hasReturned = true
    return early
  }

  private func sendLate(_ line: [UInt8]) {
    post([line]) { [totals] isSent in
      if isSent { totals.sent(1) } else { totals.notSent(1) }
    }
  }

  /// `done` hears whether the server took it, maybe before this returns.
  private func post(_ lines: [[UInt8]], _ done: @escaping (Bool) -> Void) {
    guard let client else { return done(false) }
    var request = ClientRequest(target: target)
    request.method = method
    for line in fields { request.lines.append(line.bytes) }
    request.body = Self.body(lines, isArray: settings.batchSize > 1)
    request.takesPart = true
    client.send(request, limit: Self.answerBytes) { result in
      if case .response(let response) = result {
        done(response.status < 400)
      } else {
        done(false)
      }
    }
  }

  private static func body(_ lines: [[UInt8]], isArray: Bool) -> [UInt8] {
    guard isArray else { return lines.first ?? [] }
    var body: [UInt8] = [UInt8(ascii: "[")]
    body.reserveCapacity(lines.reduce(2) { $0 + $1.count + 1 })
    for (index, line) in lines.enumerated() {
      if index > 0 { body.append(UInt8(ascii: ",")) }
      body += line
    }
    body.append(UInt8(ascii: "]"))
    return body
  }
}
