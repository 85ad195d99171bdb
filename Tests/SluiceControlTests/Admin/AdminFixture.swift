import Foundation
import Logging
import SluiceConfiguration
import SluiceGateway
import SluiceReactor
import SluiceWire
import Testing

@testable import SluiceControl

typealias AdminSettings = Configuration.Admin

/// A gateway in this process in front of the sample services, with its admin API.
final class AdminFixture {
  let process: GatewayProcess
  let web: SocketAddress
  let admin: SocketAddress
  let text: String
  private let samples: SampleServices

  /// `rest`: further lines of the configuration. `routes`: further lines of its routes. `adminRest`:
  /// further members of `admin`. `file`: what reading it again gives.
  init(
    rest: String = "", routes: String = "", adminRest: String = "", token: String? = nil,
    workers: Int = 2,
    reread: (@Sendable (String) throws(SystemError) -> ReadResult)? = nil
  ) throws {
    let any = SocketAddress("127.0.0.1:0")!
    samples = try SampleServices(time: any, stocks: any)
    let admin = token.map { "{address: \"127.0.0.1:0\", token: \($0)}" }
    let text = Self.text(
      time: samples.time.port, stocks: samples.stocks.port, workers: workers,
      admin: admin ?? "{address: \"127.0.0.1:0\"\(adminRest)}", routes: routes, rest: rest)
    self.text = text
    let result = ConfigurationFile.read(text: text, file: "test.yaml")
    try #require(result.configuration != nil, "\(result.diagnostics)")
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    if let reread {
      process = try GatewayProcess(
        result, logger: logger, reread: { () throws(SystemError) in try reread(text) })
    } else {
      process = try GatewayProcess(result, logger: logger)
    }
    web = try #require(process.gateway.address(ofListener: "web"))
    self.admin = try #require(process.gateway.address(ofListener: "admin"))
  }

  deinit {
    process.gateway.shutDown()
    samples.stop()
  }

  private static func text(
    time: UInt16, stocks: UInt16, workers: Int, admin: String, routes: String, rest: String
  ) -> String {
    """
    version: 1
    workers: \(workers)
    listeners: {web: {address: "127.0.0.1:0"}}
    services:
      time: {targets: ["http://127.0.0.1:\(time)"]}
      stocks: {targets: ["http://127.0.0.1:\(stocks)"]}
    routes:
      time: {match: {path: /time}, service: time}
      stocks: {kind: websocket, match: {path: /stocks}, service: stocks}
      more: {kind: websocket, match: {path: /more}, service: stocks, path: {replacePrefix: /stocks}}
    \(routes)
    accessLog: {format: off}
    admin: \(admin)
    \(rest.isEmpty ? "shutdown: {timeout: 10s}" : rest)
    """
  }

  func client(token: String? = nil) -> AdminClient {
    AdminClient(address: url, token: token)
  }

  var url: String { "http://\(admin)" }

  /// Status and media type, whatever they are.
  func ask(_ method: String, _ target: String) throws -> (status: Int, type: String) {
    let answer = try Peer.get(target, from: admin, method: method)
    let lines = answer.split(separator: "\r\n")
    let status = Int(lines.first?.split(separator: " ").dropFirst().first ?? "") ?? 0
    let type = lines.first { $0.hasPrefix("Content-Type: ") }?.dropFirst("Content-Type: ".count)
    return (status, String(type ?? ""))
  }

  /// A session on a route, its handshake done.
  func open(_ path: String = "/stocks") throws -> SessionClient {
    try SessionClient(to: web, path: path)
  }

  /// Waits until so many sessions are there, and returns them.
  @discardableResult
  func sessions(_ count: Int, _ filter: [(String, String)] = []) throws -> [SessionContent] {
    try waitUntil("\(count) sessions") {
      try client().sessionCount(matching: filter) == count
    }
    return try client().sessions(matching: filter, sort: nil, limit: 1_000)
  }

  func waitUntil(_ what: String, _ condition: () throws -> Bool) throws {
    for _ in 0..<10_000 {
      if try condition() { return }
      usleep(1_000)
    }
    throw Peer.Failure(description: "waited in vain for \(what)")
  }
}

/// The caller's end of a session.
final class SessionClient {
  let peer: Peer

  init(to address: SocketAddress, path: String) throws {
    peer = try Peer.connect(to: address)
    peer.send(
      "GET \(path) HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
    let head = try peer.readHead()
    guard head.hasPrefix("HTTP/1.1 101 ") else { throw Peer.Failure(description: head) }
  }

  /// The next frame that `isWanted` lets through; unmasked, as servers send them.
  func frame(_ isWanted: (UInt8, [UInt8]) -> Bool) throws -> (opcode: UInt8, payload: [UInt8]) {
    while true {
      let head = try peer.readBytes(2)
      var count = Int(head[1])
      if count == 126 {
        let long = try peer.readBytes(2)
        count = Int(long[0]) << 8 | Int(long[1])
      }
      let payload = try peer.readBytes(count)
      if isWanted(head[0] & 15, payload) { return (head[0] & 15, payload) }
    }
  }

  /// The close frame, whatever comes before it; then the end.
  func close() throws -> (code: Int, reason: String) {
    let payload = try frame { opcode, _ in opcode == 8 }.payload
    // RFC 6455 7.1.5: a close frame without a code.
    if payload.isEmpty { return (1_005, "") }
    return (
      Int(payload[0]) << 8 | Int(payload[1]), String(decoding: payload.dropFirst(2), as: UTF8.self)
    )
  }

  /// An empty close frame, masked.
  func sendClose() { peer.send([0x88, 0x80, 0, 0, 0, 0]) }
}

/// Reads `/events`.
final class EventReader {
  private let peer: Peer
  private var text = ""

  init(_ fixture: AdminFixture, path: String = "/events", query: String = "") throws {
    peer = try Peer.connect(to: fixture.admin)
    peer.send("GET \(path)\(query) HTTP/1.1\r\nHost: localhost\r\n\r\n")
    let head = try peer.readHead()
    guard head.contains("Content-Type: text/event-stream\r\n") else {
      throw Peer.Failure(description: head)
    }
  }

  /// The next event, comments aside.
  func next() throws -> (name: String, data: [String: Any]) {
    while true {
      while let end = text.firstRange(of: "\n\n") {
        let lines = text[..<end.lowerBound].split(separator: "\n")
        text.removeSubrange(..<end.upperBound)
        func value(_ key: String) -> String? {
          lines.first { $0.hasPrefix("\(key): ") }.map { String($0.dropFirst(key.count + 2)) }
        }
        guard let name = value("event"), let data = value("data") else { continue }
        let json = try JSONSerialization.jsonObject(with: Data(data.utf8))
        return (name, try #require(json as? [String: Any]))
      }
      try readChunk()
    }
  }

  /// Of a stream that has nothing more to say: the chunk that ends it has none.
  func lastChunkSize() throws -> Int {
    try peer.read { $0.range(of: Array("\r\n".utf8)) != nil }
    return Int(peer.take(1), radix: 16) ?? -1
  }

  private func readChunk() throws {
    let end = Array("\r\n".utf8)
    try peer.read { $0.range(of: end) != nil }
    let line = peer.take(peer.received.range(of: end)!.upperBound)
    let size = try #require(Int(line.dropLast(1), radix: 16))
    text += String(decoding: try peer.readBytes(size), as: UTF8.self)
    _ = try peer.readBytes(2)
  }
}
