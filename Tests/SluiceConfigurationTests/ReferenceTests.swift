import Foundation
import Testing

@testable import SluiceConfiguration

@Suite struct ReferenceTests {
  @Test func examplesAreFreeOfDiagnostics() throws {
    for example in ["examples/quickstart/sluice.yaml", "examples/services/sluice.yaml"] {
      let result = read(try text(of: example))
      #expect(result.diagnostics.map(\.description) == [], "\(example)")
      #expect(result.configuration != nil)
    }
  }

  /// Run with SLUICE_WRITE_DOCS=1 to write the page.
  @Test func referencePageIsUpToDate() throws {
    let page = repository.appending(path: "docs/reference/configuration.md")
    if ProcessInfo.processInfo.environment["SLUICE_WRITE_DOCS"] != nil {
      try ConfigurationSchema.referenceMarkdown().write(to: page, atomically: true, encoding: .utf8)
    }
    #expect(
      try text(of: "docs/reference/configuration.md") == ConfigurationSchema.referenceMarkdown())
  }
}
