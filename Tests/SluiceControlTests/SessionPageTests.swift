import SluiceControl
import SluiceGateway
import Testing

@Suite struct SessionPageTests {
  @Test func theConceptsPageHasEveryCause() throws {
    let page = try TextFile.read(Repository.path("docs/concepts/session.md"))
    func code(_ code: UInt16) -> String { code == 0 ? "–" : "\(code)" }
    let rows = SessionCause.allCases.map { cause in
      "| `\(cause.label)` | \(code(cause.row.downstreamCode)) | \(code(cause.row.upstreamCode)) "
        + "| \(cause.row.summary) |"
    }
    #expect(page.contains(rows.joined(separator: "\n") + "\n\n"))
  }
}
