import Foundation
import SluiceConfiguration
import SluiceControl
import SluiceGateway
import SluiceImport
import Testing

extension Scenarios {
  /// The same file before the real nginx and before this gateway: the same requests, and what the target
  /// sees and the caller gets is the same, but for what `NginxExchange` leaves out.
  @Suite struct NginxDifferenceTests {
    @Test(arguments: NginxCases.all)
    func isTheSame(_ testCase: NginxCase) throws {
      let pair = try NginxPair(testCase)
      let before = try pair.run(testCase, on: pair.nginx.port)
      let after = try pair.run(testCase, on: pair.gateway.port)
      for (index, request) in pair.sent(testCase).enumerated() {
        #expect(
          after[index] == before[index],
          "\(request.method) \(request.target)\nnginx:\n\(before[index])\nsluice:\n\(after[index])")
      }
    }

    /// What is converted, written and read again is the same configuration.
    @Test(arguments: NginxCases.all)
    func isReadAgainAsItWas(_ testCase: NginxCase) throws {
      let text = testCase.text(port: 8_080, target: "127.0.0.1:9000", dead: "127.0.0.1:9")
      let conversion = try #require(Conversion.convert(text, file: "nginx.conf", format: .nginx))
      let yaml = conversion.yaml().text
      let first = ConfigurationFile.read(text: text, file: "nginx.conf")
      let second = ConfigurationFile.read(text: yaml, file: "sluice.yaml")
      #expect(ConfigurationFormat.detect(text: yaml, file: "x") == .sluice)
      #expect(first.configuration != nil)
      #expect(first.configuration == second.configuration)
    }
  }
}

extension NginxCase {
  func text(port: UInt16, target: String, dead: String) -> String {
    "events {}\nhttp {\n\(httpText(port: port, target: target, dead: dead))\n}\n"
  }

  func httpText(port: UInt16, target: String, dead: String) -> String {
    http.replacingOccurrences(of: "PORT", with: "\(port)")
      .replacingOccurrences(of: "TARGET", with: target)
      .replacingOccurrences(of: "DEAD", with: dead)
  }
}

/// Both servers before one upstream.
final class NginxPair {
  let upstream: ScriptedUpstream
  let nginx: NginxProcess
  let gateway: Fixture

  convenience init(_ testCase: NginxCase) throws {
    try self.init(
      testCase.http, before: try ScriptedUpstream.answering { NginxPair.answer(to: $0) })
  }

  /// - Parameters:
  ///   - http: with the words of `NginxCase.http`, and those of `values`.
  ///   - edit: what only this gateway is told.
  init(
    _ http: String, before upstream: ScriptedUpstream, values: [String: String] = [:],
    _ edit: (inout Configuration) -> Void = { _ in }
  ) throws {
    self.upstream = upstream
    var http = http
    for (name, value) in values { http = http.replacingOccurrences(of: name, with: value) }
    let testCase = NginxCase("", http: http, [])
    let port = try unusedPort()
    let target = "127.0.0.1:\(upstream.port)"
    let dead = "127.0.0.1:\(try unusedPort())"
    nginx = try NginxProcess(
      http: testCase.httpText(port: port, target: target, dead: dead), port: port)
    let text = testCase.text(port: port, target: target, dead: dead)
    let file = FileManager.default.temporaryDirectory
      .appendingPathComponent("sluice-\(UUID().uuidString).conf")
    try text.write(to: file, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(at: file) }
    let result = try ConfigurationFile(file.path).read()
    guard var configuration = result.configuration else {
      throw NginxProcess.Failure(
        description: result.diagnostics.map(\.description).joined(separator: "\n"))
    }
    configuration.workers = .count(1)
    configuration.accessLog.format = .off
    configuration.shutdown.timeout = .milliseconds(50)
    let (name, listener) = try #require(configuration.listeners.first)
    configuration.listeners = ["web": listener]
    configuration.listeners["web"]?.address = "127.0.0.1:0"
    // Only one listener: no route names it.
    #expect(configuration.routes.values.allSatisfy { $0.match.listeners.isEmpty }, "\(name)")
    edit(&configuration)
    gateway = try Fixture(configuration)
  }

  /// Both, the real one first.
  var ports: [UInt16] { [nginx.port, gateway.port] }

  /// What the upstream says: `/status-NNN` anywhere in the target is its status, and every `X-Reply` of the
  /// request is a field of the response.
  static func answer(to request: Message) -> String {
    var status = "200"
    if let range = request.target.range(of: "status-") {
      status = String(request.target[range.upperBound...].prefix(3))
    }
    let body =
      ["204", "304"].contains(status) || request.method == "HEAD" ? "" : "up \(request.target)"
    let fields = request.values("X-Reply").map { "\($0)\r\n" }.joined()
    let length = ["204", "304"].contains(status) ? "" : "Content-Length: \(body.utf8.count)\r\n"
    return
      "HTTP/1.1 \(status) Said\r\nContent-Type: text/plain\r\nServer: up\r\nX-Up: 1\r\n\(length)\(fields)\r\n\(body)"
  }

  func sent(_ testCase: NginxCase) -> [NginxRequest] {
    testCase.requests.flatMap { Array(repeating: $0, count: $0.count) }
  }

  func run(_ testCase: NginxCase, on port: UInt16) throws -> [NginxExchange] {
    try sent(testCase).map { request in
      let seen = upstream.requests.count
      let client = try TestClient(port: port)
      let text = request.text(port: nginx.port)
        .replacingOccurrences(of: "TARGET", with: "127.0.0.1:\(upstream.port)")
      let response = try client.exchange(text)
      return NginxExchange(
        requests: Array(upstream.requests.dropFirst(seen)), response: response,
        ignoring: testCase.ignoring)
    }
  }
}

/// What happened to one request, without what is known to differ.
///
/// Left out: connections and framing (nginx 1.22 speaks HTTP/1.0 to targets and closes), `Server`, `Date`,
/// `Via`, and the bodies and types of pages that a server makes itself.
struct NginxExchange: Equatable, CustomStringConvertible {
  private var lines: [String] = []

  private static let unlike: Set<String> = [
    "connection", "keep-alive", "server", "date", "via", "transfer-encoding", "content-length",
    "retry-after", "accept-ranges",
  ]

  init(requests: [Message], response: Message, ignoring: Set<String>) {
    let unlike = Self.unlike.union(ignoring)
    for request in requests {
      lines.append("target got \(request.method) \(request.target) \(request.text)")
      lines += Self.fields(request, without: unlike).map { "  \($0)" }
    }
    lines.append("caller got \(response.status)")
    let isOwn =
      response.text.contains("<center>nginx")
      || response["Content-Type"] == "application/problem+json"
      || (response.status >= 300 && response.text == "\(response.status)\n")
      || (response.status >= 300 && response.body.isEmpty)
    lines += Self.fields(
      response,
      without: isOwn ? unlike.union(["content-type", "allow", "www-authenticate"]) : unlike
    ).map { "  \($0)" }
    if !isOwn { lines.append("  body \(response.text)") }
  }

  private static func fields(_ message: Message, without names: Set<String>) -> [String] {
    message.fields.filter { !names.contains($0.name.lowercased()) }
      .map { "\($0.name.lowercased()): \($0.value)" }.sorted()
  }

  var description: String { lines.joined(separator: "\n") }
}
