import Foundation
import SluiceConfiguration
import SluiceGateway
import SluiceReactor
import Testing

extension Scenarios {
  /// How much: `rate-limit` and `quota` against the real gateway.
  @Suite struct RateLimitTests {
    private func fixture(
      to upstream: ScriptedUpstream, _ edit: (inout Configuration) -> Void
    ) throws -> Fixture {
      try Fixture(to: upstream) { configuration in
        for name in ["alice", "bob"] {
          var consumer = Configuration.Consumer()
          var credential = Configuration.Credential()
          credential.keyAuth = Configuration.KeyCredential(key: "\(name)-key")
          consumer.credentials = [credential]
          configuration.consumers[name] = consumer
        }
        configuration.all.policies[Configuration.KeyAuth.self] = Configuration.KeyAuth()
        edit(&configuration)
      }
    }

    private func limit(
      _ limit: Int, per window: Timespan = .seconds(3_600),
      algorithm: Configuration.RateLimit.Algorithm = .tokenBucket
    ) -> Configuration.RateLimit {
      var settings = Configuration.RateLimit()
      settings.limit = limit
      settings.window = window
      settings.algorithm = algorithm
      return settings
    }

    /// The numbers of `"name";r=1;t=2`.
    private func numbers(_ field: String?) throws -> (remaining: Int, seconds: Int) {
      let field = try #require(field)
      let match = try #require(field.wholeMatch(of: /"[a-z0-9]+";r=(\d+);t=(\d+)/))
      return (try #require(Int(match.1)), try #require(Int(match.2)))
    }

    @Test func oneTooManyIsTold() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream) {
        $0.all.policies[Configuration.RateLimit.self] = limit(3)
      }
      for left in [2, 1, 0] {
        let response = try fixture.get("/", "apikey: alice-key")
        #expect(response.status == 200)
        #expect(response["RateLimit-Policy"] == "\"1h\";q=3;w=3600")
        let told = try numbers(response["RateLimit"])
        #expect(told.remaining == left)
        // Full again after 20 minutes for each; the test itself takes its time.
        #expect(((3 - left) * 1_200 - 100...(3 - left) * 1_200).contains(told.seconds))
        #expect(response["Retry-After"] == nil)
      }
      let refused = try fixture.get("/", "apikey: alice-key")
      #expect(refused.status == 429)
      #expect(refused.code == "rate-limited")
      let told = try numbers(refused["RateLimit"])
      #expect(told.remaining == 0)
      #expect(refused["Retry-After"] == "\(told.seconds)")
      #expect((1_100...1_200).contains(told.seconds))
      // That of others is not touched, and who is nobody does not count.
      #expect(try fixture.get("/", "apikey: bob-key").status == 200)
      #expect(try fixture.get("/").status == 401)
      #expect(upstream.requests.count == 4)
    }

    /// Wrong keys use up the address's limit, so that nobody guesses for long; the right one then waits, too.
    @Test func whoIsRefusedCountsBeforeTheStageIdentify() throws {
      let upstream = try ScriptedUpstream.echoing()
      for isBefore in [false, true] {
        let fixture = try fixture(to: upstream) {
          var settings = limit(3)
          settings.by = .address
          settings.before = isBefore ? .identify : nil
          $0.all.policies[Configuration.RateLimit.self] = settings
        }
        let statuses = try (0..<5).map { try fixture.get("/", "apikey: wrong-\($0)").status }
        #expect(statuses == (isBefore ? [401, 401, 401, 429, 429] : [401, 401, 401, 401, 401]))
        #expect(try fixture.get("/", "apikey: alice-key").status == (isBefore ? 429 : 200))
      }
    }

