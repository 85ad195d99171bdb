import Foundation
import Glibc

/// `sluice run` as a process of its own, for what a whole process has: signals and limits.
final class GatewayChild {
  /// What a configuration may name of the child's surroundings.
  struct Places {
    let port: UInt16
    let adminPort: UInt16
    /// For the access log.
    let logPath: String
  }

  let places: Places
  private let process = Process()
  private let folder: URL
  private let file: URL

  var port: UInt16 { places.port }

  /// `descriptors`: how many the process may have.
  init(descriptors: Int? = nil, _ configuration: (Places) -> String) throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    file = folder.appendingPathComponent("sluice.yaml")
    places = Places(
      port: try unusedPort(), adminPort: try unusedPort(),
      logPath: folder.appendingPathComponent("access.log").path)
    try write(configuration(places))
    let limit = descriptors.map { "ulimit -n \($0); " } ?? ""
    let built = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent().appendingPathComponent("sluice").path
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", "\(limit)exec \"\(built)\" run \"\(file.path)\""]
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    try waitUntil("the gateway's start") {
      if !process.isRunning { throw ScenarioError.ended }
      return (try? RawSocket(port: port)) != nil
    }
  }

  /// Forwards everything to `target`.
  convenience init(target: String, service: String = "", descriptors: Int? = nil) throws {
    try self.init(descriptors: descriptors) {
      Self.forwarding(from: $0.port, to: target, service: service)
    }
  }

  deinit {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    try? FileManager.default.removeItem(at: folder)
  }

  func write(target: String, service: String = "") throws {
    try write(Self.forwarding(from: port, to: target, service: service))
  }

  private static func forwarding(
    from port: UInt16, to target: String, service: String
  ) -> String {
    """
    version: 1
    workers: 1
    accessLog: {format: off}
    listeners: {web: {address: "127.0.0.1:\(port)"}}
    services: {service: {targets: ["\(target)"]\(service)}}
    routes: {all: {kind: http, service: service}}
    """
  }

  func write(_ text: String) throws {
    try text.write(to: file, atomically: true, encoding: .utf8)
  }

  func signal(_ number: Int32) { kill(process.processIdentifier, number) }

  /// Memory that the process has now; 0 when it can't be told.
  var residentBytes: Int {
    let path = "/proc/\(process.processIdentifier)/status"
    guard let text = try? String(contentsOfFile: path, encoding: .utf8),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix("VmRSS:") })
    else { return 0 }
    return (Int(line.filter { $0.isNumber }) ?? 0) * 1_024
  }

  /// Its files may not grow beyond `bytes`, as on a disk that is full; nil for no limit.
  func limitFiles(to bytes: Int?) throws {
    let limit = bytes.map { "\($0):unlimited" } ?? "unlimited:unlimited"
    let command = Process()
    command.executableURL = URL(fileURLWithPath: "/usr/bin/prlimit")
    command.arguments = ["--pid", "\(process.processIdentifier)", "--fsize=\(limit)"]
    try command.run()
    command.waitUntilExit()
    if command.terminationStatus != 0 { throw ScenarioError.ended }
  }

  /// The exit code, once the process has ended.
  func exitCode() throws -> Int32 {
    try waitUntil("the gateway's end") { !process.isRunning }
    return process.terminationStatus
  }

  /// Clock ticks of CPU time used so far.
  func cpuTicks() throws -> Int {
    let text = try String(
      contentsOfFile: "/proc/\(process.processIdentifier)/stat", encoding: .utf8)
    let fields = text[text.lastIndex(of: ")")!...].split(separator: " ")
    return (Int(fields[12]) ?? 0) + (Int(fields[13]) ?? 0)
  }

  func client() throws -> TestClient { try TestClient(port: port) }
}

/// Through the admin API, where the configuration has one.
extension GatewayChild {
  /// It listens a moment later than the rest.
  func admin() throws -> TestClient {
    var client: TestClient?
    try waitUntil("the admin API") {
      client = try? TestClient(port: places.adminPort)
      return client != nil
    }
    guard let client else { throw ScenarioError.ended }
    return client
  }

  @discardableResult
  func ask(_ method: String, _ path: String, body: String = "") throws -> Message {
    let answer = try admin().exchange(
      "\(method) \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
    guard 200..<300 ~= answer.status else { throw AdminRefusal(text: answer.text) }
    return answer
  }

  struct AdminRefusal: Error { let text: String }

  /// In force when this returns.
  func reload(_ text: String) throws { try ask("POST", "/reload", body: text) }

  /// Every line of a metric that is not zero, by what stands between its braces.
  func metric(_ name: String) throws -> [String: Double] {
    var values: [String: Double] = [:]
    for line in try ask("GET", "/metrics").text.split(separator: "\n")
    where line.hasPrefix(name + "{") {
      guard let end = line.lastIndex(of: "}"),
        let value = Double(line[line.index(after: end)...].drop { $0 == " " }), value != 0
      else { continue }
      values[String(line[..<end].dropFirst(name.count + 1))] = value
    }
    return values
  }

  /// Lines of the access log so far.
  func logLines(containing part: String) -> [String] {
    let text = (try? String(contentsOfFile: places.logPath, encoding: .utf8)) ?? ""
    return text.split(separator: "\n").map(String.init).filter { $0.contains(part) }
  }
}
