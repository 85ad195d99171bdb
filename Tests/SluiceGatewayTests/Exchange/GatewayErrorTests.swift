import SluiceWire
import Testing

@testable import SluiceGateway

@Suite struct GatewayErrorTests {
  /// The parser names a status too, for whoever uses it alone.
  @Test(arguments: HeadError.allCases) func aHeadsFaultHasOneStatus(fault: HeadError) {
    #expect(GatewayError(fault).status == fault.status)
  }
}
