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

  // MARK: Stages that settings choose

  private func problems(_ policies: String, rest: String = "") -> [String] {
    let text = file(route: "policies: {\(policies)}", rest: rest)
    return ConfigurationReader.read(
      contentsOf: text, file: "f.yaml", policies: PolicyRegistry.standard.adding(Greeting.self)
    ).diagnostics.map { $0.description.replacing("f.yaml:", with: "") }
  }

  @Test(arguments: [
    "greeting: {}", "greeting: {by: consumer}", "greeting: {at: entry}",
    "greeting: {at: entry, by: address}", "greeting: {at: limit, by: consumer}",
  ])
  func settingsMayChooseAStage(policies: String) {
    #expect(problems(policies) == [])
  }

  /// In any stage behind `identify` consumers and groups may say what they like.
  @Test(arguments: ["greeting: {}", "greeting: {at: limit}", "greeting: false"])
  func callersMayHaveTheirOwnBehindIdentify(own: String) {
    let rest = "consumers: {alice: {policies: {\(own)}}}"
    #expect(problems("greeting: {at: limit, by: consumer}", rest: rest) == [])
  }

  @Test(arguments: [
    (
      "greeting: {at: entry, by: consumer}",
      """
      4:50: error: routes.a.policies.greeting.at: counts by consumer, which is not known before the stage 'identify'
        hint: count by address, host, header:NAME, path:/PATH, route, all or variable:NAME
      """
    ),
    (
      "greeting: {at: identify}",
      """
      4:50: error: routes.a.policies.greeting.at: chooses the stage 'identify', which is for policies that find out who calls
        hint: choose 'entry', or a later stage
      """
    ),
    (
      "greeting: {at: cache}",
      """
      4:50: error: routes.a.policies.greeting.at: chooses the stage 'cache', which is later than 'transform', that of its kind
        hint: settings may choose an earlier stage only: give the kind the later one
      """
    ),
  ])
  func aStageThatSettingsCanNotChooseIsAnError(policies: String, message: String) {
    #expect(problems(policies) == [message])
  }

  /// One that says `false`, too: whoever has others has them from the stage `identify` on.
  @Test(arguments: ["greeting: {}", "greeting: false"])
  func whatRunsBeforeIdentifyIsForEverybody(own: String) {
    let places = [
      ("consumer alice", "consumers: {alice: {policies: {\(own)}}}"),
      ("group staff", "groups: {staff: {policies: {\(own)}}}"),
      (
        "consumer alice",
        "groups: {z: {policies: {\(own)}}}\nconsumers: {alice: {policies: {\(own)}}}"
      ),
    ]
    for (owner, rest) in places {
      #expect(
        problems("greeting: {at: entry}", rest: rest) == [
          """
          4:50: error: routes.a.policies.greeting.at: runs before it is known who calls, and \(owner) has one of its own
            hint: leave out 'at', or leave out what \(owner) says of greeting
          """
        ])
    }
  }

  @Test func whatRunsBeforeIdentifyIsForNobodyInParticular() {
    #expect(
      problems("", rest: "groups: {staff: {policies: {greeting: {at: entry}}}}") == [
        """
        5:40: error: groups.staff.policies.greeting.at: is for some callers only, who are not known before the stage 'identify'
          hint: set it for a route, a service or everything
        """
      ])
  }

  /// Configurations that are made in Swift have no positions, and the same rule.
  @Test func theRuleHoldsWithoutAFile() throws {
    let registry = PolicyRegistry.standard.adding(Greeting.self)
    let result = ConfigurationReader.read(
      contentsOf: file(rest: "consumers: {alice: {}}"), file: "f", policies: registry)
    var configuration = try #require(result.configuration)
    var early = Greeting()
    early.at = .entry
    configuration.routes["a"]?.policies[Greeting.self] = early
    #expect(configuration.policyStageProblem == nil)
    configuration.consumers["alice"]?.policies.turnOff(Greeting.self)
    let problem = try #require(configuration.policyStageProblem)
    #expect(problem.policy.origin == .route("a"))
    #expect(
      problem.message
        == "runs before it is known who calls, and consumer alice has one of its own")
    // Kinds that always run so early are no other case.
    configuration.consumers["alice"]?.policies = Configuration.Policies()
    configuration.consumers["alice"]?.policies[Configuration.RequestID.self] = .init()
    #expect(configuration.policyStageProblem?.policy.origin == .consumer("alice"))
  }

  /// A policy from outside whose settings choose where it runs.
  private struct Greeting: PolicySettings {
    enum Place: String, Codable, CaseIterable {
      case entry, identify, limit, cache

      var stage: PolicyStage {
        switch self {
        case .entry: .entry
        case .identify: .identify
        case .limit: .limit
        case .cache: .cache
        }
      }
    }

    var text = "Hi"
    var at: Place?
    var by = Configuration.LimitKey.all
    static let policyName = "greeting"
    static let stage = PolicyStage.transform
    static let stageKey: String? = "at"
    var stage: PolicyStage { at?.stage ?? Self.stage }
    var countsBy: [Configuration.LimitKey] { [by] }
    static let schema = Schema(
      "Greeting", of: Self(), "Greets.",
      [
        Field("text", .text(.fieldValue), "What is said."),
        Field("at", .choice(Place.self), "When."),
        Field("by", .text(.limitKey), "For whom."),
      ])
    static let example = ""
  }
}
