import SluiceWire
import Testing

@testable import SluiceReactor

/// One side of a connection with records: what it wrote is in its transport's output.
final class RecordSide {
  let transport = TLSTransport(readBufferSize: 64 * 1_024)
  let layer: TLSRecordLayer

  /// Two sides of which one is the first understand each other.
  convenience init(
    _ suite: TLSCiphers.Suite, isFirst: Bool, sealed: UInt64 = 0, opened: UInt64 = 0
  ) throws {
    let first = [UInt8](repeating: 0x5A, count: Int(suite.secretBytes))
    let second = [UInt8](repeating: 0xC3, count: Int(suite.secretBytes))
    try self.init(
      suite, server: isFirst ? first : second, client: isFirst ? second : first, sealed: sealed,
      opened: opened)
  }

  init(
    _ suite: TLSCiphers.Suite, server: [UInt8], client: [UInt8], sealed: UInt64 = 0,
    opened: UInt64 = 0
  ) throws {
    let secrets = TLSSecrets(server: server, client: client)
    layer = try #require(
      TLSRecordLayer(suite, secrets, sealed: sealed, opened: opened, transport.ciphers))
  }

  func write(_ bytes: [UInt8]) throws {
    #expect(bytes.withUnsafeBytes { layer.write($0, transport) })
  }

  /// What it wrote since the last call.
  func written() -> [UInt8] {
    defer { transport.output.clear() }
    return transport.output.copiedBytes()
  }

  /// Reads `bytes` through a window of `room`; stops at what is no text.
  func read(_ bytes: [UInt8], room: Int = 32_768) -> (text: [UInt8], last: TLSPiece) {
    var text: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: room)
    var last = TLSPiece.needsMore
    bytes.withUnsafeBytes { all in
      transport.input = all
      while true {
        last = buffer.withUnsafeMutableBytes { layer.read(into: $0, transport) }
        guard case .bytes(let count) = last else { break }
        text += buffer[..<count]
      }
      transport.input = UnsafeRawBufferPointer(start: nil, count: 0)
    }
    return (text, last)
  }

  func peek(_ bytes: [UInt8]) -> TLSPiece {
    bytes.withUnsafeBytes { all in
      transport.input = all
      defer { transport.input = UnsafeRawBufferPointer(start: nil, count: 0) }
      return layer.peek(transport)
    }
  }
}
