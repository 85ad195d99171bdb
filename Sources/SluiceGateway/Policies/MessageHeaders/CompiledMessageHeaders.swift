public import SluiceConfiguration
import SluiceWire

extension Configuration.TargetHeaders: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy { CompiledTargetHeaders(self) }
}

extension Configuration.CallerHeaders: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy { CompiledCallerHeaders(self) }
}

/// Says what fields targets get.
final class CompiledTargetHeaders: CompiledPolicy {
  private let fields: FieldTransform
  private let host: CompiledTemplate?
  private let passesForwarded: Bool

  init(_ settings: Configuration.TargetHeaders) {
    let (host, others) = settings.set.reduce(into: (String?.none, [String: String]())) {
      if $1.key.lowercased() == "host" { $0.0 = $1.value } else { $0.1[$1.key] = $1.value }
    }
    self.host = host.map { CompiledTemplate($0) }
    fields = FieldTransform(
      remove: others.keys.sorted(), rename: [:], replace: [:], add: [:], append: others)
    passesForwarded = settings.forwarded == .caller
  }

  override func request(_ exchange: Exchange) -> PolicyOutcome {
    if passesForwarded { exchange.requestEdits.keepForwarded() }
    if !fields.isEmpty {
      fields.apply(to: &exchange.requestEdits.fields, of: MessageFields(exchange.request), exchange)
    }
    if let host {
      var text = ByteBuffer()
      host.append(exchange, .field, to: &text)
      // What is no field can't be a host either; the service's setting holds then.
      if !text.isEmpty, FieldSyntax.isValue(text.span) { exchange.requestEdits.setHost(text) }
    }
    return .next
  }
}

/// Adds fields to responses and hides some.
final class CompiledCallerHeaders: CompiledPolicy {
  private struct Added {
    let name: [UInt8]
    let text: String
    let value: CompiledTemplate
    let statuses: Set<Int>

    func isFor(_ status: Int) -> Bool { statuses.isEmpty || statuses.contains(status) }
  }

  private let hidden: [[UInt8]]
  private let added: [Added]

  init(_ settings: Configuration.CallerHeaders) {
    hidden = settings.hide.map { Array($0.utf8) }
    added = settings.add.map {
      Added(
        name: Array($0.name.utf8), text: $0.name, value: CompiledTemplate($0.value),
        statuses: Set($0.statuses))
    }
  }

  override var phases: PolicyPhases { [.response, .answer] }

  override func response(
    _ head: borrowing ResponseHead, _ exchange: Exchange
  ) -> PolicyOutcome {
    for name in hidden { exchange.dropResponseFields(named: name, of: head) }
    for field in added where field.isFor(head.status) {
      var value = ByteBuffer()
      field.value.append(exchange, .field, to: &value)
      if value.isEmpty || !FieldSyntax.isValue(value.span) { continue }
      exchange.responseEdits.add(name: field.name.span, value: value.span)
    }
    return .next
  }

  override func answered(_ answer: inout LocalAnswer, _ exchange: Exchange) {
    for field in added where field.isFor(answer.status) {
      var value = ByteBuffer()
      field.value.append(exchange, .field, to: &value)
      if value.isEmpty { continue }
      if let line = FieldLine(name: field.text, value: Exchange.text(value.span)) {
        answer.fields.append(line)
      }
    }
  }
}
