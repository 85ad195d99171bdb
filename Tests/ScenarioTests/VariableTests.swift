import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// Variables of the file: what they are made of, and what becomes of requests of which nobody can tell.
  @Suite struct VariableTests {
    private func fixture(_ rest: String, before upstream: ScriptedUpstream) throws -> Fixture {
      let text = """
        version: 1
        listeners: {web: {address: "127.0.0.1:0"}}
        services: {up: {targets: ["\(upstream.url)"]}}
        accessLog: {format: "off"}
        workers: 1
        shutdown: {timeout: 50ms}
        \(rest)
        """
      let result = ConfigurationReader.read(contentsOf: text, file: "test.yaml")
      return try Fixture(try #require(result.configuration, "\(result.diagnostics)"))
    }

    /// Steps enough for PCRE2's limit: every `select` begins a search for `from`; the last letter is there.
    private static let endless = String(repeating: "union-select-", count: 200) + "m"

    /// An expression that gives up tells nothing: what it guards stays closed, by routes and by templates.
    @Test(arguments: ["/", "/told"]) func whoGivesUpIsRefused(path: String) async throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(
        """
        variables:
          bad:
            from: "${request.query}"
            patterns: [{regex: "(?s:.*?)(?i:union.*select.*from)(?s:.*)", value: "1"}]
            otherwise: "0"
          worse: {from: "${variables.bad}", values: {"1": "1"}, otherwise: "0"}
        routes:
          closed: {match: {variables: {worse: "1"}}, service: up, policies: {mock: {status: 403}}}
          open: {match: {variables: {worse: "0"}}, service: up}
          told:
            match: {path: /told}
            service: up
            policies: {target-headers: {set: {X-Bad: "${variables.bad}"}}}
        """, before: upstream)
      #expect(try fixture.get("/?a").status == 200)
      #expect(try fixture.get("/?union-select-from").status == 403)
      let seen = upstream.requests.count
      #expect(try fixture.get("\(path)?\(Self.endless)").status == 500)
      #expect(upstream.requests.count == seen)
      #expect(await fixture.gateway.reports().map(\.regexLimitExceeded).reduce(0, +) > 0)
    }

    /// Groups that are not there, and expressions that are none, are said at their lines; what may be a secret
    /// is not repeated.
    @Test func patternsAreChecked() {
      func messages(_ pattern: String) -> [String] {
        let text = """
          version: 1
          listeners: {web: {address: "127.0.0.1:0"}}
          services: {up: {targets: ["http://127.0.0.1:1"]}}
          routes: {a: {service: up}}
          variables: {v: {patterns: [\(pattern)]}}
          """
        return ConfigurationReader.read(
          contentsOf: text, file: "f", environment: ["P": "se(cret"],
          regexCheck: RegexSyntax.problem(in:)
        ).diagnostics.map(\.description)
      }
      #expect(messages("{regex: '(a)(b)', value: '$1$2'}").isEmpty)
      #expect(messages("{regex: '(?:a)(?<n>b)(?=c)', value: '$1'}").isEmpty)
      let absent = messages("{regex: '(a)(?:b)', value: '$2'}")
      #expect(absent.count == 1)
      #expect(absent.first?.contains("patterns[0].value: $2 is no group of regex") == true)
      #expect(absent.first?.hasPrefix("f:5:") == true)
      let open = messages("{regex: 'a(', value: x}")
      #expect(open.count == 1 && open.first?.contains("is not a regular expression") == true)
      let hidden = messages("{regex: '${env:P}', value: x}")
      #expect(hidden.count == 1 && hidden.first?.contains("cret") == false)
    }

    /// All fields of a name, parameters as they were sent and by any case of their names.
    @Test(arguments: [
      ("a=1", "1"), ("A=2", "2"), ("x=1&a=%0D", "%0D"), ("a=1%", "1%"), ("ab=1", ""), ("a", ""),
      ("a&a=3", "3"), ("a=&a=4", ""), ("b=a=5", ""), ("a==", "="), ("", ""), ("a=6#", "6"),
    ])
    func rawParameters(query: String, expected: String) throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(
        """
        routes:
          all:
            service: up
            policies:
              mock: {status: 200, body: "[${request.argument.A}]${request.headers.X-A}", contentType: text}
        """, before: upstream)
      if query.contains("#") { return }
      let response = try fixture.client().exchange(
        "GET /?\(query) HTTP/1.1\r\nHost: a\r\nX-A: one\r\nx-a: two\r\n\r\n")
      #expect(response.text == "[\(expected)]one, two")
    }

    /// What groups match of something that is no URL adds nothing to one.
    @Test func groupsStayWithinOneSegment() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(
        """
        variables:
          field: {from: "${request.header.X-To}", patterns: [{regex: "(.*)", value: "$1"}]}
          path: {from: "${request.path}", patterns: [{regex: "/old(/.*)", value: "$1"}]}
        routes:
          all:
            service: up
            policies:
              redirect: {location: "https://a.test/in/${variables.field}${variables.path}", status: 302}
        """, before: upstream)
      let response = try fixture.client().exchange(
        "GET /old/a/b HTTP/1.1\r\nHost: a\r\nX-To: ../b?c=d#e&f\r\n\r\n")
      #expect(response["Location"] == "https://a.test/in/..%2Fb%3Fc%3Dd%23e%26f/a/b")
    }

    /// A variable that many routes ask about is found out once for a request.
    @Test func routesAskOnce() async throws {
      let upstream = try ScriptedUpstream.echoing()
      let routes = (0..<20).map {
        "  r\($0): {match: {variables: {v: \"\($0)\"}}, service: up, policies: {mock: {status: 2\(10 + $0)}}}"
      }
      let fixture = try fixture(
        """
        variables:
          v:
            from: "${request.query}"
            patterns: [{regex: "(?s:.*?)(?i:union.*select.*from)(?s:.*)", value: "x"}, {regex: "n(.*)", value: "$1"}]
        routes:
        \(routes.joined(separator: "\n"))
        """, before: upstream)
      for number in [0, 7, 19] {
        #expect(try fixture.get("/?n\(number)").status == 210 + number)
      }
      #expect(try fixture.get("/?\(Self.endless)").status == 500)
      #expect(await fixture.gateway.reports().map(\.regexLimitExceeded).reduce(0, +) == 1)
    }
  }
}
