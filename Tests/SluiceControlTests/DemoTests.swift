import Foundation
import SluiceControl
import SluiceReactor
import Testing

/// What `sluice demo` shows, with free ports in the place of its own: the same configuration and the
/// same sample services, and the commands that a user would type.
@Suite struct DemoTests {
  /// The quickstart's text with other addresses; every one of them has to be there.
  private static func text(_ services: SampleServices) throws -> String {
    var text = Quickstart.text
    for (former, new) in [
      ("\"127.0.0.1:8080\"", "\"127.0.0.1:0\""), ("\"127.0.0.1:9901\"", "\"127.0.0.1:0\""),
      ("time-service.internal:8081", "time-service.internal:\(services.time.port)"),
      ("stocks-service.internal:8082", "stocks-service.internal:\(services.stocks.port)"),
    ] {
      try #require(text.contains(former))
      text = text.replacing(former, with: new)
    }
    return text
  }

  /// The next frame from a server, which masks nothing; the sample's are all short.
  private static func frame(_ peer: Peer) throws -> (opcode: UInt8, payload: [UInt8]) {
    let head = try peer.readBytes(2)
    #expect(head[1] < 126)
    return (head[0] & 0x0F, try peer.readBytes(Int(head[1])))
  }

  @Test func aSessionIsListedAndClosed() throws {
    let services = try SampleServices(
      time: SocketAddress("127.0.0.1:0")!, stocks: SocketAddress("127.0.0.1:0")!)
    defer { services.stop() }
    let file = try TemporaryFile(try Self.text(services))
    let gateway = try Command("run", file.path)
    // In the order of the log's lines.
    let web = try gateway.address(ofListener: "web")
    let admin = "http://\(try gateway.address(ofListener: "admin"))"
    try gateway.line(containing: " started ")

    let caller = try Peer.connect(to: web)
    caller.send(
      """
      GET /stocks HTTP/1.1\r
      Host: \(web)\r
      User-Agent: demo-test\r
      Connection: Upgrade\r
      Upgrade: websocket\r
      Sec-WebSocket-Version: 13\r
      Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
      \r

      """)
    #expect(try caller.readHead().hasPrefix("HTTP/1.1 101 "))
    let (opcode, payload) = try Self.frame(caller)
    #expect(opcode == 1)
    let quote =
      try JSONSerialization.jsonObject(with: Data(payload)) as? [String: Any]
    #expect(quote?["symbol"] is String)
    #expect(quote?["price"] is Double)

    let list = try Command("connections", "list", "--json", "--admin", admin)
    #expect(list.finish().status == 0)
    let sessions = try #require(
      try JSONSerialization.jsonObject(with: Data(list.output.utf8)) as? [[String: Any]])
    #expect(sessions.count == 1)
    #expect(sessions.first?["route"] as? String == "stocks")
    #expect(sessions.first?["service"] as? String == "stocks-service")
    #expect(sessions.first?["userAgent"] as? String == "demo-test")
    #expect(sessions.first?["address"] as? String == "127.0.0.1")
    let id = try #require(sessions.first?["id"] as? String)
    let table = try Command("connections", "list", "--admin", admin)
    #expect(table.finish().status == 0)
    #expect(table.output.contains(id))

    let close = try Command("connections", "close", id, "--reason", "enough", "--admin", admin)
    #expect(close.finish().status == 0)
    var last = try Self.frame(caller)
    while last.opcode == 1 { last = try Self.frame(caller) }
    #expect(last.opcode == 8)
    #expect(last.payload == [0x03, 0xE9] + Array("enough".utf8))
    // 1001, masked with zeros.
    caller.send([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE9])
    #expect(caller.readToEnd() == "")

    gateway.send(SIGTERM)
    #expect(gateway.finish().status == 0)
    let closed = gateway.output.split(separator: "\n").filter { $0.contains("session-closed") }
    #expect(closed.count == 1)
    #expect(closed.first?.contains("\"cause\":\"admin\"") == true)
    #expect(closed.first?.contains("\"session\":\"\(id)\"") == true)
  }
}
