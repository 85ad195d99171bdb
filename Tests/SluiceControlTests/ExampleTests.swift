import Foundation
import Testing

/// The examples that check themselves, run as a user would.
@Suite struct ExampleTests {
  @Test func tlsExampleDoesWhatItSays() throws {
    let built = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent().appendingPathComponent("sluice")
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: Repository.path("examples/tls/check.sh"))
    process.arguments = [built.path]
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let text = String(
      decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(text)")
    #expect(text.contains("ok    wss"), "\(text)")
  }
}
