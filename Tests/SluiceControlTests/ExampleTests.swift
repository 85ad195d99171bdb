import Foundation
import Testing

/// The examples that check themselves, run as a user would.
@Suite struct ExampleTests {
  /// The script's name, and what it says, at last or of what matters most.
  @Test(arguments: [
    ("examples/tls/check.sh", ["ok    wss"]),
    ("examples/grpc/check.sh", ["ok    a page calls it by gRPC-Web"]),
    ("examples/rest/check.sh", ["ok    others are not concerned"]),
    ("examples/kong/check.sh", ["ok    the converted file is right"]),
    (
      "examples/live-trust/check.py",
      ["ok    a session ends with its token", "ok    requests and messages spend one budget"]
    ),
  ])
  func doesWhatItSays(script: String, lines: [String]) throws {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: Repository.path(script))
    process.arguments = [Command.executable.path]
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let text = String(
      decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(text)")
    for line in lines { #expect(text.contains(line), "\(text)") }
  }
}
