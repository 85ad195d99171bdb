import Foundation
import SluiceReactor

/// The built `sluice`, run as a user would.
final class Command {
  let process = Process()
  private let errors = Pipe()
  private let outputFile: URL
  private var text = ""

  struct Failure: Error, CustomStringConvertible { let description: String }

  /// Beside the test bundle.
  static let executable: URL = {
    let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    return tests.deletingLastPathComponent().appendingPathComponent("sluice")
  }()

  convenience init(_ arguments: String..., input: String? = nil) throws {
    try self.init(arguments, input: input)
  }

  /// `environment` is added to this process's.
  init(
    _ arguments: [String], input: String? = nil, environment: [String: String] = [:]
  ) throws {
    outputFile = TemporaryFile.url("out")
    _ = FileManager.default.createFile(atPath: outputFile.path, contents: nil)
    process.executableURL = Self.executable
    process.arguments = arguments
    if !environment.isEmpty {
      process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    }
    process.standardOutput = try FileHandle(forWritingTo: outputFile)
    process.standardError = errors
    if let input {
      let pipe = Pipe()
      process.standardInput = pipe
      try pipe.fileHandleForWriting.write(contentsOf: Data(input.utf8))
      try pipe.fileHandleForWriting.close()
    }
    try process.run()
    // Only the child holds the other end now, so that its exit ends our reading.
    try errors.fileHandleForWriting.close()
  }

  deinit {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    try? FileManager.default.removeItem(at: outputFile)
  }

  /// Everything on standard error, until the command has ended.
  func finish() -> (status: Int32, errors: String) {
    while readMore() {}
    process.waitUntilExit()
    return (process.terminationStatus, text)
  }

  var output: String { (try? String(contentsOf: outputFile, encoding: .utf8)) ?? "" }

  func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

  /// Waits for the next line on standard error that contains `part`, and returns it.
  @discardableResult
  func line(containing part: String) throws -> String {
    while true {
      while let end = text.firstIndex(of: "\n") {
        let line = String(text[..<end])
        text.removeSubrange(...end)
        if line.contains(part) { return line }
      }
      if !readMore() { throw Failure(description: "no line with '\(part)'; the rest: \(text)") }
    }
  }

  /// The address that a listener says it listens on.
  func address(ofListener name: String) throws -> SocketAddress {
    while true {
      let line = try self.line(containing: " listening ")
      guard line.contains("listener=\(name)") else { continue }
      let field = line.split(separator: " ").first { $0.hasPrefix("address=") }
      if let field, let address = SocketAddress(String(field.dropFirst(8))) { return address }
    }
  }

  private func readMore() -> Bool {
    let descriptor = errors.fileHandleForReading.fileDescriptor
    var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard poll(&wait, 1, 30_000) > 0 else { return false }
    var chunk = [UInt8](repeating: 0, count: 4_096)
    let count = read(descriptor, &chunk, chunk.count)
    if count <= 0 { return false }
    text += String(decoding: chunk[..<count], as: UTF8.self)
    return true
  }
}

/// A file that goes when its owner goes.
final class TemporaryFile {
  let path: String

  init(_ text: String, _ name: String = "yaml") throws {
    path = Self.url(name).path
    try write(text)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func write(_ text: String) throws {
    try text.write(toFile: path, atomically: true, encoding: .utf8)
  }

  static func url(_ name: String) -> URL {
    FileManager.default.temporaryDirectory.appendingPathComponent(
      "sluice-test-\(UUID().uuidString).\(name)")
  }
}