    @Test func hiddenLimitsHold() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream) {
        var settings = limit(1, algorithm: .fixedWindow)
        settings.window = .seconds(366 * 86_400)
        settings.hide = true
        $0.all.policies[Configuration.RateLimit.self] = settings
      }
      let response = try fixture.get("/", "apikey: alice-key")
      let refused = try fixture.get("/", "apikey: alice-key")
      #expect(response.status == 200 && refused.status == 429)
      for message in [response, refused] {
        #expect(message["RateLimit"] == nil && message["RateLimit-Policy"] == nil)
      }
      #expect(refused["Retry-After"] != nil)
    }

    /// 10,000 from eight connections over four workers; 1,000 pass.
    @Test(arguments: Configuration.RateLimit.Algorithm.allCases)
    func exactOverAllWorkers(algorithm: Configuration.RateLimit.Algorithm) throws {
      let upstream = try ScriptedUpstream { peer in
        while try peer.readRequest() != nil { try peer.send(ok("")) }
      }
      let fixture = try Fixture(to: upstream) {
        $0.workers = .count(4)
        var settings = limit(1_000, per: .seconds(366 * 86_400), algorithm: algorithm)
        settings.by = .header("X-Tenant")
        $0.all.policies[Configuration.RateLimit.self] = settings
      }
      let statuses = Locked([Int: Int]())
      let (threads, batches, batch) = (8, 25, 50)
      let port = fixture.port
      DispatchQueue.concurrentPerform(iterations: threads) { _ in
        guard let client = try? TestClient(port: port) else { return }
        let request = "GET / HTTP/1.1\r\nHost: a\r\nx-tenant: one\r\n\r\n"
        for _ in 0..<batches {
          try? client.send(String(repeating: request, count: batch))
          for _ in 0..<batch {
            let status = (try? client.reader.readResponse(to: "GET").status) ?? 0
            statuses.withLock { $0[status, default: 0] += 1 }
          }
        }
      }
      #expect(statuses.withLock { $0 } == [200: 1_000, 429: 9_000])
      #expect(try fixture.get("/", "x-tenant: two").status == 200)
    }

    /// Whoever leaves the header out is counted, too: by address.
    @Test func withoutAKeyTheAddressCounts() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) {
        $0.web.trustedProxies = ["127.0.0.1"]
        var settings = limit(1)
        settings.by = .header("X-Tenant")
        $0.all.policies[Configuration.RateLimit.self] = settings
      }
      let callers = [
        ("X-Forwarded-For: 192.0.2.1", 200), ("X-Forwarded-For: 192.0.2.1", 429),
        ("X-Forwarded-For: 2001:db8::1", 200), ("X-Forwarded-For: 2001:db8::2", 429),
        ("X-Forwarded-For: 2001:db8:0:1::1", 200), ("X-Tenant: 192.0.2.1", 200),
        ("X-Tenant: 192.0.2.1", 429),
      ]
      for (field, status) in callers { #expect(try fixture.get("/", field).status == status) }
    }

    /// Two requests of each kind that count together or apart; the limit is one.
    @Test(arguments: [
      ("consumer", ["alice-1", "alice-2", "bob-1"], [200, 429, 200]),
      ("credential", ["alice-1", "alice-2", "alice-1"], [200, 200, 429]),
      ("address", ["alice-1", "bob-1"], [200, 429]), ("route", ["alice-1", "bob-1"], [200, 429]),
      ("all", ["alice-1", "bob-1"], [200, 429]), ("path:/", ["alice-1", "bob-1"], [200, 429]),
    ])
    func whatCountsTogether(by: String, keys: [String], statuses: [Int]) throws {
      let upstream = try ScriptedUpstream.echoing()
      let key = try #require(Configuration.LimitKey(text: by))
      let fixture = try Fixture(to: upstream) {
        $0.consumers["alice"] = .init(keys: ["alice-1", "alice-2"])
        $0.consumers["bob"] = .init(keys: ["bob-1"])
        $0.all.policies[Configuration.KeyAuth.self] = Configuration.KeyAuth()
        var settings = limit(1)
        settings.by = key
        $0.all.policies[Configuration.RateLimit.self] = settings
      }
      #expect(try keys.map { try fixture.get("/", "apikey: \($0)").status } == statuses)
    }

    @Test func aClaimCounts() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) {
        $0.all.policies[Configuration.JWT.self] = TestToken.policy
        var settings = limit(1)
        settings.by = .claim("tenant")
        $0.all.policies[Configuration.RateLimit.self] = settings
      }
      for (subject, tenant, status) in [
        ("alice", "acme", 200), ("bob", "acme", 429), ("alice", "other", 200),
      ] {
        let token = TestToken.bearer(subject: subject, claims: ["tenant": tenant])
        #expect(try fixture.get("/", token).status == status)
      }
      // Without it they are counted by their address.
      #expect(try fixture.get("/", TestToken.bearer(subject: "alice")).status == 200)
      #expect(try fixture.get("/", TestToken.bearer(subject: "bob")).status == 429)
    }

    @Test func aReloadForgetsNothing() throws {
      // No test goes over the end of such a window.
      let year = Timespan.seconds(366 * 86_400)
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream) {
        $0.workers = .count(2)
        $0.all.policies[Configuration.RateLimit.self] = limit(2, per: year, algorithm: .fixedWindow)
      }
      func reload(_ settings: Configuration.RateLimit) throws {
        var next = fixture.gateway.configuration
        next.all.policies[Configuration.RateLimit.self] = settings
        try fixture.gateway.reload(next)
      }
      func statuses(_ count: Int) throws -> [Int] {
        try (0..<count).map { _ in try fixture.get("/", "apikey: alice-key").status }
      }
      #expect(try statuses(3) == [200, 200, 429])
      try reload(limit(2, per: year, algorithm: .fixedWindow))
      #expect(try statuses(1) == [429])
      // More are allowed; those before count.
      try reload(limit(3, per: year, algorithm: .fixedWindow))
      #expect(try statuses(2) == [200, 429])
      try reload(limit(1, per: year, algorithm: .fixedWindow))
      #expect(try statuses(1) == [429])
      // What counts otherwise begins anew.
      try reload(limit(1, per: .seconds(365 * 86_400), algorithm: .fixedWindow))
      #expect(try statuses(2) == [200, 429])
    }

    /// A month ends with the calendar's, wherever it began to count.
    @Test func windowsOfTheCalendarEndByTheClock() throws {
      let upstream = try ScriptedUpstream.echoing()
      // 2027-01-31T23:59:30Z
      let time = Locked(Int64(1_801_439_970))
      var options = Gateway.Options()
      options.clock = UnixClock { time.withLock { $0 } * 1_000_000_000 }
      let fixture = try Fixture(
        configuration(targets: [upstream.url]) {
          var settings = Configuration.RateLimit()
          settings.windows = [
            .init(limit: 5, window: .seconds(365 * 86_400)),
            .init(limit: 2, window: .seconds(30 * 86_400)),
          ]
          settings.algorithm = .calendarWindow
          settings.by = .all
          $0.all.policies[Configuration.RateLimit.self] = settings
        }, options: options)
      fixture.upstream = upstream
      for left in [1, 0] {
        let response = try fixture.get("/")
        #expect(response.status == 200)
        #expect(response["RateLimit-Policy"] == "\"year\";q=5, \"month\";q=2")
        #expect(response["RateLimit"]?.contains("\"month\";r=\(left);t=") == true)
      }
      let refused = try fixture.get("/")
      #expect(refused.status == 429)
      // Thirty seconds to February, of which the calendar's next look may be one later.
      #expect((29...30).contains(Int(refused["Retry-After"] ?? "") ?? 0))
      time.withLock { $0 += 30 }
      try waitUntil { (try? fixture.get("/").status) == 200 }
      #expect(try fixture.get("/").status == 200)
      let next = try fixture.get("/")
      #expect(next.status == 429)
      #expect(try #require(Int(next["Retry-After"] ?? "")) > 27 * 86_400)
      // The year has seen four.
      time.withLock { $0 += 28 * 86_400 }
      try waitUntil { (try? fixture.get("/").status) == 200 }
      #expect(try fixture.get("/").status == 429)
    }

    @Test func severalLimitsHoldTogether() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream) {
        var settings = Configuration.RateLimit()
        settings.windows = [
          .init(limit: 5, window: .seconds(86_400)),
          .init(limit: 2, window: .seconds(3_600), burst: 3),
        ]
        $0.all.policies[Configuration.RateLimit.self] = settings
      }
      for left in [2, 1, 0] {
        let response = try fixture.get("/", "apikey: alice-key")
        #expect(response.status == 200)
        #expect(
          response["RateLimit-Policy"] == "\"24h\";q=5;w=86400, \"1h\";q=2;w=3600;sluice-burst=3")
        let field = try #require(response["RateLimit"])
        #expect(field.hasPrefix("\"24h\";r=\(left + 2);t="))
        #expect(field.contains(", \"1h\";r=\(left);t="))
      }
      let refused = try fixture.get("/", "apikey: alice-key")
      #expect(refused.status == 429)
      #expect(try numbers(refused["RateLimit"]).remaining == 0)
      #expect(refused["RateLimit"]?.hasPrefix("\"1h\"") == true)
    }

    /// One budget, spent by routes with prices of their own, whatever carries the request.
    @Test func routesSpendOneQuota() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream) {
        var quota = Configuration.Quota()
        quota.month = 12
        quota.budget = "calls"
        $0.all.policies[Configuration.Quota.self] = quota
        var report = $0.all
        report.match.path = "/report"
        quota.cost = 10
        report.policies[Configuration.Quota.self] = quota
        $0.routes["report"] = report
      }
      func month(_ message: Message) throws -> Int { try numbers(message["RateLimit"]).remaining }
      let first = try fixture.get("/", "apikey: alice-key")
      #expect(first["RateLimit-Policy"] == "\"month\";q=12")
      #expect(try month(first) == 11)
      #expect(try month(fixture.get("/report", "apikey: alice-key")) == 1)
      let refused = try fixture.get("/report", "apikey: alice-key")
      #expect(refused.status == 429)
      #expect(refused.code == "quota-exceeded")
      #expect(try month(refused) == 1)
      let field = try #require(refused["Retry-After"])
      let seconds = try #require(Int(field))
      #expect((1...31 * 86_400).contains(seconds))
      #expect(try month(fixture.get("/", "apikey: alice-key")) == 0)
      #expect(try fixture.get("/", "apikey: alice-key").status == 429)
      #expect(try month(fixture.get("/", "apikey: bob-key")) == 11)
      try fixture.gateway.reload(fixture.gateway.configuration)
      #expect(try fixture.get("/", "apikey: alice-key").status == 429)
    }

    @Test func groupsHaveLimitsOfTheirOwn() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream) {
        $0.all.policies[Configuration.RateLimit.self] = limit(1)
        $0.consumers["bob"]?.groups = ["gold"]
        var policies = Configuration.Policies()
        policies[Configuration.RateLimit.self] = limit(2)
        $0.groups["gold"] = Configuration.Group(policies: policies)
      }
      func statuses(_ name: String) throws -> [Int] {
        try (0..<3).map { _ in try fixture.get("/", "apikey: \(name)-key").status }
      }
      #expect(try statuses("alice") == [200, 429, 429])
      #expect(try statuses("bob") == [200, 200, 429])
    }
  }
}
