import Testing

@testable import SluiceConfiguration

/// Where the gateway sends something by itself.
@Suite struct CallURLTests {
  @Test(arguments: [
    ("http://a.test", "http://a.test", "/"), ("https://a.test:8443/", "https://a.test:8443", "/"),
    ("HTTP://a.test/b/c/", "HTTP://a.test", "/b/c/"),
    ("http://a.test?b=c", "http://a.test", "/?b=c"),
    ("http://[::1]:81/x?y=%20&z='", "http://[::1]:81", "/x?y=%20&z='"),
  ])
  func serverAndTargetAreTakenApart(text: String, server: String, target: String) throws {
    let url = try #require(CallURL(text))
    #expect(url.server == server && url.target == target)
  }

  @Test(arguments: [
    "", "a.test", "ftp://a.test", "http+unix:///run/a", "http://", "http:///x", "http://a b/",
    "http://me:secret@a.test/", "http://a.test/#x", "http://a.test/ x", "http://a.test/\u{e9}",
    "http://a.test/<", "http://a.test:0/", "http://a.test:x/", "http://a.test/\r\nX: y",
  ])
  func whatIsNoneIsRefused(text: String) { #expect(CallURL(text) == nil) }

  @Test func lengthIsBounded() {
    let path = String(repeating: "x", count: 8_191)
    #expect(CallURL("http://a.test/\(path)") != nil)
    #expect(CallURL("http://a.test/\(path)x") == nil)
  }
}
