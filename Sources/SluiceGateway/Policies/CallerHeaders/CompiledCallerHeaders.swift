public import SluiceConfiguration
import SluiceWire

extension Configuration.CallerHeaders: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy { CompiledCallerHeaders(self) }

  public func problem() -> String? {
    for (key, changes) in [
      ("locations", locations), ("cookieDomains", cookieDomains), ("cookiePaths", cookiePaths),
    ] {
      for (index, change) in changes.enumerated() {
        guard let regex = change.regex else { continue }
        if let problem = RegexSyntax.problem(
          in: regex, "\(key)[\(index)].regex", groupsIn: [change.to])
        {
          return problem
        }
      }
    }
    for (index, flags) in cookieFlags.enumerated() {
      if let problem = flags.regex.flatMap({ RegexSyntax.problem(in: $0) }) {
        return "cookieFlags[\(index)].regex: \(problem)"
      }
    }
    return nil
  }
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
  private let cookieFlags: [(flags: Configuration.CookieFlags, regex: Int?)]
  private let regexes: RegexSet

  /// Another text in the place of one, or of what an expression matches.
  private struct Change {
    let from: [UInt8]
    let regex: Int?
    let to: GroupTemplate
  }

  init(_ settings: Configuration.CallerHeaders) {
    hidden = settings.hide.map { Array($0.utf8) }
    added = settings.add.map {
      Added(
        name: Array($0.name.utf8), text: $0.name, value: CompiledTemplate($0.value),
        statuses: Set($0.statuses), replaces: $0.replaces)
    }
    let regexes = RegexSet()
    func changes(_ list: [Configuration.TextChange]) -> [Change] {
      list.map { change in
        // Without an expression a dollar sign is one.
        Change(
          from: Array(change.from.utf8), regex: change.regex.flatMap { try? regexes.add($0) },
          to: change.regex == nil
            ? GroupTemplate(template: change.to) : GroupTemplate(change.to))
      }
    }
    locations = changes(settings.locations)
    cookieDomains = changes(settings.cookieDomains)
    cookiePaths = changes(settings.cookiePaths)
    cookieFlags = settings.cookieFlags.map { flags in
      (flags, flags.regex.flatMap { try? regexes.add($0) })
    }
    self.regexes = regexes
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
    for field in added where field.isFor(exchange.shownStatus(head.status)) {
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
    let url = value.extracting(start...)
    for change in locations {
      var text = ByteBuffer()
      text.append(value.extracting(..<start))
      if change.regex != nil {
        guard append(change, of: url, exchange, to: &text) else { continue }
      } else {
        let from = change.from
        guard url.count >= from.count, url.extracting(..<from.count).equals(from.span) else {
          continue
        }
        change.to.append(exchange, .field, [], of: url, to: &text)
        text.append(url.extracting(from.count...))
      }
      guard FieldSyntax.isValue(text.span) else { return }
      exchange.responseEdits.drop(index)
      return exchange.responseEdits.add(name: name.span, value: text.span)
    }
  }

  /// What an expression makes of a value; false when it does not match.
  private func append(
    _ change: Change, of value: Span<UInt8>, _ exchange: Exchange, to output: inout ByteBuffer
  ) -> Bool {
    guard let regex = change.regex else { return false }
    var groups: [Range<Int>?] = []
    guard regexes.captures(regex, value, into: &groups) == .match else { return false }
    change.to.append(exchange, .field, groups, of: value, to: &output)
    return true
  }

  private static let setCookie = Array("Set-Cookie".utf8)

  private func changeCookies(_ head: borrowing ResponseHead, _ exchange: Exchange) {
    guard let first = head.firstIndex(named: Self.setCookie.span) else { return }
    for index in first..<head.fields.count
    where head.span(head.fields[index].name).equalsIgnoringCase(Self.setCookie) {
      guard var cookie = SetCookieField(head.span(head.fields[index].value)) else { continue }
      for change in cookieDomains where changes("domain", of: &cookie, by: change, exchange) {
        break
      }
      for change in cookiePaths where changes("path", of: &cookie, by: change, exchange) { break }
      let name = cookie.name
      let flags = cookieFlags.first {
        $0.regex.map { regexes.test($0, name.span) == .match } ?? cookie.isMeant(by: $0.flags)
      }
      if let flags { cookie.set(flags.flags) }
      let bytes = cookie.bytes
      guard cookie.isChanged, FieldSyntax.isValue(bytes.span) else { continue }
      exchange.responseEdits.drop(index)
      exchange.responseEdits.add(name: Self.setCookie.span, value: bytes.span)
    }
  }

  /// Whether the cookie has what is looked for.
  private func changes(
    _ attribute: String, of cookie: inout SetCookieField, by change: Change, _ exchange: Exchange
  ) -> Bool {
    if change.regex != nil {
      return cookie.change(attribute) { value in
        var text = ByteBuffer()
        return append(change, of: value.span, exchange, to: &text)
          ? Self.safe(text.copiedBytes()) : nil
      }
    }
    var text = ByteBuffer()
    let nothing: [UInt8] = []
    change.to.append(exchange, .field, [], of: nothing.span, to: &text)
    let to = Self.safe(text.copiedBytes())
    return attribute == "domain"
      ? cookie.changeDomain(from: change.from, to: to)
      : cookie.changePath(from: change.from, to: to)
  }

  /// What would end an attribute goes into none.
  private static func safe(_ text: [UInt8]) -> [UInt8] { text.filter { $0 != UInt8(ascii: ";") } }

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
