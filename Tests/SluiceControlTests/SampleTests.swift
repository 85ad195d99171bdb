import Glibc
import Logging
import SluiceConfiguration
import SluiceGateway
import SluiceReactor
import SluiceWire
import Testing

@testable import SluiceControl

/// The demo: its services alone and behind the gateway.
@Suite struct SampleTests {
  private static func startServices() throws -> SampleServices {
    let anyPort = try #require(SocketAddress("127.0.0.1:0"))
    return try SampleServices(time: anyPort, stocks: anyPort)
  }

  private static let handshake =
    "GET /stocks HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

  /// A client's frame, masked.
  private static func frame(_ opcode: UInt8, _ payload: [UInt8]) -> [UInt8] {
    let mask: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
    return [0x80 | opcode, 0x80 | UInt8(payload.count)] + mask
      + payload.enumerated().map { $1 ^ mask[$0 % 4] }
  }

  /// The next frame from the server, quotes passed over unless wanted.
  private static func nextFrame(_ peer: Peer, quotes: Bool = false) throws -> (UInt8, [UInt8]) {
    for _ in 0..<20 {
      let header = try peer.readBytes(2)
      let payload = try peer.readBytes(Int(header[1]))
      if quotes || header[0] != 0x81 { return (header[0] & 0x0F, payload) }
    }
    throw Peer.Failure(description: "nothing but quotes")
  }

  @Test func theAcceptValueIsThatOfTheRFC() {
    let value = WebSocketAccept.value(forKey: Array("dGhlIHNhbXBsZSBub25jZQ==".utf8).span)
    #expect(String(decoding: value, as: UTF8.self) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
  }

  @Test func theTimeServiceTellsTheTime() throws {
    let services = try Self.startServices()
    defer { services.stop() }
    let before = time(nil)
    let answer = try Peer.get("/time", from: services.time)
    #expect(answer.hasPrefix("HTTP/1.1 200 "))
    let match = try #require(answer.body.wholeMatch(of: /\{"timestamp": ([0-9]+)\}\n/))
    #expect((before...time(nil)).contains(try #require(Int(match.output.1))))
    #expect(try Peer.get("/other", from: services.time).hasPrefix("HTTP/1.1 404 "))
    #expect(try Peer.get("/stocks", from: services.stocks).hasPrefix("HTTP/1.1 426 "))
  }

  @Test func theDemoWorksThroughTheGateway() throws {
    let services = try Self.startServices()
    defer { services.stop() }
    let text =
      Quickstart.text
      .replacing("127.0.0.1:8080\"}", with: "127.0.0.1:0\"}")
      .replacing("127.0.0.1:9901", with: "127.0.0.1:0")
      .replacing("internal:8081", with: "internal:\(services.time.port)")
      .replacing("internal:8082", with: "internal:\(services.stocks.port)")
      + "accessLog: {format: off}\n"
    let result = ConfigurationFile.read(text: text, file: "")
    try #require(result.configuration != nil, "\(result.diagnostics)")
    let process = try GatewayProcess(
      result, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    defer { process.gateway.shutDown() }
    let web = try #require(process.gateway.address(ofListener: "web"))
    #expect(try Peer.get("/time", from: web).contains("{\"timestamp\": "))
    let client = try Peer.connect(to: web)
    client.send(Self.handshake)
    let head = try client.readHead()
    #expect(head.hasPrefix("HTTP/1.1 101 "))
    #expect(head.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"))
    let (opcode, quote) = try Self.nextFrame(client, quotes: true)
    #expect(opcode == 1)
    #expect(
      String(decoding: quote, as: UTF8.self).wholeMatch(
        of: /\{"symbol":"[A-Z]+","price":[0-9]+\.[0-9]{2}\}/) != nil)
    client.send(Self.frame(0x8, [0x03, 0xE8]))
    #expect(try Self.nextFrame(client) == (0x8, [0x03, 0xE8]))
  }

  @Test func pingsAreAnsweredAndCloseIsEchoed() throws {
    let services = try Self.startServices()
    defer { services.stop() }
    let client = try Peer.connect(to: services.stocks)
    // The first frames come with the handshake and cut in two.
    let ping = Self.frame(0x9, Array("hello".utf8))
    client.send(Array(Self.handshake.utf8) + ping.prefix(3))
    _ = try client.readHead()
    client.send(Array(ping.dropFirst(3)) + Self.frame(0x1, [0x78]) + Self.frame(0xA, []))
    #expect(try Self.nextFrame(client) == (0xA, Array("hello".utf8)))
    client.send(Self.frame(0x8, [0x0F, 0xA0] + Array("bye".utf8)))
    #expect(try Self.nextFrame(client) == (0x8, [0x0F, 0xA0]))
    _ = client.readToEnd()
  }

  @Test(
    arguments: [
      ([0x81, 0x01, 0x78], [0x03, 0xEA]),  // not masked
      ([0xC1, 0x80, 0, 0, 0, 0], [0x03, 0xEA]),  // a reserved bit
      ([0x82, 0xFF, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0], [0x03, 0xF1]),  // above 64 KiB
    ] as [([UInt8], [UInt8])])
  func badFramesCloseTheConnection(bytes: [UInt8], code: [UInt8]) throws {
    let services = try Self.startServices()
    defer { services.stop() }
    let client = try Peer.connect(to: services.stocks)
    client.send(Array(Self.handshake.utf8))
    _ = try client.readHead()
    client.send(bytes)
    #expect(try Self.nextFrame(client) == (0x8, code))
  }
}
