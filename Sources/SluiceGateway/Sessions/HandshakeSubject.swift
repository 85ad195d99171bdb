import SluiceWire

/// What a session's handshake asked for: services that decide by it are asked about this again when its
/// caller shows new credentials, however those come.
final class HandshakeSubject: Sendable {
  /// Path and query, as services get them in `X-Forwarded-Uri`.
  let uri: [UInt8]
  /// Host and port; nil without.
  let authority: [UInt8]?

  init(_ exchange: Exchange) {
    var uri = ByteBuffer()
    exchange.withPath { uri.append($0) }
    Self.appendQuery(of: exchange.request, to: &uri)
    self.uri = uri.copiedBytes()
    authority = Self.authority(of: exchange.request)
  }

  private static func appendQuery(of head: borrowing RequestHead, to uri: inout ByteBuffer) {
    guard let query = head.query else { return }
    uri.append(0x3F)
    uri.append(head.span(query))
  }

  private static func authority(of head: borrowing RequestHead) -> [UInt8]? {
    head.authority.map { head.span($0).withUnsafeBufferPointer { Array($0) } }
  }
}
