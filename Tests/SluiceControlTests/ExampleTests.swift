import Foundation
import Testing

/// The examples that check themselves, run as a user would.
@Suite struct ExampleTests {
  @Test func tlsExampleDoesWhatItSays() throws {
    #expect(try output(of: "examples/tls/check.sh").contains("ok    wss"))
  }

  @Test func liveTrustExampleDoesWhatItSays() throws {
    let text = try output(of: "examples/live-trust/check.py")
    #expect(text.contains("ok    a session ends with its token"), "\(text)")
    #expect(text.contains("ok    requests and messages spend one budget"), "\(text)")
  }

  /// Runs a script that gets the command's path and has to succeed.
  private func output(of script: String) throws -> String {
    let built = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent().appendingPathComponent("sluice")
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: Repository.path(script))
    process.arguments = [built.path]
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let text = String(
      decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(text)")
    return text
  }
}
