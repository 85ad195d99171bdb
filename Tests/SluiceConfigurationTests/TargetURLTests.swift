import Testing

@testable import SluiceConfiguration

@Suite struct TargetURLTests {
  @Test(
    arguments: [
      ("http://a", "a", 80, "", "a"),
      ("http://a:8080/", "a", 8080, "", "a:8080"),
      ("http://a:8080/base/x/", "a", 8080, "/base/x", "a:8080"),
      ("http://127.0.0.1:1", "127.0.0.1", 1, "", "127.0.0.1:1"),
      ("http://API.internal:80/a", "api.internal", 80, "/a", "api.internal"),
      ("http://[::1]", "::1", 80, "", "[::1]"),
      ("http://[::1]:81/b", "::1", 81, "/b", "[::1]:81"),
    ] as [(String, String, UInt16, String, String)])
  func isTakenApart(
    text: String, name: String, port: UInt16, base: String, authority: String
  ) throws {
    let url = try #require(TargetURL(text))
    #expect(url.host == .network(name))
    #expect(url.port == port)
    #expect(url.basePath == base)
    #expect(url.authority == authority)
  }

  @Test func unixSockets() throws {
    let url = try #require(TargetURL("http+unix:///run/a.sock"))
    #expect(url.host == .unix(path: "/run/a.sock"))
    #expect(url.authority == "localhost")
    #expect(TargetURL("http+unix://run/a.sock") == nil)
  }

  @Test(arguments: [
    "", "a:80", "https://a", "http://", "http://:80", "http://a:x", "http://a:99999",
    "http://[::1", "http://[::1]x", "http://a//b",
  ])
  func whatIsNoTargetIsRefused(text: String) {
    #expect(TargetURL(text) == nil)
  }
}
