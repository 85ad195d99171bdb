import SluiceWire

/// A complete response that the gateway makes itself: an error, or what a local responder says.
public struct LocalAnswer: Sendable {
  public var status: Int
  /// Empty for none, or for one among `fields`.
  public var contentType: StaticString
  public var body: [UInt8]
  public var fields: [FieldLine] = []
  /// In the place of `body`: pieces that follow the head as they come.
  public var stream: LocalStream?

  public init(status: Int, contentType: StaticString = "text/plain; charset=utf-8", body: [UInt8]) {
    self.status = status
    self.contentType = contentType
    self.body = body
  }

  /// The answer for an error: RFC 9457 problem details with the stable code. `more` may end the text before
  /// it and begin another, as in `","name":"text`.
  init(
    _ error: GatewayError, detail: StaticString?, requestID: RequestID?,
    more: (inout ByteBuffer) -> Void = { _ in }
  ) {
    let row = error.row
    var text = ByteBuffer(capacity: 256)
    text.append("{\"type\":\"about:blank\",\"title\":\"")
    text.append(row.title)
    text.append("\",\"status\":")
    text.append(decimal: UInt64(row.status))
    text.append(",\"code\":\"")
    text.append(row.code)
    if let detail {
      text.append("\",\"detail\":\"")
      text.append(detail)
    }
    more(&text)
    if let requestID {
      text.append("\",\"requestId\":\"")
      requestID.append(to: &text)
    }
    text.append("\"}\n")
    self.init(
      status: row.status, contentType: "application/problem+json", body: text.copiedBytes())
    if let seconds = row.retryAfter {
      fields.append(FieldLine("Retry-After", String(seconds)))
    }
  }
}
