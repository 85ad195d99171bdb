import SluiceConfiguration
import Testing

@testable import SluiceImport

/// Which of several plugins of a kind runs: developer.konghq.com/gateway/entities/plugin, plugin precedence.
@Suite struct KongPrecedenceTests {
  /// In Kong's order, the most specific first.
  private static let scopes: [Set<String>] = [
    ["consumer", "route", "service"], ["consumer_group", "route", "service"],
    ["consumer", "route"], ["consumer", "service"], ["consumer_group", "route"],
    ["consumer_group", "service"], ["route", "service"], ["consumer"], ["consumer_group"],
    ["route"], ["service"], [],
  ]
  private static let names = ["consumer": "c", "consumer_group": "g", "route": "r", "service": "s"]

  /// Who calls: by name, groups, and of which scopes they are.
  private static let callers: [(consumer: String?, groups: [String], isIn: Set<String>)] = [
    ("c", ["g"], ["consumer", "consumer_group"]), ("d", ["g"], ["consumer_group"]),
    ("e", [], []), (nil, [], []),
  ]

  private func configuration(_ present: [Int]) throws -> Configuration {
    let plugins = present.map { index in
      let scope = Self.scopes[index].sorted().map { "\($0): \(Self.names[$0]!), " }.joined()
      return
        "  - {name: response-transformer, \(scope)config: {add: {headers: ['x-level:\(index)']}}}"
    }
    let result = readKong(
      """
      _format_version: "3.0"
      services:
        - {name: s, url: "http://a.test", routes: [{name: r, paths: [/r], protocols: [http, ws]}, {name: other, paths: [/o], protocols: [http, ws]}]}
        - {name: t, url: "http://b.test", routes: [{name: far, paths: [/f], protocols: [http, ws]}]}
      consumer_groups: [{name: g}]
      consumers: [{username: c, groups: [{name: g}]}, {username: d, groups: [{name: g}]}, {username: e}]
      plugins:
      \(plugins.joined(separator: "\n"))
      """)
    return try #require(result.configuration, "\(result.messages)")
  }

  private func check(_ present: [Int]) throws {
    let configuration = try configuration(present)
    for route in ["r", "other", "far"] {
      for caller in Self.callers {
        var isIn = caller.isIn
        if route == "r" { isIn.insert("route") }
        if route != "far" { isIn.insert("service") }
        let expected = present.sorted().first { Self.scopes[$0].isSubset(of: isIn) }
        let policies = configuration.policies(
          ofRoute: route, consumer: caller.consumer, groups: caller.groups)
        let found = policies.lazy.compactMap { $0.settings as? Configuration.ResponseTransform }
          .first?.add.headers["x-level"]
        #expect(
          found == expected.map(String.init),
          "\(present), \(caller.consumer ?? "nobody") on \(route)"
        )
      }
    }
  }

  @Test(arguments: scopes.indices) func ofAllThatAreLeftTheFirstRuns(from first: Int) throws {
    try check(Array(first..<Self.scopes.count))
  }

  @Test(arguments: scopes.indices) func ofTwoTheMoreSpecificRuns(first: Int) throws {
    for second in Self.scopes.indices where second > first { try check([first, second]) }
  }

  @Test func ofThreeTheMostSpecificRuns() throws {
    for first in 0..<10 {
      for second in (first + 1)..<11 { try check([first, second, second + 1]) }
    }
  }
}
