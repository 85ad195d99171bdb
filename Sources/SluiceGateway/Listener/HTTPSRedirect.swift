import SluiceConfiguration
import SluiceWire

/// Sends callers of a plain listener to the same URL under https.
struct HTTPSRedirect {
  /// `:8443`; empty for 443.
  private let port: [UInt8]

  init(_ settings: Configuration.RedirectToHTTPS) {
    port = settings.port == 443 ? [] : Array(":\(settings.port)".utf8)
  }

  /// 308 keeps method and body (RFC 9110 15.4.9). A request without a host can't be sent anywhere.
  func answer(_ exchange: Exchange) {
    guard let location = location(exchange.request, exchange) else {
      return exchange.fail(.malformedRequest, detail: "A redirect needs a Host.")
    }
    var answer = LocalAnswer(status: 308, body: [])
    answer.fields.append(FieldLine("Location", location))
    exchange.answer(answer)
  }

  private func location(_ head: borrowing RequestHead, _ exchange: Exchange) -> [UInt8]? {
    guard let host = head.host, head.form != .asterisk else { return nil }
    var location = ByteBuffer()
    location.append("https://")
    location.append(head.span(host))
    location.append(port)
    exchange.withPath { location.append($0) }
    if let query = head.query {
      location.append(0x3F)
      location.append(head.span(query))
    }
    return location.copiedBytes()
  }
}
