import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// `reroute`, internal routes, and failures that lead to them.
  @Suite struct RerouteTests {
    /// The route `page`, of which failures lead to `fallback`, which has nothing of its own. `limit` holds for
    /// both.
    private func withPage(
      _ upstream: ScriptedUpstream, of service: String = "up", limit: String = "1MiB",
      _ answers: String
    ) throws -> Fixture {
      try Fixture.file(
        """
        routes:
          page:
            match: {prefix: /page}
            service: \(service)
            maxBodySize: \(limit)
            policies: {error-answers: {\(answers)}}
          fallback: {match: {internal: fallback}, service: up, maxBodySize: \(limit)}
        """, before: upstream)
    }

    @Test func rulesLeadToOtherRoutes() throws {
      let upstream = try ScriptedUpstream.saying()
      let fixture = try Fixture.file(
        """
        routes:
          old:
            match: {prefix: /old}
            service: down
            policies:
              reroute:
                to: new
                rules:
                  - {regex: "/old/(\\\\d+)/(.*)", path: "/users/$1", query: "rest=$2&${request.query}"}
                  - {regex: "/old/(a.*)", path: "/$1", ends: false}
                  - {regex: "/a(.*)", path: "/b$1"}
                  - {}
                  - {regex: "/old/z", path: /unknown}
              mock: {status: 410, body: "gone", contentType: text}
          users:
            match: {internal: new, path: "/users/{id}"}
            service: up
            policies:
              target-headers: {set: {X-Id: "${request.path.id}", X-Rest: "${request.query.rest}"}}
          others:
            match: {internal: new, regex: "/(a|b)/.*"}
            service: up
        """, before: upstream)
      #expect(try fixture.get("/old/12/x/y?q=1").text == "GET /users/12?rest=x%2Fy&q=1 ")
      #expect(upstream.requests.last?["X-Id"] == "12")
      #expect(upstream.requests.last?["X-Rest"] == "x/y")
      #expect(try fixture.get("/old/12/x").text == "GET /users/12?rest=x ")
      #expect(try fixture.get("/old/a/c?q").text == "GET /b/c?q ")
      #expect(try fixture.get("/old/z").code == "no-route")
      #expect(try fixture.get("/old/other").text == "gone")
      // Nobody gets there from outside.
      #expect(try fixture.get("/users/12").code == "no-route")
      #expect(try fixture.get("/b/c").code == "no-route")
    }

    @Test func circlesEnd() throws {
      let upstream = try ScriptedUpstream.saying()
      let fixture = try Fixture.file(
        """
        routes:
          start:
            match: {prefix: /a}
            service: up
            policies: {reroute: {to: round, rules: [{path: /a}]}}
          round:
            match: {internal: round}
            service: up
            policies: {reroute: {to: round, rules: [{regex: "/(a*)", path: "/$1a"}]}}
        """, before: upstream)
      let answer = try fixture.get("/a")
      #expect(answer.status == 500)
      #expect(answer.code == "rerouted-too-often")
      #expect(upstream.requests.isEmpty)
    }

    @Test func aPathThatLeadsOutIsRefused() throws {
      let upstream = try ScriptedUpstream.saying()
      let fixture = try Fixture.file(
        """
        routes:
          start:
            match: {prefix: /a}
            service: up
            policies: {reroute: {to: inside, rules: [{regex: "/a/(.*)", path: "/x/.$1/y"}]}}
          inside:
            match: {internal: inside}
            service: up
        """, before: upstream)
      #expect(try fixture.get("/a/.z").status == 200)
      #expect(try fixture.get("/a/.").status == 400)
      #expect(try fixture.get("/a/./").status == 400 || upstream.requests.count == 1)
    }

    @Test func failuresLeadToAFallback() throws {
      let upstream = try ScriptedUpstream.saying()
      let fixture = try Fixture.file(
        """
        routes:
          down:
            match: {prefix: /down}
            service: down
            policies:
              error-answers:
                answers:
                  - {statuses: [503], to: fallback}
          page:
            match: {prefix: /page}
            service: up
            policies:
              caller-headers: {add: [{name: X-First, value: "1"}]}
              error-answers:
                intercept: true
                answers:
                  - {statuses: [404], to: fallback, path: "/pages/none", query: "of=${request.path}"}
                  - {statuses: [500], to: fallback, path: /pages/broken, status: 200}
                  - {statuses: [502], to: fallback, path: /pages/status-418, ownStatus: true}
                  - {statuses: [403], to: fallback}
          fallback:
            match: {internal: fallback}
            service: up
            policies:
              caller-headers: {add: [{name: X-Second, value: "1"}]}
              error-answers: {intercept: true, answers: [{statuses: [418, 403], to: fallback}]}
        """, before: upstream)
      // The failure's status, what the other route says, and its policies.
      let down = try fixture.client().exchange(
        "POST /down/a?b HTTP/1.1\r\nHost: g\r\nContent-Length: 3\r\n\r\nabc")
      #expect(down.status == 503)
      #expect(down.text == "POST /down/a?b abc")
      #expect(down["X-Second"] == "1")
      let none = try fixture.client().exchange(
        "POST /page/status-404 HTTP/1.1\r\nHost: g\r\nContent-Length: 3\r\n\r\nabc")
      #expect(none.status == 404)
      #expect(none.text == "GET /pages/none?of=%2Fpage%2Fstatus-404 ")
      #expect(none["X-First"] == nil && none["X-Second"] == "1")
      #expect(try fixture.get("/page/status-500").status == 200)
      #expect(try fixture.get("/page/status-500").text == "GET /pages/broken ")
      // What fails there stands.
      let own = try fixture.get("/page/status-502")
      #expect(own.status == 418)
      #expect(own.text == "GET /pages/status-418 ")
      #expect(try fixture.get("/page/status-403")["X-Second"] == "1")
      // Its body goes to the other one, too, however it came.
      for framing in [
        "Content-Length: 3\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
      ] {
        let before = upstream.requests.count
        let gone = try fixture.client().exchange(
          "POST /page/status-403 HTTP/1.1\r\nHost: g\r\n\(framing)")
        #expect(gone.status == 403)
        #expect(gone.text == "POST /page/status-403 abc")
        #expect(gone["X-First"] == nil && gone["X-Second"] == "1")
        #expect(upstream.requests.dropFirst(before).map(\.text) == ["abc", "abc"])
      }
      #expect(try fixture.get("/page/ok").text == "GET /page/ok ")
    }

    /// A connection is used again behind a page, and the next request is the next request.
    @Test func theConnectionGoesOn() throws {
      let upstream = try ScriptedUpstream.saying()
      let fixture = try withPage(
        upstream, "intercept: true, answers: [{statuses: [404], to: fallback, path: /x}]")
      let client = try fixture.client()
      for _ in 0..<3 {
        let page = try client.exchange("GET /page/status-404 HTTP/1.1\r\nHost: g\r\n\r\n")
        #expect(page.status == 404)
        #expect(page.text == "GET /x ")
        let whole = try client.exchange(
          "POST /page/status-404 HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\nhi")
        #expect(whole.status == 404)
        #expect(whole.text == "GET /x ")
        let head = try client.exchange("HEAD /page/status-404 HTTP/1.1\r\nHost: g\r\n\r\n")
        #expect(head.status == 404)
      }
    }

    /// The rest of an upload is not waited for, nor taken for the next request.
    @Test func whatIsTooLargeGetsThePage() throws {
      let upstream = try ScriptedUpstream.saying()
      let fixture = try withPage(
        upstream, limit: "4B", "answers: [{statuses: [413], to: fallback, path: /large}]")
      for head in ["Content-Length: 100000", "Transfer-Encoding: chunked"] {
        let client = try fixture.client()
        let page = try client.exchange(
          "POST /page HTTP/1.1\r\nHost: g\r\n\(head)\r\n\r\n6\r\nGET / \r\n")
        #expect(page.status == 413)
        #expect(page.text == "GET /large ")
        #expect(page["Connection"] == "close")
      }
    }

    @Test func aStatusWithoutABodyStays() throws {
      let upstream = try ScriptedUpstream.saying()
      let fixture = try withPage(
        upstream, of: "down", "answers: [{statuses: [503], to: fallback, path: /status-304}]")
      #expect(try fixture.get("/page").status == 304)
    }

    @Test func variablesChooseRoutes() throws {
      let upstream = try ScriptedUpstream.saying()
      let fixture = try Fixture.file(
        """
        variables:
          agent:
            from: "${request.header.User-Agent}"
            patterns: [{regex: "(?i).*(bot|crawler)/(\\\\d+).*", value: "$2-$1"}]
            otherwise: ""
          kind: {from: "${variables.agent}", values: {"7-bot": seven}, otherwise: "${variables.agent}"}
        routes:
          seven:
            match: {variables: {kind: seven, agent: "*"}}
            service: up
            policies: {mock: {body: "seven", contentType: text}}
          agents:
            match: {variables: {agent: "*"}}
            service: up
            policies: {target-headers: {set: {X-Agent: "${variables.kind}"}}}
          rest:
            service: up
            policies: {mock: {body: "rest", contentType: text}}
        """, before: upstream)
      #expect(try fixture.get("/", "User-Agent: a bot/7 b").text == "seven")
      #expect(try fixture.get("/", "User-Agent: CRAWLER/12").text == "GET / ")
      #expect(upstream.requests.last?["X-Agent"] == "12-CRAWLER")
      #expect(try fixture.get("/", "User-Agent: bot").text == "rest")
      #expect(try fixture.get("/").text == "rest")
    }
  }
}
