import Foundation
import Testing

/// The example of a file of nginx, run and converted as a user would.
@Suite struct NginxExampleTests {
  private static let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../examples/nginx/websocket-nginx.conf").standardized.path

  @Test func itRuns() throws {
    let command = try Command(
      "run", Self.file, "--resolve", "websocket-service.internal:9000=127.0.0.1:9",
      "--listen", "127.0.0.1:0")
    let address = try command.address(ofListener: "http-80")
    let peer = try Peer.connect(to: address)
    peer.send("GET /elsewhere HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n")
    #expect(peer.readToEnd().hasPrefix("HTTP/1.1 404 "))
    command.send(SIGTERM)
    #expect(command.finish().status == 0)
  }

  @Test func itConverts() throws {
    let command = try Command("convert", Self.file)
    let (status, errors) = command.finish()
    #expect(status == 0)
    // Warnings have the lines of the file.
    #expect(errors.contains("websocket-nginx.conf:17:"), "\(errors)")
    let yaml = command.output
    #expect(yaml.contains("idleTimeout: 24h") && yaml.contains("connectTimeout: 7s"), "\(yaml)")
    let written = try TemporaryFile(yaml)
    let check = try Command("check", written.path)
    #expect(check.finish().status == 0)
  }
}
