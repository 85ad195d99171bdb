import Synchronization
import Testing

@testable import SluiceConfiguration

/// What policies are checked against is found once for all of them.
@Suite struct PolicySurveyTests {
  private func head(_ routes: String) -> String {
    """
    version: 1
    listeners: {web: {address: "127.0.0.1:8080"}}
    services: {api: {targets: ["http://api.internal"]}}
    routes:
    \(routes)
    """
  }

  /// Walks over all policies do not grow in number with the policies that ask.
  @Test(.serialized, arguments: [1, 2, 300])
  func allPoliciesAreLookedAtOnce(routes: Int) throws {
    Asked.count.store(0, ordering: .relaxed)
    let text = head(
      "  x: {match: {path: /}, service: api, policies: {asked: {}}}\n"
        + (0..<routes).map {
          "  r\($0): {match: {path: /\($0)}, service: api, policies: {key-auth: {}, acl: {allow: [a]}}}\n"
        }.joined())
    let result = ConfigurationReader.read(
      contentsOf: text, file: "f", policies: PolicyRegistry.standard.adding(Asked.self))
    #expect(result.configuration != nil)
    #expect(result.diagnostics.count == routes)
    #expect(result.diagnostics.allSatisfy { $0.message.contains("no consumer is in a group 'a'") })
    #expect(Asked.count.load(ordering: .relaxed) == 1)
  }

  /// Were every policy compared with every other, this would take minutes.
  @Test func thousandsOfRoutesShareBudgets() {
    let policies =
      "key-auth: {}, acl: {allow: [a]}, quota: {budget: b, day: 5}, "
      + "rate-limit: {budget: b, limit: 5, window: 1s}, concurrency-limit: {budget: b, limit: 5}"
    let text = head(
      (0..<4_000).map {
        "  r\($0): {match: {path: /\($0)}, service: api, policies: {\(policies)}}\n"
      }.joined() + "consumers: {alice: {groups: [a]}}\n")
    #expect(read(text).diagnostics == [])
  }

  @Test(arguments: [
    "quota: {budget: b, day: 5, by: ", "concurrency-limit: {budget: b, limit: 5, by: ",
  ])
  func whoeverCountsOtherwiseIsTold(policy: String) {
    let manners = ["address", "host", "address", "all", "route", "address"]
    let text = head(
      manners.enumerated().map {
        "  r\($0): {match: {path: /\($0)}, service: api, policies: {\(policy)\($1)}}}\n"
      }.joined())
    let found = read(text).diagnostics
    #expect(found.map(\.line) == [5, 6, 7, 8, 9, 10])
    for (index, diagnostic) in found.enumerated() {
      let named = diagnostic.message.split(separator: "of route r").last.flatMap {
        Int($0.prefix { $0.isNumber })
      }
      // Any of those that count otherwise.
      #expect(named.map { manners[$0] != manners[index] } == true, "\(diagnostic.message)")
    }
  }

  @Test func budgetsOfDifferentKindsAreDifferent() {
    let text = head(
      "  r: {match: {path: /}, service: api, policies: {quota: {budget: b, day: 5, by: address}, "
        + "concurrency-limit: {budget: b, limit: 5, by: host}}}")
    #expect(read(text).diagnostics == [])
  }

  @Test func aLimitThatDisagreesWithItselfIsTold() {
    let text = head(
      "  r: {match: {path: /}, service: api, policies: {concurrency-limit: "
        + "{budget: b, limit: 5, by: host, also: [{limit: 9, by: all, budget: b}]}}}")
    let found = read(text).diagnostics
    #expect(found.count == 1)
    #expect(found.first?.message.contains("the budget 'b' of route r by") == true)
  }

  @Test func messagesOfAnyCallerAreFoundOnce() throws {
    let text = """
      version: 1
      listeners: {web: {address: "127.0.0.1:8080"}}
      services: {api: {targets: ["http://api.internal"]}}
      consumers: {alice: {policies: {quota: {day: 5, messages: {cost: 1}}}}}
      policies: {key-auth: {}}
      routes:
        socket: {kind: websocket, match: {path: /s}, service: api}
        plain: {match: {path: /p}, service: api}
      """
    let configuration = try #require(read(text).configuration)
    let callers = configuration.messageUsesOfAnyCaller
    #expect(callers.spends)
    for name in ["socket", "plain"] {
      let alone = configuration.messageUses(ofRoute: name)
      #expect(alone.spends == (name == "socket"))
      #expect(configuration.messageUses(ofRoute: name, ofAnyCaller: callers) == alone)
    }
  }

  /// Counts how often it is looked at.
  private struct Asked: PolicySettings {
    static let count = Atomic(0)
    static let policyName = "asked"
    static let stage = PolicyStage.transform
    static let schema = Schema("Asked", of: Self(), "Counts.", [])
    static let example = ""

    var grantsGroups: Bool {
      Self.count.add(1, ordering: .relaxed)
      return false
    }
  }
}
