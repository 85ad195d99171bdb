import SluiceConfiguration
import SluiceWire

/// What a route asks of a request that matches it, before anything is forwarded.
enum RouteEntry {
  /// Why the request is refused; nil when it may go on. On a `websocket` route that means: it is a
  /// handshake.
  static func refusal(
    of head: borrowing RequestHead, kind: Configuration.RouteKind, maxBodySize: UInt64?
  ) -> GatewayError? {
    if let maxBodySize, case .length(let count) = head.framing, count > maxBodySize {
      return .bodyTooLarge
    }
    if kind == .websocket {
      guard let upgrade = head.upgrade, head.method == .get, head.framing == .none,
        head.span(upgrade).equalsIgnoringCase(websocket)
      else { return .upgradeRequired }
    }
    return nil
  }

  static let websocket = Array("websocket".utf8)
}
