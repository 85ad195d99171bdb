import Testing

@testable import SluiceConfiguration

/// Variables that choose routes, and routes that only policies lead to.
@Suite struct InternalRouteTests {
  private func found(_ text: String) -> [String] {
    diagnostics(
      """
      version: 1
      listeners: {web: {address: "127.0.0.1:8080"}}
      services: {a: {targets: ["http://127.0.0.1:9000"]}}
      \(text)
      """)
  }

  private func says(_ text: String, _ message: String) -> Bool {
    found(text).contains { $0.contains(message) }
  }

  @Test func variablesOfRoutesAreThereAndKnownInTime() {
    #expect(
      found(
        """
        variables: {kind: {from: "${request.path}", values: {/a: one}}}
        routes: {a: {match: {variables: {kind: one}}, service: a}}
        """
      ).isEmpty)
    #expect(
      says(
        "variables: {kind: {}}\nroutes: {a: {match: {variables: {kid: one}}, service: a}}",
        "there is no variable 'kid' in the file"))
    for text in ["${consumer.name}", "${request.path.x}", "${claims.sub}", "${target.address}"] {
      #expect(
        says(
          """
          variables: {kind: {from: "\(text)"}, other: {otherwise: "${variables.kind}"}}
          routes: {a: {match: {variables: {other: one}}, service: a}}
          """, "depends on more than the request itself"), "\(text)")
    }
  }

  @Test func variablesMayHoldOthersButNotThemselves() {
    let route = "\nroutes: {a: {service: a}}"
    #expect(found("variables: {a: {from: \"${variables.b}\"}, b: {}}\(route)").isEmpty)
    #expect(
      says("variables: {a: {from: \"${variables.a}\"}}\(route)", "variables.a holds itself"))
    #expect(
      says(
        "variables: {a: {from: \"${variables.b}\"}, b: {otherwise: \"${variables.a}\"}}\(route)",
        "holds itself"))
    #expect(
      says("variables: {a: {from: \"${variables.none}\"}}\(route)", "there is no variable 'none'"))
    // Each looks twice at the next one.
    let many = (0..<12).map {
      "v\($0): {from: \"${variables.v\($0 + 1)}\", otherwise: \"${variables.v\($0 + 1)}\"}"
    }
    #expect(
      says("variables: {\(many.joined(separator: ", ")), v12: {}}\(route)", "holds too many others")
    )
    let some = many.suffix(7).joined(separator: ", ")
    #expect(found("variables: {\(some), v12: {}}\(route)").isEmpty)
  }

  @Test func internalRoutesHaveToBeThere() {
    let policy = "policies: {reroute: {to: inner, rules: [{path: /b}]}}"
    #expect(
      says("routes: {a: {service: a, \(policy)}}", "no route is internal to 'inner'"))
    #expect(
      found(
        """
        routes:
          a: {service: a, \(policy)}
          b: {service: a, match: {internal: inner}}
        """
      ).isEmpty)
    #expect(
      says(
        """
        routes:
          a: {service: a, policies: {error-answers: {answers: [{statuses: [404], to: other}]}}}
          b: {service: a, match: {internal: inner}}
        """, "no route is internal to 'other'"))
  }

  @Test(arguments: [
    ("{statuses: [404], path: /a}", "'path' is for another route"),
    ("{statuses: [404], ownStatus: true}", "'ownStatus' is for another route"),
    ("{statuses: [404], to: inner, body: x}", "both 'to' and an answer of its own"),
    ("{statuses: [404], to: inner, status: 200, ownStatus: true}", "both 'status' and 'ownStatus'"),
    ("{statuses: [404], to: inner, query: a}", "a query needs a path"),
    ("{statuses: [404], to: inner, status: 204}", "has none"),
    ("{statuses: [304, 404], to: inner}", "has none"),
    ("{statuses: [304], to: inner, status: 200}", "no failure"),
    ("{statuses: [304], to: inner, ownStatus: true}", "has none"),
    ("{statuses: [304], body: x}", "a response with 304 has no body"),
    ("{statuses: [404], status: 204}", "a response with 204 has no body"),
  ])
  func answersOfOtherRoutes(answer: String, message: String) {
    #expect(
      says(
        """
        routes:
          a: {service: a, policies: {error-answers: {answers: [\(answer)]}}}
          b: {service: a, match: {internal: inner}}
        """, message), "\(answer)")
  }

  @Test func twoThatMatchTheSameAreOneTooMany() {
    let text =
      "routes:\n  a: {service: a, match: {prefix: /a}}\n  b: {service: a, match: {prefix: /a%@}}"
    #expect(says(text.replacing("%@", with: ""), "matches exactly what"))
    #expect(found(text.replacing("%@", with: ", internal: x")).isEmpty)
  }
}
