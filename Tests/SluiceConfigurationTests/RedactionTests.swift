import Foundation
import Testing

@testable import SluiceConfiguration

/// What whoever may read the configuration sees of it.
@Suite struct RedactionTests {
  private static let secret = "S3CR3Tvalue"

  private func shown(_ text: String) throws -> String {
    let result = read(text, environment: ["S": Self.secret, "N": "7"])
    let configuration = try #require(result.configuration, "\(result.diagnostics)")
    return configuration.shownJSON(referencedPaths: result.referencedPaths)
  }

  /// A reference at every kind of place.
  @Test func whatCameFromReferencesIsHidden() throws {
    let json = try shown(
      """
      version: 1
      listeners: {web: {address: "127.0.0.1:8080", forwarded: {via: "${env:S}"}}}
      services:
        plain: {targets: ["http://api.internal/${env:S}", "http://other.internal"]}
        long:
          targets:
            - {url: "http://api.internal/${env:S}", weight: 3}
            - {url: "http://api.internal/x${env:S}", weight: 1}
      routes:
        a:
          service: plain
          maxBodySize: "${env:N}KiB"
          match: {path: "/${env:S}", headers: {X-Key: "${env:S}"}, query: {key: "${env:S}"}}
      admin: {address: "127.0.0.1:1", token: "${env:S}${env:S}"}
      """)
    #expect(!json.contains(Self.secret))
    let value = try #require(
      JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    let services = try #require(value["services"] as? [String: [String: Any]])
    #expect(services["plain"]?["targets"] as? [String] == ["***", "http://other.internal"])
    let long = try #require(services["long"]?["targets"] as? [Any])
    #expect((long[0] as? [String: Any])?["url"] as? String == "***")
    #expect((long[0] as? [String: Any])?["weight"] as? Int == 3)
    // A weight of 1 is not written, and then the URL stands alone.
    #expect(long[1] as? String == "***")
    let route = (value["routes"] as? [String: [String: Any]])?["a"]
    #expect(route?["maxBodySize"] as? String == "***")
    #expect(route?["service"] as? String == "plain")
    #expect((value["admin"] as? [String: Any])?["token"] as? String == "***")
  }

  @Test func aCredentialIsHiddenWhereverItStands() throws {
    let json = try shown(file(rest: "admin: {address: '127.0.0.1:1', token: \(Self.secret)123456}"))
    #expect(!json.contains(Self.secret))
    #expect(json.contains("\"token\": \"***\""))
  }

  /// PEM in the place of a file's path is shown neither in dumps nor in diagnostics.
  @Test func pemTextIsHidden() throws {
    let key = "-----BEGIN PRIVATE KEY-----\\n\(Self.secret)\\n-----END PRIVATE KEY-----"
    let json = try shown(
      """
      version: 1
      listeners:
        web: {address: "127.0.0.1:8080", tls: {certificates: [{certificate: /c.pem, key: "\(key)"}]}}
      services:
        one: {targets: ["https://a.test"], tls: {clientCertificate: {certificate: /d.pem, key: "\(key)"}}}
      routes: {a: {service: one}}
      """)
    #expect(!json.contains(Self.secret))
    #expect(json.contains("/c.pem"))
    #expect(json.contains("(PEM text)"))
    for setting in ["address", "tls", "limits"] {
      let found = diagnostics(file(listener: "\(setting): \"x \(key)\""))
      #expect(!found.isEmpty)
      #expect(found.allSatisfy { !$0.contains("KEY") && !$0.contains(Self.secret) }, "\(found)")
    }
  }

  @Test func aliasesAreHiddenAtEveryUse() throws {
    let json = try shown(
      """
      version: 1
      listeners: {web: {address: "127.0.0.1:8080"}}
      services:
        one: {targets: [&t "http://api.internal/${env:S}"]}
        two: {targets: [*t]}
      routes: {a: {service: one}, b: {service: two, match: {path: /b}}}
      """)
    #expect(!json.contains(Self.secret))
  }

  @Test func defaultsAreShown() throws {
    let json = try shown(file())
    #expect(json.contains("\"closeRate\": 100"))
    #expect(json.contains("\"timeout\": \"30s\""))
  }

  @Test(arguments: ["short", "1234567890123456 ", "123456789012345é", "===================="])
  func noTokens(token: String) throws {
    let found = diagnostics(file(rest: "admin: {token: '\(token)'}"))
    // What is wrong with it is said without showing it.
    let message = try #require(found.first)
    #expect(found.count == 1 && message.hasPrefix("5:16: error: admin.token: the value is not"))
    #expect(!message.contains(token))
  }

  @Test(arguments: [
    "1234567890123456", "abcDEF-._~+/0123456789==", String(repeating: "a", count: 1_024),
  ])
  func tokens(token: String) {
    #expect(diagnostics(file(rest: "admin: {token: '\(token)'}")) == [])
  }

  @Test func aTokenOpensOtherAddresses() {
    #expect(
      diagnostics(file(rest: "admin: {address: '0.0.0.0:1', token: 1234567890abcdef}")) == [])
  }
}
