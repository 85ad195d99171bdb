import Testing

@testable import SluiceConfiguration

/// Policies in general: where they may stand, which of them decides.
@Suite struct PolicyTests {
  @Test(arguments: PolicyRegistry.standard.policies.map { $0.policyName })
  func examplesAreValid(name: String) throws {
    let policy = try #require(PolicyRegistry.standard.policy(named: name))
    let environment = [
      "ALICE_KEY": "alice-secret", "ALICE_PASSWORD": "alice-password",
      "TOKEN_SECRET": String(repeating: "s", count: 64), "CLIENT_SECRET": "client-secret",
      "LOG_TOKEN": "t",
    ]
    let result = read(policy.example, environment: environment)
    #expect(result.diagnostics == [])
    let configuration = try #require(result.configuration)
    #expect(configuration.everyPolicy.contains { $0.name == name })
  }

  @Test func theMostSpecificPlaceDecides() throws {
    let text = """
      version: 1
      listeners: {web: {address: "127.0.0.1:8080"}}
      consumers:
        alice: {groups: [b, a], policies: {acl: {allow: [consumer]}}}
      groups:
        a: {policies: {acl: {allow: [group-a]}}}
        b: {policies: {acl: {allow: [group-b]}}}
        c: {policies: {acl: {allow: [group-c]}}}
      services:
        api:
          targets: ["http://api.internal"]
          policies: {acl: {allow: [service]}}
          groups: {b: {acl: {allow: [service-group]}}}
          consumers: {alice: {acl: {allow: [service-consumer]}}}
        plain: {targets: ["http://api.internal"]}
      policies: {acl: {allow: [everything]}, request-id: {}}
      routes:
        one:
          match: {path: /1}
          service: api
          policies: {acl: {allow: [route]}, request-id: false}
          groups: {a: {acl: {allow: [route-group]}}}
          consumers: {alice: {acl: {allow: [route-consumer]}}}
        two: {match: {path: /2}, service: api}
        three: {match: {path: /3}, service: plain}
      """
    let result = read(text)
    #expect(result.diagnostics.allSatisfy { $0.severity == .warning })
    let configuration = try #require(result.configuration)
    func decides(_ route: String, _ consumer: String?, _ groups: [String]) -> String? {
      let policies = configuration.policies(ofRoute: route, consumer: consumer, groups: groups)
      return policies.compactMap { ($0.settings as? Configuration.ACL)?.allow.first }.first
    }
    #expect(decides("one", "alice", ["b", "a"]) == "route-consumer")
    #expect(decides("one", "bob", ["b", "a"]) == "route-group")
    #expect(decides("one", "bob", ["b"]) == "service-group")
    #expect(decides("one", "bob", ["c"]) == "group-c")
    #expect(decides("one", nil, []) == "route")
    #expect(decides("two", "alice", ["b"]) == "service-consumer")
    #expect(decides("two", "bob", []) == "service")
    #expect(decides("three", "alice", ["b", "a"]) == "consumer")
    #expect(decides("three", "bob", ["b", "a"]) == "group-a")
    #expect(decides("three", nil, []) == "everything")
    // Off here, though everything has it.
    #expect(configuration.policies(ofRoute: "one").map(\.name) == ["acl"])
    #expect(configuration.policies(ofRoute: "three").map(\.name) == ["request-id", "acl"])
  }

