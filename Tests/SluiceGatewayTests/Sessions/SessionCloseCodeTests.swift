import SluiceGateway
import Testing

@Suite struct SessionCloseCodeTests {
  @Test func everyCodeHasOneOfFewLabels() {
    var labels: [String: ClosedRange<UInt16>] = [:]
    for code in UInt16.min...UInt16.max {
      let index = SessionCloseCode.index(of: code)
      #expect((0..<SessionCloseCode.count).contains(index))
      let label = SessionCloseCode.label(index)
      labels[label] = (labels[label]?.lowerBound ?? code)...code
    }
    #expect(labels.count == SessionCloseCode.count)
    #expect(labels["1000"] == 1_000...1_000 && labels["1006"] == 1_006...1_006)
    #expect(labels["1014"] == 1_014...1_014)
    #expect(labels["3xxx"] == 3_000...3_999 && labels["4xxx"] == 4_000...4_999)
    #expect(labels["1004"] == nil && labels["1015"] == nil)
  }
}
