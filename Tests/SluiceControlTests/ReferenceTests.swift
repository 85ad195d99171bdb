import Foundation
import Testing

@testable import SluiceControl

/// docs/reference says what the code says. After a change: `make docs`.
@Suite struct ReferenceTests {
  @Test(arguments: ReferencePage.all)
  func pageIsWhatTheCodeSays(page: ReferencePage) throws {
    let path = Repository.path("docs/reference/\(page.path)")
    #expect(try TextFile.read(path) == page.text(), "run make docs")
  }

  @Test func commandLineIsWhatTheCommandSays() throws {
    let command = try Command("reference", "command-line.md")
    #expect(command.finish() == (0, ""))
    let path = Repository.path("docs/reference/command-line.md")
    #expect(try TextFile.read(path) == command.output, "run make docs")
  }

  @Test func theCommandKnowsEveryPage() throws {
    let command = try Command("reference")
    #expect(command.finish().status == 0)
    let directory = Repository.path("docs/reference")
    let files = try FileManager.default.subpathsOfDirectory(atPath: directory)
      .filter { $0.contains(".") }
    #expect(command.output.split(separator: "\n").map(String.init).sorted() == files.sorted())
  }

  /// The keys are written as literals, so the source is what they are compared with.
  @Test func accessLogPageHasEveryKey() throws {
    let exchanges = try keys(in: "Sources/SluiceGateway/Runtime/AccessLogLine.swift")
    #expect(exchanges == Set(AccessLogPage.keys.map(\.key)))
    let sessions = try keys(in: "Sources/SluiceGateway/Sessions/SessionLogLine.swift")
    #expect(sessions.union(["time"]) == Set(AccessLogPage.sessionKeys.map(\.key)))
  }

  /// A line that is shown has what its table says is always there.
  @Test func accessLogSamplesHaveTheirKeys() throws {
    let page = AccessLogPage.text()
    let samples = page.matches(of: /```json\n(.+)\n/).map { String($0.output.1) }
    let tables = [AccessLogPage.keys, AccessLogPage.sessionKeys, AccessLogPage.passthroughKeys]
    #expect(samples.count == tables.count)
    for (sample, table) in zip(samples, tables) {
      let object = try JSONSerialization.jsonObject(with: Data(sample.utf8))
      let shown = Set(try #require(object as? [String: Any]).keys)
      #expect(shown.isSubset(of: table.map(\.key)))
      #expect(shown.isSuperset(of: table.filter { !$0.isOptional }.map(\.key)))
    }
  }

  @Test func everyLabelIsOnThePageOfMetrics() {
    let used = Set(MetricFamily.sections.flatMap { $0.1 }.flatMap(\.labels))
    #expect(used == Set(MetricsReference.labels.map(\.name)))
  }

  private func keys(in path: String) throws -> Set<String> {
    let source = try TextFile.read(Repository.path(path))
    return Set(source.matches(of: /\\"([A-Za-z]+)\\":/).map { String($0.output.1) })
  }
}
