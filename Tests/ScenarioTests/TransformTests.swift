import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// What policies of the stages `entry` and `transform` make of requests and responses.
  @Suite struct TransformTests {
    private func request(
      _ edit: (inout Configuration.RequestTransform) -> Void, _ lines: String...,
      target: String = "/a/b?x=1&y=2", route: (inout Configuration.Route) -> Void = { _ in }
    ) throws -> (response: Message, seen: Message?) {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) { configuration in
        var transform = Configuration.RequestTransform()
        edit(&transform)
        configuration.all.policies[Configuration.RequestTransform.self] = transform
        route(&configuration.all)
      }
      let response = try fixture.client().exchange(
        "GET \(target) HTTP/1.1\r\nHost: gateway.test\r\n"
          + lines.map { $0 + "\r\n" }.joined() + "\r\n")
      return (response, upstream.requests.first)
    }

    @Test func theOrderIsKongs() throws {
      let seen = try #require(
        try request(
          {
            $0.remove.headers = ["x-gone"]
            $0.rename.headers = ["X-Old": "X-New", "X-Old2": "X-Set"]
            $0.replace.headers = ["X-Set": "replaced", "X-Absent": "never"]
            $0.add.headers = ["X-New": "never", "X-Added": "added", "X-Gone": "again"]
            $0.append.headers = ["X-New": "appended"]
          }, "X-Gone: 1", "X-Old: old", "x-old2: b", "X-Set: a"
        ).seen)
      #expect(seen.values("X-New") == ["old", "appended"])
      #expect(seen.values("X-Set") == ["replaced"])
      #expect(seen.values("X-Gone") == ["again"])
      #expect(seen["X-Added"] == "added")
      #expect(seen["X-Old"] == nil)
      #expect(seen["X-Absent"] == nil)
    }

    @Test func valuesComeFromTheRequest() throws {
      let seen = try #require(
        try request(
          {
            $0.add.headers = [
              "X-All":
                "${request.method} ${request.host} ${request.path} ${request.query} ${client.address}",
              "X-Header": "<${request.header.x-in}>", "X-Parameter": "${request.query.x}",
              "X-Segment": "${request.path.second}", "X-None": "${consumer.name}",
            ]
          }, "X-In: in", target: "/a/b?x=1%20a", route: { $0.match.path = "/{first}/{second}" }
        ).seen)
      #expect(seen["X-All"] == "GET gateway.test /a/b x=1%20a 127.0.0.1")
      #expect(seen["X-Header"] == "<in>")
      #expect(seen["X-Parameter"] == "1 a")
      #expect(seen["X-Segment"] == "b")
      #expect(seen["X-None"] == nil)
    }

    @Test func nobodyCanAddFieldsThroughAValue() throws {
      let seen = try #require(
        try request(
          { $0.add.headers = ["X-A": "${request.query.x}"] },
          target: "/?x=1%0d%0aX-Evil:%20yes"
        ).seen)
      #expect(seen["X-A"] == nil)
      #expect(seen["X-Evil"] == nil)
    }

    @Test func queries() throws {
      let result = try request(
        {
          $0.remove.query = ["gone"]
          $0.rename.query = ["x": "z"]
          $0.replace.query = ["y": "${request.header.x-in}", "absent": "never"]
          $0.add.query = ["y": "never", "new": "a"]
          $0.append.query = ["y": "more"]
        }, "X-In: a&b=c d", target: "/?x=1&gone&y=2&y=3&gone=2")
      #expect(result.response.text == "/?z=1&y=a%26b%3Dc%20d&new=a&y=more")
    }

    @Test func pathsAndMethods() throws {
      let result = try request(
        {
          $0.path = "/v2/${request.path.name}/x"
          $0.method = "POST"
        }, target: "/old/n%2F", route: { $0.match.path = "/old/{name}" })
      // An encoded slash is refused by the listener before anything else.
      #expect(result.response.status == 400)
      let good = try request(
        {
          $0.path = "/v2/${request.path.name}/x"
          $0.method = "POST"
        }, target: "/old/name?q", route: { $0.match.path = "/old/{name}" })
      #expect(good.response.text == "/v2/name/x?q")
      #expect(good.seen?.method == "POST")
    }

    @Test(arguments: ["..", ".", "a/../..", ""])
    func valuesDoNotLeaveThePath(value: String) throws {
      let result = try request(
        { $0.path = "/files/${request.header.x-name}/data" }, "X-Name: \(value)")
      if let seen = result.seen {
        #expect(seen.target.hasPrefix("/files/"))
        #expect(!seen.target.contains(".."))
      } else {
        #expect(result.response.status == 400)
      }
      if value == ".." { #expect(result.response.status == 400) }
    }

    @Test func responses() throws {
      let upstream = try ScriptedUpstream.answering { _ in
        ok("", "X-Powered-By: magic", "X-Old: 1", "X-Set: a", "X-Set: b")
      }
      let fixture = try Fixture(to: upstream) { configuration in
        var transform = Configuration.ResponseTransform()
        transform.remove.headers = ["x-powered-by"]
        transform.rename.headers = ["X-Old": "X-New"]
        transform.replace.headers = ["X-Set": "${request.path}"]
        transform.add.headers = ["X-New": "never", "X-Added": "yes"]
        configuration.all.policies[Configuration.ResponseTransform.self] = transform
        // Also what comes from memory.
        var cache = Configuration.Cache()
        cache.ttl = .seconds(60)
        configuration.all.policies[Configuration.Cache.self] = cache
      }
      for _ in 0..<2 {
        let response = try fixture.get("/path")
        #expect(response["X-Powered-By"] == nil)
        #expect(response["X-New"] == "1")
        #expect(response["X-Set"] == "/path")
        #expect(response["X-Added"] == "yes")
      }
      #expect(upstream.requests.count == 1)
    }

    // MARK: Answers

    @Test func redirects() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) { configuration in
        var redirect = Configuration.Redirect()
        redirect.location = "https://new.test/${request.path.name}?a=${request.header.x}"
        redirect.status = 308
        configuration.all.match.path = "/old/{name}"
        configuration.all.policies[Configuration.Redirect.self] = redirect
      }
      let response = try fixture.get("/old/thing", "X: b&c d")
      #expect(response.status == 308)
      #expect(response["Location"] == "https://new.test/thing?a=b%26c%20d")
      #expect(upstream.requests.isEmpty)
    }

    @Test func mocksAndFaults() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) { configuration in
        var mock = Configuration.Mock()
        mock.status = 201
        mock.body = "{}"
        mock.headers = ["X-Mock": "yes"]
        configuration.all.policies[Configuration.Mock.self] = mock
        var failing = configuration.all
        failing.match.prefix = "/fail"
        failing.policies = Configuration.Policies()
        var fault = Configuration.Fault()
        fault.abort = 503
        failing.policies[Configuration.Fault.self] = fault
        configuration.routes["failing"] = failing
        var slow = failing
        slow.match.prefix = "/slow"
        fault = Configuration.Fault()
        fault.delay = .milliseconds(5)
        slow.policies[Configuration.Fault.self] = fault
        configuration.routes["slow"] = slow
      }
      let mock = try fixture.get("/")
      #expect(mock.status == 201)
      #expect(mock["Content-Type"] == "application/json")
      #expect(mock["X-Mock"] == "yes")
      #expect(mock.text == "{}")
      #expect(try fixture.get("/fail").status == 503)
      #expect(upstream.requests.isEmpty)
      #expect(try fixture.get("/slow").text == "/slow")
    }

    /// Some of many, and the rest as if nothing were set.
    @Test func faultsHitAShare() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) {
        var fault = Configuration.Fault()
        fault.abort = 418
        fault.abortPercent = 50
        $0.all.policies[Configuration.Fault.self] = fault
      }
      let client = try fixture.client()
      let statuses = try (0..<400).map { _ in try client.get("/").status }
      #expect(Set(statuses) == [200, 418])
      #expect(upstream.requests.count == statuses.filter { $0 == 200 }.count)
      var next = fixture.gateway.configuration
      next.all.policies[Configuration.Fault.self]?.abortPercent = 0
      try fixture.gateway.reload(next)
      #expect(try (0..<100).allSatisfy { _ in try client.get("/").status == 200 })
    }

    // MARK: Other origins

    private func crossOrigin(
      _ edit: (inout Configuration.CORS) -> Void = { _ in }
    ) throws -> (Fixture, ScriptedUpstream) {
      let upstream = try ScriptedUpstream.answering { _ in
        ok("secret", "Access-Control-Allow-Origin: https://wrong.test")
      }
      let fixture = try Fixture(to: upstream) { configuration in
        var cors = Configuration.CORS()
        cors.origins = ["https://app.test", "https://*.apps.test"]
        edit(&cors)
        configuration.all.policies[Configuration.CORS.self] = cors
        configuration.all.policies[Configuration.KeyAuth.self] = Configuration.KeyAuth()
      }
      return (fixture, upstream)
    }

    @Test func preflightsAreAnsweredBeforeCredentialsAreAskedFor() throws {
      let (fixture, upstream) = try crossOrigin {
        $0.credentials = true
        $0.privateNetwork = true
      }
      func preflight(_ origin: String) throws -> Message {
        try fixture.client().exchange(
          "OPTIONS / HTTP/1.1\r\nHost: a\r\nOrigin: \(origin)\r\n"
            + "Access-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: x-a, x-b\r\n"
            + "Access-Control-Request-Private-Network: true\r\n\r\n")
      }
      let good = try preflight("https://app.test")
      #expect(good.status == 204)
      #expect(good["Content-Length"] == nil)
      #expect(good["Access-Control-Allow-Origin"] == "https://app.test")
      #expect(good["Access-Control-Allow-Credentials"] == "true")
      #expect(good["Access-Control-Allow-Methods"]?.contains("PUT") == true)
      #expect(good["Access-Control-Allow-Headers"] == "x-a, x-b")
      #expect(good["Access-Control-Allow-Private-Network"] == "true")
      #expect(good["Access-Control-Max-Age"] == "600")
      #expect(
        good["Vary"]
          == "Origin, Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network"
      )
      #expect(
        try preflight("https://x.apps.test")["Access-Control-Allow-Origin"] == "https://x.apps.test"
      )
      for origin in ["https://evil.test", "http://app.test", "https://apps.test", "null"] {
        let refused = try preflight(origin)
        #expect(refused.status == 204)
        #expect(refused["Access-Control-Allow-Origin"] == nil)
      }
      #expect(upstream.requests.isEmpty)
    }

    @Test func errorsAndResponsesAreMarked() throws {
      let (fixture, _) = try crossOrigin { $0.exposedHeaders = ["X-Total"] }
      let refused = try fixture.get("/", "Origin: https://app.test")
      #expect(refused.status == 401)
      #expect(refused["Access-Control-Allow-Origin"] == "https://app.test")
      #expect(refused["Access-Control-Expose-Headers"] == "X-Total")
      let plain = try fixture.get("/")
      #expect(plain["Vary"] == "Origin")
      #expect(plain["Access-Control-Allow-Origin"] == nil)
    }

    @Test func theTargetsWordDoesNotCount() throws {
      let (fixture, _) = try crossOrigin { _ in }
      var next = fixture.gateway.configuration
      next.all.policies.turnOff(Configuration.KeyAuth.self)
      try fixture.gateway.reload(next)
      #expect(
        try fixture.get("/", "Origin: https://app.test")["Access-Control-Allow-Origin"]
          == "https://app.test")
      #expect(
        try fixture.get("/", "Origin: https://evil.test")["Access-Control-Allow-Origin"] == nil)
    }
  }
}
