import Testing

@testable import SluiceConfiguration

@Suite struct FirstMessageSettingsTests {
  private func keyAuth(_ settings: String) -> String {
    file(route: "kind: websocket, match: {path: /a}, policies: {key-auth: {\(settings)}}")
  }

  @Test func isNotAskedForUnlessGiven() throws {
    func policy(_ settings: String) throws -> Configuration.KeyAuth {
      let route = try #require(read(keyAuth(settings)).configuration?.routes["a"])
      return try #require(route.policies[Configuration.KeyAuth.self])
    }
    #expect(try policy("").firstMessage == nil)
    let message = try #require(try policy("firstMessage: {}").firstMessage)
    #expect(message.path == nil && message.timeout == .seconds(5))
    #expect(message.maxSize == .kibibytes(8))
  }

  @Test(arguments: [
    "firstMessage: {maxSize: 16B}", "firstMessage: {maxSize: 64KiB}",
    "firstMessage: {path: \"$.auth['the token']\", timeout: 1s}",
    // It may be the only place.
    "header: false, query: false, firstMessage: {}",
  ])
  func right(settings: String) {
    #expect(diagnostics(keyAuth(settings)) == [])
  }

  @Test(arguments: [
    "firstMessage: {maxSize: 15B}", "firstMessage: {maxSize: 65KiB}",
    "firstMessage: {path: token}", "firstMessage: {timeout: 0s}", "firstMessage: true",
    "header: false, query: false",
  ])
  func wrong(settings: String) {
    #expect(diagnostics(keyAuth(settings)) != [])
  }

  @Test func tokensMayBeThereAlone() {
    for policy in [
      "jwt: {header: \"\", firstMessage: {}, keys: [{algorithm: HS256, secret: 0123456789abcdef0123456789abcdef}]}",
      "oauth2-introspection: {header: \"\", firstMessage: {}, url: \"http://login.test/a\", clientID: a, clientSecret: b}",
    ] {
      let text = file(route: "kind: websocket, match: {path: /a}, policies: {\(policy)}")
      #expect(!diagnostics(text).contains { $0.contains("looks nowhere") })
      #expect(read(text).configuration != nil, "\(diagnostics(text))")
    }
  }
}
