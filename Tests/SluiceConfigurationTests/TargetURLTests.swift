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
      ("https://a", "a", 443, "", "a"),
      ("https://a:443/b", "a", 443, "/b", "a"),
      ("https://a:80", "a", 80, "", "a:80"),
      ("HTTPS://[::1]:81", "::1", 81, "", "[::1]:81"),
      ("http://a:443", "a", 443, "", "a:443"),
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
    #expect(url.isEncrypted == text.lowercased().hasPrefix("https"))
    #expect(url.displayName == (url.isEncrypted ? "https://" : "http://") + authority)
  }

  @Test func unixSockets() throws {
    let url = try #require(TargetURL("http+unix:///run/a.sock"))
    #expect(url.host == .unix(path: "/run/a.sock"))
    #expect(url.authority == "localhost")
    #expect(TargetURL("http+unix://run/a.sock") == nil)
  }

  @Test(arguments: [
    "", "a:80", "ftp://a", "https://", "http://", "http://:80", "http://a:x", "http://a:99999",
    "http://[::1", "http://[::1]x", "http://a//b",
  ])
  func whatIsNoTargetIsRefused(text: String) {
    #expect(TargetURL(text) == nil)
  }
}
