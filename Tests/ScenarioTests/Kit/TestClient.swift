import Foundation

/// A caller on a raw socket.
final class TestClient {
  let socket: RawSocket
  let reader: MessageReader

  init(port: UInt16, receiveBuffer: Int32? = nil, _ tls: TestTLSSettings? = nil) throws {
    socket = try RawSocket(port: port, receiveBuffer: receiveBuffer, tls)
    reader = MessageReader(socket)
  }

  func send(_ text: String) throws { try socket.send(text) }

  /// Sends a request and reads its response.
  func exchange(_ text: String) throws -> Message {
    try send(text)
    return try reader.readResponse(to: String(text.prefix { $0 != " " }))
  }

  func get(_ target: String, _ fields: String...) throws -> Message {
    try exchange(
      "GET \(target) HTTP/1.1\r\nHost: gateway.test\r\n"
        + fields.map { $0 + "\r\n" }.joined() + "\r\n")
  }

  /// Whether the gateway has closed the connection and sent nothing more.
  func isClosedByGateway() throws -> Bool { try reader.readToEnd().isEmpty && reader.hasEnded }
}

extension TestClient {
  /// Sends so many bytes of a body on a thread of its own, until somebody wants no more of them.
  func pour(_ count: Int) {
    let socket = socket
    Thread.detachNewThread {
      let piece = [UInt8](repeating: 1, count: 65_536)
      for _ in 0..<(count / piece.count) {
        do { try socket.send(piece) } catch { return }
      }
    }
  }
}
