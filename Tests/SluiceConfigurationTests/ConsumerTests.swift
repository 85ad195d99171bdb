import Testing

@testable import SluiceConfiguration

@Suite struct ConsumerTests {
  @Test func consumersHaveGroupsAndCredentials() throws {
    let text = file(
      rest: """
        consumers:
          alice:
            groups: [partners]
            credentials:
              - key-auth: "${env:KEY}"
              - key-auth: {key: second, id: laptop}
        """)
    let configuration = try #require(read(text, environment: ["KEY": "first"]).configuration)
    let alice = try #require(configuration.consumers["alice"])
    #expect(alice.groups == ["partners"])
    #expect(alice.credentials.compactMap { $0.keyAuth?.key.reveal() } == ["first", "second"])
    #expect(alice.credentials.map { $0.keyAuth?.id } == [nil, "laptop"])
  }

  @Test func aKeyIsOneConsumersOnly() {
    let text = file(
      rest: """
        consumers:
          alice: {credentials: [{key-auth: hunter2}]}
          bob: {credentials: [{key-auth: {key: hunter2}}]}
        """)
    #expect(
      diagnostics(text) == [
        "7:34: error: consumers.bob.credentials[0].key-auth has the key that consumer alice has on line 6"
      ])
  }

  @Test func aCredentialIsOfOneKind() {
    #expect(
      diagnostics(file(rest: "consumers: {alice: {credentials: [{}]}}")).contains {
        $0.contains("consumers.alice.credentials[0] must hold exactly one credential")
      })
  }

  @Test func routesNameConsumersThatAreThere() {
    let text = file(
      route: "consumers: {alise: {acl: {allow: [a]}}}", rest: "consumers: {alice: {groups: [a]}}")
    #expect(
      diagnostics(text) == [
        """
        4:40: error: routes.a.consumers: no consumer is named 'alise'
          hint: did you mean 'alice'?
        """
      ])
  }

  /// Not even where it stands in the file literally, or in the wrong place.
  @Test(arguments: [
    "[{key-auth: s3cr3t-value, key-auth: other}]", "[s3cr3t-value]", "s3cr3t-value",
    "{key-auth: s3cr3t-value}", "[{key-auth: [s3cr3t-value]}]", "[{s3cr3t-value: a}]",
    "[{key-auth: {key: {s3cr3t-value: a}}}]", "[{key-auth: {kye: s3cr3t-value}}]",
    "[{key-auth: {key: a, id: s3cr3t-value/}}]", "[{key-auth: {key: a, s3cr3t-value: b}}]",
  ])
  func secretsAreNotShown(credentials: String) {
    let text = file(rest: "consumers: {alice: {credentials: \(credentials)}}")
    let result = read(text)
    #expect(result.configuration == nil)
    #expect(!result.diagnostics.isEmpty)
    for diagnostic in result.diagnostics {
      #expect(!diagnostic.description.contains("s3cr3t"))
    }
  }

  @Test func secretsDoNotPrint() throws {
    let text = file(rest: "consumers: {alice: {credentials: [{key-auth: s3cr3t-value}]}}")
    let configuration = try #require(read(text).configuration)
    var dumped = ""
    dump(configuration.consumers, to: &dumped)
    for text in [
      "\(configuration.consumers)", String(reflecting: configuration.consumers), dumped,
      try JSONValue(encoding: configuration).text(),
    ] {
      #expect(!text.contains("s3cr3t"))
    }
  }
}
