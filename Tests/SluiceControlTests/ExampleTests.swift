import Foundation
import Testing

/// The examples that check themselves, run as a user would.
@Suite struct ExampleTests {
  /// The script's name, and what it says of its last step.
  @Test(arguments: [
    ("examples/tls/check.sh", "ok    wss"),
    ("examples/rest/check.sh", "ok    others are not concerned"),
  ])
  func doesWhatItSays(script: String, last: String) throws {
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
    #expect(text.contains(last), "\(text)")
  }
}
