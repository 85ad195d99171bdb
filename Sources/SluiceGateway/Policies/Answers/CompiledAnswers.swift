public import SluiceConfiguration
import SluiceWire

extension Configuration.Redirect: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy { CompiledRedirect(self) }
}

extension Configuration.Mock: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy { CompiledMock(self) }
}

extension Configuration.Fault: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy { CompiledFault(self) }
}

/// Sends the caller elsewhere.
final class CompiledRedirect: CompiledPolicy {
  private let location: CompiledTemplate
  private let status: Int
  private let unfit = PolicyRefusal(.malformedRequest)

  init(_ settings: Configuration.Redirect) {
    location = CompiledTemplate(settings.location)
    status = settings.status
  }

  override func request(_ exchange: Exchange) -> PolicyOutcome {
    var text = ByteBuffer()
    location.append(exchange, .url, to: &text)
    guard FieldSyntax.isValue(text.span) else { return .refuse(unfit) }
    var answer = LocalAnswer(status: status, body: [])
    answer.fields.append(FieldLine("Location", text.copiedBytes()))
    return .answer(answer)
  }
}

/// Answers in the target's place.
final class CompiledMock: CompiledPolicy {
  private let answer: LocalAnswer
  private let body: CompiledTemplate?
  private let fields: [(name: String, value: CompiledTemplate)]
  /// Nil for every request.
  private let trigger: [UInt8]?

  init(_ settings: Configuration.Mock) {
    trigger = settings.trigger.map { Array($0.utf8) }
    let type: StaticString =
      switch settings.contentType {
      case .json: "application/json"
      case .text: "text/plain; charset=utf-8"
      case .html: "text/html; charset=utf-8"
      }
    var answer = LocalAnswer(
      status: settings.status, contentType: type, body: Array(settings.body.utf8))
    if let type = settings.mediaType {
      answer.contentType = ""
      if let line = FieldLine(name: "Content-Type", value: type) { answer.fields.append(line) }
    }
    func varies(_ text: String) -> Bool {
      Template(text)?.segments.contains { if case .variable = $0 { true } else { false } } ?? false
    }
    var fields: [(name: String, value: CompiledTemplate)] = []
    for (name, value) in settings.headers.sorted(by: { $0.key < $1.key }) {
      if varies(value) {
        fields.append((name, CompiledTemplate(value)))
      } else if let line = FieldLine(name: name, value: value) {
        answer.fields.append(line)
      }
    }
    self.answer = answer
    self.fields = fields
    body = varies(settings.body) ? CompiledTemplate(settings.body) : nil
  }

  override func request(_ exchange: Exchange) -> PolicyOutcome {
    if let trigger, !Self.has(trigger, exchange.request) { return .next }
    if body == nil && fields.isEmpty { return .answer(answer) }
    var answer = answer
    if let body {
      var text = ByteBuffer()
      body.append(exchange, .field, to: &text)
      answer.body = text.copiedBytes()
    }
    for (name, value) in fields {
      var text = ByteBuffer()
      value.append(exchange, .field, to: &text)
      if let line = FieldLine(name: name, value: Exchange.text(text.span)) {
        answer.fields.append(line)
      }
    }
    return .answer(answer)
  }
}

extension CompiledMock {
  /// As the caller sent it, with a value or without.
  private static func has(_ name: [UInt8], _ head: borrowing RequestHead) -> Bool {
    if head.firstIndex(named: name.span) != nil { return true }
    guard let query = head.query else { return false }
    return QueryParameters.value(of: name, in: head.span(query)) != nil
  }
}

/// Makes a share of the requests slow, or fail.
final class CompiledFault: CompiledPolicy {
  private let settings: Configuration.Fault
  private let abort: LocalAnswer

  init(_ settings: Configuration.Fault) {
    self.settings = settings
    abort = LocalAnswer(
      status: settings.abort == 0 ? 503 : settings.abort,
      body: Array("This request was chosen to fail.\n".utf8))
  }

  override func request(_ exchange: Exchange) -> PolicyOutcome {
    guard settings.delay.nanoseconds > 0, isChosen(settings.delayPercent, exchange) else {
      return decide(exchange)
    }
    return exchange.park(atMost: settings.delay) { [self] exchange, _ in decide(exchange) }
  }

  private func decide(_ exchange: Exchange) -> PolicyOutcome {
    settings.abort != 0 && isChosen(settings.abortPercent, exchange) ? .answer(abort) : .next
  }

  private func isChosen(_ percent: Int, _ exchange: Exchange) -> Bool {
    percent > 0 && exchange.worker.random.next() % 100 < UInt64(percent)
  }
}
