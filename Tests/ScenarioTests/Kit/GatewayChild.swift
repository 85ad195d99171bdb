import Foundation
import Glibc

/// `sluice run` as a process of its own, for what a whole process has: signals and limits.
final class GatewayChild {
  let port: UInt16
  private let process = Process()
  private let folder: URL
  private let file: URL

  /// Forwards everything to `target`. `descriptors`: how many the process may have.
  init(target: String, service: String = "", descriptors: Int? = nil) throws {
    port = try unusedPort()
    folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    file = folder.appendingPathComponent("sluice.yaml")
    try write(target: target, service: service)
    let limit = descriptors.map { "ulimit -n \($0); " } ?? ""
    let built = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent().appendingPathComponent("sluice").path
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", "\(limit)exec \"\(built)\" run \"\(file.path)\""]
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    try waitUntil("the gateway's start") { (try? RawSocket(port: port)) != nil }
  }

  deinit {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    try? FileManager.default.removeItem(at: folder)
  }

  func write(target: String, service: String = "") throws {
    try write(
      """
      version: 1
      workers: 1
      accessLog: {format: off}
      listeners: {web: {address: "127.0.0.1:\(port)"}}
      services: {service: {targets: ["\(target)"]\(service)}}
      routes: {all: {kind: http, service: service}}
      """)
  }

  func write(_ text: String) throws {
    try text.write(to: file, atomically: true, encoding: .utf8)
  }

  func signal(_ number: Int32) { kill(process.processIdentifier, number) }

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