  @Test func whoCallsIsNotKnownBeforeIdentify() {
    let text = file(rest: "groups: {a: {policies: {key-auth: {}}}}")
    #expect(
      diagnostics(text) == [
        """
        5:25: error: groups.a.policies.key-auth: who calls is known only after this policy, so it can't depend on the caller
          hint: set it for a route, a service or everything
        """
      ])
  }

  @Test(arguments: [
    ("{}", "routes.a.policies.acl: needs 'allow' or 'deny'"),
    ("{allow: [a], deny: [b]}", "routes.a.policies.acl: has both 'allow' and 'deny'"),
  ])
  func accessListsAreOneOrTheOther(settings: String, message: String) {
    let text = file(route: "policies: {acl: \(settings)}")
    #expect(diagnostics(text).contains { $0.contains(message) })
  }

  @Test func groupsOfNobodyAreWarnedAbout() {
    let text = file(
      route: "policies: {key-auth: {}, acl: {allow: [partner]}}",
      rest: "consumers: {alice: {groups: [partners]}}")
    #expect(
      diagnostics(text) == [
        """
        4:67: warning: routes.a.policies.acl.allow[0]: no consumer is in a group 'partner'
          hint: did you mean 'partners'?
        """
      ])
  }

  /// Somebody has to find out who calls; who only asks a service without taking a name from it does not.
  @Test(arguments: [
    ("policies: {acl: {allow: [a]}}", "", "routes.a.policies.acl", "a"),
    ("policies: {acl: {allow: [a]}, identify: {require: all}}", "", "routes.a.policies.acl", "a"),
    (
      "policies: {acl: {deny: [a]}, forward-auth: {service: api}}", "", "routes.a.policies.acl", "a"
    ),
    (
      "policies: {key-auth: false}", "policies: {key-auth: {}, acl: {allow: [a]}}", "policies.acl",
      "a"
    ),
    ("match: {path: /a}", "policies: {acl: {allow: [a]}}", "policies.acl", "a"),
  ])
  func listsOfGroupsNeedSomebodyWhoIsKnown(
    route: String, rest: String, path: String, name: String
  ) {
    let found = diagnostics(
      file(route: route, rest: "groups: {a: {}}\n\(rest)"))
    #expect(found.count == 1)
    #expect(
      found.first?.contains(
        "warning: \(path): no policy of route \(name) finds out who calls, so everybody gets 401\n")
        == true)
  }

  @Test(arguments: [
    ("policies: {key-auth: {}, acl: {allow: [a]}}", ""),
    ("policies: {forward-auth: {service: api, consumerHeader: X}, acl: {allow: [a]}}", ""),
    ("policies: {acl: {allow: [a]}}", "policies: {mtls-auth: {}}"),
    ("policies: {acl: false}", "policies: {acl: {allow: [a]}}"),
    ("match: {internal: a}", "policies: {acl: {allow: [a]}}"),
    ("groups: {a: {acl: {deny: [a]}}}", ""),
  ])
  func whereSomebodyIsKnownNothingIsSaid(route: String, rest: String) {
    let found = diagnostics(file(route: route, rest: "groups: {a: {}}\n\(rest)"))
    #expect(!found.contains { $0.contains("finds out who calls") })
  }

  @Test func aKeyIsLookedForSomewhere() {
    let text = file(route: "policies: {key-auth: {header: false, query: false}}")
    #expect(diagnostics(text).contains { $0.contains("looks nowhere for the key") })
  }

  /// A program's own policy is read, checked and ordered like the others.
  @Test func thePoliciesOfAFileCanBeAddedTo() throws {
    let registry = PolicyRegistry.standard.adding(Greeting.self)
    let text = file(route: "policies: {greeting: {text: Hello}, acl: {allow: [a]}}")
    let result = ConfigurationReader.read(contentsOf: text, file: "f", policies: registry)
    let configuration = try #require(result.configuration)
    #expect(configuration.routes["a"]?.policies[Greeting.self]?.text == "Hello")
    #expect(configuration.policies(ofRoute: "a").map(\.name) == ["acl", "greeting"])
    #expect(ConfigurationSchema.jsonSchema(policies: registry).contains("\"greeting\""))
    let wrong = file(route: "policies: {greeting: {txt: Hello}}")
    let diagnostics = ConfigurationReader.read(contentsOf: wrong, file: "f", policies: registry)
      .diagnostics
    #expect(diagnostics.first?.hint == "did you mean 'text'?")
    #expect(read(text).configuration == nil)
  }

  private struct Greeting: PolicySettings {
    var text = "Hi"
    static let policyName = "greeting"
    static let stage = PolicyStage.transform
    static let schema = Schema(
      "Greeting", of: Self(), "Greets.", [Field("text", .text(.fieldValue), "What is said.")])
    static let example = ""
  }
}
