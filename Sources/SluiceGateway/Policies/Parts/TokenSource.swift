import SluiceConfiguration
import SluiceWire

/// Where a bearer token may stand in a request (RFC 6750 2).
struct TokenSource {
  /// In the order in which they are looked at.
  private let headers: [FieldSearch]
  private let query: [[UInt8]]
  private let cookies: [[UInt8]]
  let firstMessage: FirstMessagePlace?

  init(
    headers: [String], query: [String], cookies: [String], firstMessage: Configuration.FirstMessage?
  ) {
    self.firstMessage = firstMessage.flatMap { FirstMessagePlace($0) }
    self.headers = headers.filter { !$0.isEmpty }.map { FieldSearch($0) }
    self.query = query.map { Array($0.utf8) }
    self.cookies = cookies.map { Array($0.utf8) }
  }

  /// Calls `body` with the first token that is found; nil when there is none. `hides` takes all of
  /// them out of what targets get.
  func withToken<R>(
    of exchange: Exchange, hides: Bool, _ body: (Span<UInt8>) -> R
  ) -> R? {
    if let result = withToken(of: exchange.request, body) {
      if hides { hide(exchange) }
      return result
    }
    return firstMessage?.withToken(of: exchange, body)
  }

  private func withToken<R>(
    of head: borrowing RequestHead, _ body: (Span<UInt8>) -> R
  ) -> R? {
    for place in headers.indices {
      guard let index = head.firstIndex(of: headers[place]) else { continue }
      let value = head.span(head.fields[index].value)
      if let range = AuthorizationField.credentials("bearer", in: value) {
        return body(value.extracting(range))
      }
    }
    if let place = head.query {
      let text = head.span(place)
      for name in query {
        guard let range = QueryParameters.value(of: name, in: text) else { continue }
        return body(text.extracting(range))
      }
    }
    for name in cookies {
      for field in head.fields where field.known == .cookie {
        let value = head.span(field.value)
        guard let range = Cookies.value(of: name, in: value) else { continue }
        return body(value.extracting(range))
      }
    }
    return nil
  }

  private func hide(_ exchange: Exchange) {
    for header in headers { exchange.dropRequestFields(header) }
    for name in query { exchange.dropQueryParameter(named: name) }
    for name in cookies { exchange.dropCookie(named: name) }
  }
}
