import SluiceConfiguration
import SluiceWire

/// What a route asks of a request that matches it, before anything is forwarded.
enum RouteEntry {
  /// Why the request is refused; nil when it may go on. On a `websocket` route that means: it is a
  /// handshake (RFC 6455 4.2.1), from a page that may connect.
  static func refusal(
    of head: borrowing RequestHead, maxBodySize: UInt64?, session: CompiledSession?
  ) -> GatewayError? {
    if let maxBodySize, case .length(let count) = head.framing, count > maxBodySize {
      return .bodyTooLarge
    }
    guard let session else { return nil }
    return handshakeRefusal(of: head, session)
  }

  private static func handshakeRefusal(
    of head: borrowing RequestHead, _ session: CompiledSession
  ) -> GatewayError? {
    guard let upgrade = head.upgrade, head.method == .get,
      head.span(upgrade).equalsIgnoringCase(websocket)
    else { return .upgradeRequired }
    guard head.framing == .none, let key = head.onlyIndex(of: .secWebSocketKey),
      let version = head.onlyIndex(of: .secWebSocketVersion)
    else { return .invalidHandshake }
    do throws(WebSocketHandshakeError) {
      try WebSocketHandshake.checkKey(head.span(head.fields[key].value))
      try WebSocketHandshake.checkVersion(head.span(head.fields[version].value))
      try check(head, .secWebSocketProtocol, WebSocketHandshake.checkSubprotocols)
      try check(head, .secWebSocketExtensions) { (value) throws(WebSocketHandshakeError) in
        _ = try WebSocketHandshake.deflateOffers(value)
      }
    } catch {
      return error == .unsupportedVersion ? .websocketVersion : .invalidHandshake
    }
    if head.firstIndex(of: .origin) != nil {
      guard let origin = head.onlyIndex(of: .origin),
        session.origins.allow(
          head.span(head.fields[origin].value), authority: head.span(head.authority ?? .empty))
      else { return .originNotAllowed }
    }
    return nil
  }

  /// Lists may be spread over several fields.
  private static func check(
    _ head: borrowing RequestHead, _ name: FieldName,
    _ check: (Span<UInt8>) throws(WebSocketHandshakeError) -> Void
  ) throws(WebSocketHandshakeError) {
    if head.firstIndex(of: name) == nil { return }
    var joined = ByteBuffer()
    head.appendValues(of: name, to: &joined)
    try check(joined.span)
  }

  static let websocket = Array("websocket".utf8)
  static let version = Array("13".utf8)
}
