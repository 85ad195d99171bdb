import SluiceControl
import Testing

@Suite struct QuickstartTests {
  @Test func demoRunsTheFileInExamples() throws {
    #expect(try TextFile.read(Repository.path(Quickstart.path)) == Quickstart.text)
  }
}
