import SluiceWire
import Testing

@testable import SluiceGateway

@Suite struct HMACSignatureTests {
  private func signature(_ text: String) -> HMACSignature? {
    HMACSignature(Array(text.utf8).span)
  }

  @Test func parametersAreRead() throws {
    let found = try #require(
      signature(
        #"username="alice", algorithm="hmac-sha256",headers="Date request-line", signature="AAEC""#)
    )
    #expect(found.username == Array("alice".utf8))
    #expect(found.algorithm == Array("hmac-sha256".utf8))
    #expect(found.headers == [Array("date".utf8), Array("request-line".utf8)])
    #expect(found.signature == [0, 1, 2])
  }

  @Test(arguments: [
    "", "username", #"username="alice""#,
    #"username="a", algorithm="b", headers="date", signature="???""#,
    #"username="a", username="b", algorithm="b", headers="date", signature="AAEC""#,
    #"username="a", algorithm="b", headers="date date", signature="AAEC""#,
    #"username="a", algorithm="b", headers="date", signature="AAEC"#,
    #"username=a, algorithm="b", headers="date", signature="AAEC""#,
  ])
  func whatIsMalformedIsRefused(text: String) {
    #expect(signature(text) == nil)
  }

  @Test(arguments: [
    ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
    ("Thu, 29 Feb 2024 23:59:59 GMT", 1_709_251_199),
    ("Tue, 01 Mar 2022 00:00:00 GMT", 1_646_092_800),
    ("Fri, 31 Dec 2100 12:00:00 GMT", 4_133_937_600),
  ])
  func datesAreRead(text: String, time: Int64) {
    let found = HTTPDateText.unixTime(Array(text.utf8).span)
    #expect(found == time)
  }

  @Test(arguments: [
    "", "now", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
    "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 00 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nox 1994 08:49:37 GMT",
  ])
  func otherDatesAreNone(text: String) {
    let found = HTTPDateText.unixTime(Array(text.utf8).span)
    #expect(found == nil)
  }
}
