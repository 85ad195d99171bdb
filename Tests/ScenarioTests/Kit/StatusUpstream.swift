import Foundation
import SluiceConfiguration
import Testing

extension Fixture {
  /// Reads these lines of a file, which has a listener and the services `up` and `down`.
  static func file(_ lines: String, before upstream: ScriptedUpstream) throws -> Fixture {
    let dead = try unusedPort()
    let text = """
      version: 1
      listeners: {web: {address: "127.0.0.1:0"}}
      services:
        up: {targets: ["\(upstream.url)"], retries: {connect: 0, idempotent: 0}}
        down: {targets: ["http://127.0.0.1:\(dead)"], retries: {connect: 0, idempotent: 0}}
      accessLog: {format: "off"}
      workers: 1
      shutdown: {timeout: 50ms}
      \(lines)
      """
    let result = ConfigurationReader.read(contentsOf: text, file: "test.yaml")
    let fixture = try Fixture(try #require(result.configuration, "\(result.diagnostics)"))
    fixture.upstream = upstream
    return fixture
  }
}

extension ScriptedUpstream {
  /// Says the status that the path names, and what it was asked.
  static func saying() throws -> ScriptedUpstream {
    try answering { request in
      let status = request.target.range(of: "status-").map {
        String(request.target[$0.upperBound...].prefix(3))
      }
      let text = "\(request.method) \(request.target) \(request.text)"
      let body = status == "304" || status == "204" || request.method == "HEAD" ? "" : text
      return "HTTP/1.1 \(status ?? "200") Said\r\nX-Up: 1\r\n"
        + (status == "304" || status == "204" ? "" : "Content-Length: \(body.utf8.count)\r\n")
        + "\r\n\(body)"
    }
  }
}
