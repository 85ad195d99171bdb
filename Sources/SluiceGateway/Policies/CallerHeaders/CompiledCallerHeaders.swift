public import SluiceConfiguration
import SluiceWire

extension Configuration.CallerHeaders: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy { CompiledCallerHeaders(self) }
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
  private let locations: [(from: [UInt8], to: CompiledTemplate)]

  init(_ settings: Configuration.CallerHeaders) {
    hidden = settings.hide.map { Array($0.utf8) }
    added = settings.add.map {
      Added(
        name: Array($0.name.utf8), text: $0.name, value: CompiledTemplate($0.value),
        statuses: Set($0.statuses))
    }
    locations = settings.locations.map { (Array($0.from.utf8), CompiledTemplate($0.to)) }
  }

  override var phases: PolicyPhases { [.response, .answer] }

  override func response(
    _ head: borrowing ResponseHead, _ exchange: Exchange
  ) -> PolicyOutcome {
    for name in hidden { exchange.dropResponseFields(named: name, of: head) }
    if !locations.isEmpty {
      changeURL(in: Self.location, at: 0, head, exchange)
      if let index = head.firstIndex(named: Self.refresh.span) {
        let value = head.span(head.fields[index].value)
        var start = 0
        while start + 4 <= value.count,
          !value.extracting(start..<(start + 4)).equalsIgnoringCase(Self.url)
        { start += 1 }
        if start + 4 <= value.count { changeURL(in: Self.refresh, at: start + 4, head, exchange) }
      }
    }
    for field in added where field.isFor(head.status) {
      var value = ByteBuffer()
      field.value.append(exchange, .field, to: &value)
      if value.isEmpty || !FieldSyntax.isValue(value.span) { continue }
      exchange.responseEdits.add(name: field.name.span, value: value.span)
    }
    return .next
  }

  private static let location = Array("Location".utf8)
  private static let refresh = Array("Refresh".utf8)
  private static let url = Array("url=".utf8)

  /// Writes a field anew whose URL begins with what is to be replaced.
  private func changeURL(
    in name: [UInt8], at start: Int, _ head: borrowing ResponseHead, _ exchange: Exchange
  ) {
    guard let index = head.firstIndex(named: name.span) else { return }
    let value = head.span(head.fields[index].value)
    for (from, to) in locations where value.count >= start + from.count {
      guard value.extracting(start..<(start + from.count)).equals(from.span) else {
        continue
      }
      var text = ByteBuffer()
      text.append(value.extracting(..<start))
      to.append(exchange, .field, to: &text)
      text.append(value.extracting((start + from.count)...))
      guard FieldSyntax.isValue(text.span) else { return }
      exchange.responseEdits.drop(index)
      return exchange.responseEdits.add(name: name.span, value: text.span)
    }
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
