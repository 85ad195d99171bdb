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
    let replaces: Bool

    func isFor(_ status: Int) -> Bool { statuses.isEmpty || statuses.contains(status) }
  }

  private let hidden: [[UInt8]]
  private let added: [Added]
  private let locations: [Change]
  private let cookieDomains: [Change]
  private let cookiePaths: [Change]
  private let cookieFlags: [Configuration.CookieFlags]

  private typealias Change = (from: [UInt8], to: CompiledTemplate)

  init(_ settings: Configuration.CallerHeaders) {
    hidden = settings.hide.map { Array($0.utf8) }
    added = settings.add.map {
      Added(
        name: Array($0.name.utf8), text: $0.name, value: CompiledTemplate($0.value),
        statuses: Set($0.statuses), replaces: $0.replaces)
    }
    func changes(_ list: [Configuration.TextChange]) -> [Change] {
      list.map { (Array($0.from.utf8), CompiledTemplate($0.to)) }
    }
    locations = changes(settings.locations)
    cookieDomains = changes(settings.cookieDomains)
    cookiePaths = changes(settings.cookiePaths)
    cookieFlags = settings.cookieFlags
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
    if !cookieDomains.isEmpty || !cookiePaths.isEmpty || !cookieFlags.isEmpty {
      changeCookies(head, exchange)
    }
    for field in added where field.isFor(head.status) {
      if field.replaces { exchange.dropResponseFields(named: field.name, of: head) }
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

  private static let setCookie = Array("Set-Cookie".utf8)

  private func changeCookies(_ head: borrowing ResponseHead, _ exchange: Exchange) {
    guard let first = head.firstIndex(named: Self.setCookie.span) else { return }
    for index in first..<head.fields.count
    where head.span(head.fields[index].name).equalsIgnoringCase(Self.setCookie) {
      guard var cookie = SetCookieField(head.span(head.fields[index].value)) else { continue }
      _ = cookieDomains.contains {
        cookie.changeDomain(from: $0.from, to: Self.text($0.to, exchange))
      }
      _ = cookiePaths.contains { cookie.changePath(from: $0.from, to: Self.text($0.to, exchange)) }
      if let flags = cookieFlags.first(where: { cookie.isMeant(by: $0) }) { cookie.set(flags) }
      let bytes = cookie.bytes
      guard cookie.isChanged, FieldSyntax.isValue(bytes.span) else { continue }
      exchange.responseEdits.drop(index)
      exchange.responseEdits.add(name: Self.setCookie.span, value: bytes.span)
    }
  }

  /// What would end an attribute goes into none.
  private static func text(_ template: CompiledTemplate, _ exchange: Exchange) -> [UInt8] {
    var text = ByteBuffer()
    template.append(exchange, .field, to: &text)
    return text.copiedBytes().filter { $0 != UInt8(ascii: ";") }
  }

  override func answered(_ answer: inout LocalAnswer, _ exchange: Exchange) {
    for field in added where field.isFor(answer.status) {
      if field.replaces {
        answer.fields.removeAll { $0.isNamed(field.name) }
        if field.text.lowercased() == "content-type" { answer.contentType = "" }
      }
      var value = ByteBuffer()
      field.value.append(exchange, .field, to: &value)
      if value.isEmpty { continue }
      if let line = FieldLine(name: field.text, value: Exchange.text(value.span)) {
        answer.fields.append(line)
      }
    }
  }
}
