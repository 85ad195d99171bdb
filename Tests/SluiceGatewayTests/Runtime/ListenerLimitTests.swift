import SluiceReactor
import SluiceWire
import Testing

@testable import SluiceGateway

@Suite struct ListenerLimitTests {
  @Test func callersAreCountedByWhatOneSubscriberHas() throws {
    func caller(_ text: String) throws -> String? {
      HTTPListener.caller(try #require(SocketAddress(text)))?.description
    }
    #expect(try caller("1.2.3.4:5") == "1.2.3.4")
    #expect(try caller("[::ffff:1.2.3.4]:5") == "1.2.3.4")
    #expect(try caller("[2001:db8:1:2:3:4:5:6]:7") == "2001:db8:1:2::")
    #expect(try caller("[2001:db8:1:2::9]:7") == "2001:db8:1:2::")
    #expect(try caller("[::1]:7") == "::1")
    #expect(try caller("unix:/a") == nil)
  }
}
