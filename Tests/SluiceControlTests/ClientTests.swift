import Foundation
import Testing

/// Programs that others wrote, through the built gateway: what they do is in Tests/Clients, in Python.
@Suite(.serialized) struct ClientTests {
  @Test(arguments: ["test_websockets", "test_socketio", "test_curl", "test_grpc", "test_http2"])
  func othersGetAlongWithTheGateway(module: String) throws {
    // What they need is there already after `make test`.
    try Self.run("/bin/sh", "-c", "exec \"$0\" >&2", Repository.path("scripts/install-clients.sh"))
    try Self.run(
      Repository.path(".clients/venv/bin/python"), "-m", "unittest", module)
  }

  /// Fails with everything that the program printed.
  private static func run(_ program: String, _ arguments: String...) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: Repository.path("Tests/Clients"))
    process.environment = ProcessInfo.processInfo.environment.merging([
      "SLUICE": Command.executable.path, "PYTHONDONTWRITEBYTECODE": "1",
    ]) { $1 }
    let output = TemporaryFile.url("txt")
    _ = FileManager.default.createFile(atPath: output.path, contents: nil)
    defer { try? FileManager.default.removeItem(at: output) }
    let handle = try FileHandle(forWritingTo: output)
    process.standardOutput = handle
    process.standardError = handle
    try process.run()
    process.waitUntilExit()
    let text = (try? String(contentsOf: output, encoding: .utf8)) ?? ""
    try #require(process.terminationStatus == 0, "\(program) failed:\n\(text)")
  }
}
