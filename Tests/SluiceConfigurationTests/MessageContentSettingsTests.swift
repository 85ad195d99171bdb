import Testing

@testable import SluiceConfiguration

/// `messages` of policies that are otherwise about bodies.
@Suite struct MessageContentSettingsTests {
  private func route(_ policies: String, kind: String = "websocket", rest: String = "") -> String {
    file(route: "kind: \(kind), match: {path: /a}, policies: {\(policies)}", rest: rest)
  }

  @Test(arguments: [
    ("json-schema: {schema: 'true', messages: {}}", true),
    ("json-schema: {schema: 'true'}", false),
    ("request-transform: {remove: {body: [$.a]}, messages: {unusable: close}}", true),
    ("request-transform: {remove: {body: [$.a]}}", false),
    ("response-transform: {remove: {body: [$.a]}, messages: {}}", true),
    ("bandwidth-limit: {request: 1MiB, messages: true}", true),
    ("bandwidth-limit: {request: 1MiB}", false),
  ])
  func theyMakeMessagesBeLookedAt(policies: String, isInspected: Bool) throws {
    let here = read(route(policies))
    let configuration = try #require(here.configuration)
    #expect(configuration.inspectsMessages(ofRoute: "a") == isInspected)
    // What would do nothing is told.
    #expect(here.diagnostics.isEmpty == isInspected)
    #expect(here.diagnostics.allSatisfy { $0.severity == .warning })
    // Set for everything or for some callers, they count on sockets, and on nothing else.
    for rest in ["policies: {\(policies)}", "groups: {g: {policies: {\(policies)}}}"] {
      let sockets = try #require(read(route("", rest: rest)).configuration)
      #expect(sockets.inspectsMessages(ofRoute: "a") == isInspected)
      let requests = try #require(read(route("", kind: "http", rest: rest)).configuration)
      #expect(!requests.inspectsMessages(ofRoute: "a"))
    }
  }

  @Test func defaults() throws {
    let text = route(
      "json-schema: {schema: 'true', messages: {}}, request-transform: {remove: {body: [$.a]}, messages: {}}"
    )
    let policies = try #require(read(text).configuration?.routes["a"]?.policies)
    #expect(policies[Configuration.JSONSchema.self]?.messages?.action == .refuse)
    #expect(policies[Configuration.RequestTransform.self]?.messages?.unusable == .refuse)
    #expect(Configuration.BandwidthLimit().messages == false)
  }

  @Test(arguments: [
    (
      "request-transform: {add: {body: {$.a: '${request.header.x}'}}, messages: {}}",
      "a message has no request"
    ),
    (
      "response-transform: {replace: {body: {$.a: 'x${request.id}'}}, messages: {}}",
      "a message has no request"
    ),
    ("request-transform: {add: {headers: {X: y}}, messages: {}}", "changes nothing in messages"),
    ("json-schema: {schema: 'true', messages: {action: drop}}", "action"),
    ("json-schema: {schema: 'true', messages: {pointer: true}}", "pointer"),
    ("response-transform: {remove: {body: [$.a]}, messages: {unusable: drop}}", "unusable"),
  ])
  func whatIsRefused(policy: String, message: String) {
    let found = read(route(policy)).diagnostics
    #expect(
      found.contains { $0.severity == .error && $0.description.contains(message) }, "\(found)")
  }

  /// A handshake has a request, so fields may hold what messages may not.
  @Test func fieldsMayHoldMore() {
    let text = route(
      "request-transform: {add: {headers: {X-A: '${request.header.b}'}, body: {$.a: '${claims.c}${connection.id}'}}, messages: {}}"
    )
    #expect(read(text).diagnostics.isEmpty)
  }

  @Test(arguments: [("/var/lib/x", true), ("./x", true), ("x", false), ("/var/lib/", false)])
  func theFileOfRevocationsIsAPath(path: String, isGood: Bool) {
    let found = diagnostics(file(rest: "admin: {revocationFile: \(path)}"))
    #expect(found.isEmpty == isGood, "\(found)")
  }
}
