import Foundation
import SluiceConfiguration
import SluiceGateway
import SluiceReactor
import Testing

extension Scenarios {
  /// The cache against the real gateway: what is served from memory, and what must never be.
  @Suite struct CacheTests {
    private func fixture(
      to upstream: ScriptedUpstream, _ edit: (inout Configuration.Cache) -> Void = { _ in },
      rest: (inout Configuration) -> Void = { _ in }
    ) throws -> Fixture {
      try Fixture(to: upstream) { configuration in
        var cache = Configuration.Cache()
        edit(&cache)
        configuration.all.policies[Configuration.Cache.self] = cache
        rest(&configuration)
      }
    }

    /// Answers with the number of the request and these fields.
    private func counting(_ fields: String...) throws -> ScriptedUpstream {
      let count = Locked(0)
      let fields = fields.map { $0 + "\r\n" }.joined()
      return try .answering { request in
        let number = count.withLock {
          $0 += 1
          return $0
        }
        let body = request.method == "HEAD" ? "" : "answer \(number) to \(request.target)"
        return "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\(fields)\r\n\(body)"
      }
    }

    @Test func theSecondRequestIsAHit() throws {
      let upstream = try counting("Cache-Control: max-age=60", "ETag: \"v1\"", "X-A: b")
      let fixture = try fixture(to: upstream)
      let client = try fixture.client()
      let first = try client.get("/time")
      #expect(first.text == "answer 1 to /time")
      #expect(first["Cache-Status"] == "sluice; fwd=uri-miss; stored")
      #expect(first["Age"] == nil)
      let second = try client.get("/time")
      #expect(second.text == first.text)
      #expect(second["X-A"] == "b")
      #expect(second["Age"] != nil)
      #expect(second["Cache-Status"]?.hasPrefix("sluice; hit; ttl=") == true)
      #expect(second["Date"] != nil)
      let head = try client.exchange("HEAD /time HTTP/1.1\r\nHost: gateway.test\r\n\r\n")
      #expect(head["Content-Length"] == "\(first.body.count)")
      #expect(head["Cache-Status"]?.contains("hit") == true)
      let unchanged = try client.get("/time", "If-None-Match: \"v0\", W/\"v1\"")
      #expect(unchanged.status == 304)
      #expect(unchanged["ETag"] == "\"v1\"")
      #expect(try client.get("/time", "If-None-Match: \"v0\"").status == 200)
      // Another query, another host, another path.
      #expect(try client.get("/time?a=1").text == "answer 2 to /time?a=1")
      #expect(
        try client.exchange("GET /time HTTP/1.1\r\nHost: other.test\r\n\r\n").text
          == "answer 3 to /time")
      #expect(upstream.requests.count == 3)
      #expect(fixture.gateway.cacheUsage.entries == 3)
    }

    /// RFC 9213: what is said to caches like this one counts in the place of what is said to all, and goes
    /// on to those that are nearer to the caller.
    @Test func whatIsMeantForSharedCachesCountsFirst() throws {
      let upstream = try ScriptedUpstream.answering { request in
        switch request.target {
        case "/yes": ok("a", "Cache-Control: no-store", "CDN-Cache-Control: max-age=60")
        case "/no": ok("a", "CDN-Cache-Control: no-store", "Cache-Control: max-age=60")
        case "/two": ok("a", "CDN-Cache-Control: max-age=60", "CDN-Cache-Control: private")
        case "/expired":
          ok("a", "Expires: Thu, 01 Jan 1970 00:00:00 GMT", "CDN-Cache-Control: max-age=60")
        // One that is malformed counts for nothing.
        case "/broken": ok("a", "CDN-Cache-Control: max-age=60,", "Cache-Control: no-store")
        default: ok("a", "CDN-Cache-Control: &", "Cache-Control: max-age=60")
        }
      }
      let fixture = try fixture(to: upstream)
      let client = try fixture.client()
      for (path, isStored) in [
        ("/yes", true), ("/no", false), ("/two", false), ("/expired", true), ("/broken", false),
        ("/other", true),
      ] {
        _ = try client.get(path)
        let second = try client.get(path)
        #expect(second["Cache-Status"]?.contains("; hit") == isStored, "\(path)")
        #expect(second["CDN-Cache-Control"] != nil)
      }
      #expect(try client.get("/yes")["Cache-Control"] == "no-store")
    }

    @Test func workersShareWhatIsStored() throws {
      let upstream = try counting("Cache-Control: max-age=60")
      let fixture = try fixture(to: upstream, rest: { $0.workers = .count(4) })
      for _ in 0..<20 { #expect(try fixture.get("/").text == "answer 1 to /") }
      #expect(upstream.requests.count == 1)
    }

    @Test func largeBodiesComeFromMemoryAtTheCallersPace() throws {
      let body = String(repeating: "0123456789abcdef", count: 50_000)
      let upstream = try ScriptedUpstream.answering { _ in
        ok(body, "Cache-Control: max-age=60")
      }
      let fixture = try fixture(to: upstream)
      #expect(try fixture.get("/").body.count == body.utf8.count)
      let slow = try fixture.client(receiveBuffer: 4_096)
      for _ in 0..<3 { #expect(try slow.get("/").text == body) }
      #expect(upstream.requests.count == 1)
    }

    /// From where the kernel takes bodies to where they are copied, and what passes a policy on its way.
    @Test(arguments: [16_383, 16_384, 16_385, 65_536, 65_537, 300_000])
    func bodiesOfEverySizeAreWhatTheyWere(size: Int) async throws {
      let upstream = try ScriptedUpstream.answering { request in
        request.target == "/other"
          ? ok("another", "Cache-Control: max-age=60")
          : ok(
            String(repeating: "0123456789abcdef", count: size / 16 + 1).prefix(size).description,
            "Cache-Control: max-age=60", "Content-Type: text/plain")
      }
      let fixture = try fixture(
        to: upstream,
        rest: { $0.all.policies[Configuration.Compression.self] = Configuration.Compression() })
      let client = try fixture.client()
      let first = try client.get("/")
      #expect(first.body.count == size)
      for _ in 0..<2 {
        #expect(try client.get("/").body == first.body)
        #expect(try client.get("/other").text == "another")
        let packed = try client.get("/", "Accept-Encoding: gzip")
        #expect(packed["Content-Encoding"] == "gzip" && packed.body.count < size)
        let old = try fixture.client().exchange("GET / HTTP/1.0\r\nHost: gateway.test\r\n\r\n")
        #expect(old.body == first.body && old["Content-Length"] == "\(size)")
      }
      #expect(upstream.requests.count == 2)
      let moved = await fixture.gateway.reports().reduce(0) { $0 + $1.splicedBytes }
      #expect(moved == (size < 16_384 ? 0 : UInt64(4 * size)))
    }

    /// What was taken out while it was on its way arrives as it was, though its memory is given back.
    @Test func aBodyOnItsWayOutlivesItsEntry() throws {
      let body = String(repeating: "0123456789abcdef", count: 50_000)
      let upstream = try ScriptedUpstream.answering { request in
        let filler = String(repeating: "z", count: body.utf8.count)
        return ok(request.target == "/" ? body : filler, "Cache-Control: max-age=60")
      }
      let fixture = try fixture(to: upstream)
      #expect(try fixture.get("/").text == body)
      let slow = try fixture.client(receiveBuffer: 4_096)
      try slow.send("GET / HTTP/1.1\r\nHost: gateway.test\r\n\r\n")
      // Behind it in the same loop, so that it has begun.
      #expect(try fixture.get("/").text == body)
      #expect(fixture.gateway.purgeCache(.everything) == 1)
      for number in 0..<8 { _ = try fixture.get("/\(number)") }
      #expect(try slow.reader.readResponse().text == body)
      #expect(upstream.requests.count == 9)
    }

    /// Neither what was cut short nor what might have been.
    @Test func onlyWholeResponsesAreStored() throws {
      let upstream = try ScriptedUpstream { peer in
        while let request = try peer.readRequest() {
          switch request.target {
          case "/close":
            try peer.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n\r\nabc")
            return
          case "/cut":
            try peer.send(
              "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 9\r\n\r\nabc")
            return
          case "/chunked-cut":
            try peer.send(
              "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
            )
            return
          case "/part":
            try peer.send(
              "HTTP/1.1 206 Partial Content\r\nCache-Control: max-age=60\r\nContent-Range: bytes 0-2/9\r\nContent-Length: 3\r\n\r\nabc"
            )
          default:
            try peer.send(
              "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
            )
          }
        }
      }
      let fixture = try fixture(to: upstream)
      for path in ["/close", "/cut", "/chunked-cut", "/part"] {
        for _ in 0..<2 { _ = try fixture.get(path) }
      }
      #expect(upstream.requests.count == 8)
      #expect(fixture.gateway.cacheUsage.entries == 0)
      for _ in 0..<2 { #expect(try fixture.get("/whole").text == "abc") }
      #expect(upstream.requests.count == 9)
    }

    @Test(arguments: [
      "no-store", "private", "max-age=60, private", "no-store, public, max-age=60", "max-age=x",
      "max-age=60 public",
    ])
    func whatTheTargetForbidsIsNotStored(control: String) throws {
      let upstream = try counting("Cache-Control: \(control)")
      let fixture = try fixture(to: upstream) { $0.ttl = .seconds(60) }
      for number in 1...3 { #expect(try fixture.get("/").text == "answer \(number) to /") }
    }

    @Test func cookiesOfOthersAreNotHandedOut() throws {
      let upstream = try counting("Cache-Control: public, max-age=60", "Set-Cookie: session=secret")
      let refusing = try fixture(to: upstream)
      for number in 1...2 { #expect(try refusing.get("/").text == "answer \(number) to /") }
      let stripping = try fixture(to: upstream) { $0.setCookie = .strip }
      #expect(try stripping.get("/")["Set-Cookie"] == "session=secret")
      let second = try stripping.get("/")
      #expect(second.text == "answer 3 to /")
      #expect(second["Set-Cookie"] == nil)
    }

    @Test func credentialsOfOneAreNotAnothers() throws {
      let upstream = try counting("Cache-Control: max-age=60")
      let fixture = try fixture(to: upstream)
      for field in ["Authorization: Basic YTpi", "Cookie: session=1"] {
        #expect(try fixture.get("/\(field.prefix(3))", field).status == 200)
        let other = try fixture.get("/\(field.prefix(3))", field)
        #expect(other["Cache-Status"]?.contains("hit") == false)
      }
      // Nor is the anonymous response given to who is logged in.
      _ = try fixture.get("/c")
      #expect(try fixture.get("/c")["Cache-Status"]?.contains("hit") == true)
      #expect(try fixture.get("/c", "Cookie: a=b")["Cache-Status"]?.contains("hit") == false)
    }

    @Test func consumersHaveTheirOwn() throws {
      let upstream = try ScriptedUpstream.answering { request in
        let control = request.target == "/public" ? "public, max-age=60" : "max-age=60"
        return ok("for \(request["X-Consumer-Username"] ?? "nobody")", "Cache-Control: \(control)")
      }
      let fixture = try fixture(
        to: upstream,
        rest: { configuration in
          for name in ["alice", "bob"] {
            var consumer = Configuration.Consumer()
            var credential = Configuration.Credential()
            credential.keyAuth = Configuration.KeyCredential(key: "\(name)-key")
            consumer.credentials = [credential]
            configuration.consumers[name] = consumer
          }
          configuration.all.policies[Configuration.KeyAuth.self] = Configuration.KeyAuth()
        })
      for _ in 0..<2 {
        #expect(try fixture.get("/own", "apikey: alice-key").text == "for alice")
        #expect(try fixture.get("/own", "apikey: bob-key").text == "for bob")
        #expect(try fixture.get("/public", "apikey: alice-key").text == "for alice")
        #expect(try fixture.get("/public", "apikey: bob-key").text == "for alice")
      }
      #expect(upstream.requests.count == 3)
    }

    @Test func varyKeepsVariantsApart() throws {
      let upstream = try ScriptedUpstream.answering { request in
        ok(
          "in \(request["Accept-Language"] ?? "none")", "Cache-Control: max-age=60",
          "Vary: Accept-Language, X-Unused")
      }
      let fixture = try fixture(to: upstream) { $0.maxVariants = 2 }
      for _ in 0..<2 {
        #expect(try fixture.get("/", "Accept-Language: de").text == "in de")
        #expect(try fixture.get("/", "Accept-Language: en").text == "in en")
      }
      #expect(upstream.requests.count == 2)
      // The third takes the place of the oldest.
      #expect(try fixture.get("/").text == "in none")
      #expect(fixture.gateway.cacheUsage.entries == 2)
      #expect(try fixture.get("/", "Accept-Language: en").text == "in en")
      #expect(upstream.requests.count == 3)
    }

    /// What can't be in a key must not make a response for everybody.
    @Test func unkeyedInputDoesNotPoison() throws {
      let upstream = try ScriptedUpstream.answering { request in
        let told = request.fields.filter { $0.name.lowercased().hasPrefix("x-") }
        return ok("\(request.target) \(told.map(\.value))", "Cache-Control: public, max-age=60")
      }
      let fixture = try fixture(to: upstream) { $0.key.queryIgnored = ["utm"] }
      let poisons = [
        "X-HTTP-Method-Override: DELETE", "X-Original-URL: /admin", "X-Rewrite-URL: /admin",
        "X-Host: evil", "X-Forwarded-Scheme: http", "X-Forwarded-Server: evil",
      ]
      for poison in poisons {
        #expect(try fixture.get("/", poison)["Cache-Status"] == "sluice; fwd=bypass")
      }
      // Untrusted, so it never reaches the target.
      #expect(try !fixture.get("/", "X-Forwarded-Host: evil").text.contains("evil"))
      #expect(try !fixture.get("/").text.contains("evil"))
      #expect(try fixture.get("/?a=1&utm=evil").text.hasPrefix("/?a=1 "))
      #expect(try fixture.get("/?a=1&utm=other")["Cache-Status"]?.contains("hit") == true)
      // A body is no part of the key.
      let body = try fixture.client().exchange(
        "GET /body HTTP/1.1\r\nHost: gateway.test\r\nContent-Length: 4\r\n\r\nevil")
      #expect(body["Cache-Status"] == "sluice; fwd=bypass")
      #expect(try fixture.get("/", "Range: bytes=0-1")["Cache-Status"] == "sluice; fwd=bypass")
    }

    @Test func staleResponsesAreAskedAbout() throws {
      let upstream = try ScriptedUpstream.answering { request in
        if request["If-None-Match"] == "\"v1\"" {
          return "HTTP/1.1 304 Not Modified\r\nETag: \"v1\"\r\nX-News: yes\r\n\r\n"
        }
        return ok("whole", "Cache-Control: no-cache", "ETag: \"v1\"", "X-Old: yes")
      }
      let fixture = try fixture(to: upstream)
      #expect(try fixture.get("/").text == "whole")
      let client = try fixture.client()
      for _ in 0..<2 {
        let again = try client.get("/")
        #expect(again.text == "whole")
        #expect(again["X-News"] == "yes")
        #expect(again["X-Old"] == "yes")
        #expect(again["Cache-Status"] == "sluice; fwd=stale; fwd-status=304")
      }
      #expect(try client.get("/", "If-None-Match: \"v1\"").status == 304)
      #expect(upstream.requests.count == 4)
      // The connection to the target was used again.
      #expect(upstream.connectionCount == 1)
    }

    @Test func failuresAreHiddenByWhatIsStale() throws {
      let isFailing = Locked(false)
      let upstream = try ScriptedUpstream { peer in
        while let request = try peer.readRequest() {
          if isFailing.withLock({ $0 }) {
            if request.target == "/down" { return }
            try peer.send("HTTP/1.1 503 Unavailable\r\nContent-Length: 4\r\n\r\ndown")
          } else {
            try peer.send(ok("good", "Cache-Control: max-age=0, stale-if-error=60"))
          }
        }
      }
      let fixture = try fixture(to: upstream)
      for path in ["/503", "/down"] {
        #expect(try fixture.get(path).text == "good")
      }
      isFailing.withLock { $0 = true }
      for path in ["/503", "/down"] {
        for _ in 0..<3 {
          let response = try fixture.get(path)
          #expect(response.text == "good")
          #expect(response["Cache-Status"]?.hasPrefix("sluice; hit; ttl=") == true)
        }
      }
      #expect(try fixture.get("/never").status == 503)
    }

    @Test func aStaleResponseIsServedWhileANewOneIsFetched() throws {
      let upstream = try counting("Cache-Control: max-age=0, stale-while-revalidate=60")
      let fixture = try fixture(to: upstream)
      #expect(try fixture.get("/").text == "answer 1 to /")
      #expect(try fixture.get("/").text == "answer 1 to /")
      try waitUntil("the new response") { try fixture.get("/").text != "answer 1 to /" }
    }

    @Test(arguments: [1, 3])
    func simultaneousMissesMakeOneRequest(workers: Int) throws {
      let gate = Gate()
      let upstream = try ScriptedUpstream { peer in
        while try peer.readRequest() != nil {
          gate.wait()
          try peer.send(ok("once", "Cache-Control: max-age=60"))
        }
      }
      let fixture = try fixture(
        to: upstream, { $0.collapse = .seconds(60) },
        rest: {
          $0.workers = .count(workers)
        })
      let clients = try (0..<1_000).map { _ in try fixture.client() }
      for client in clients { try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n") }
      try waitUntil { upstream.requests.count == 1 }
      gate.open()
      for client in clients { #expect(try client.reader.readResponse().text == "once") }
      #expect(upstream.requests.count == 1)
    }

    @Test func aSlowOneHoldsNobodyPastTheDeadline() throws {
      let gate = Gate()
      let upstream = try ScriptedUpstream { peer in
        while try peer.readRequest() != nil {
          if peer.index == 0 { gate.wait() }
          try peer.send(ok("from \(peer.index)", "Cache-Control: max-age=60"))
        }
      }
      let fixture = try fixture(to: upstream) { $0.collapse = .milliseconds(20) }
      let slow = try fixture.client()
      try slow.send("GET / HTTP/1.1\r\nHost: gateway.test\r\n\r\n")
      try waitUntil { upstream.requests.count == 1 }
      #expect(try fixture.get("/").text == "from 1")
      gate.open()
      #expect(try slow.reader.readResponse().text == "from 0")
    }

    @Test func whoWaitsForSomebodyWhoLeavesGoesOn() throws {
      let upstream = try ScriptedUpstream { peer in
        while try peer.readRequest() != nil {
          if peer.index > 0 { try peer.send(ok("second", "Cache-Control: max-age=60")) }
        }
      }
      let fixture = try fixture(to: upstream) { $0.collapse = .seconds(60) }
      let first = try fixture.client()
      try first.send("GET / HTTP/1.1\r\nHost: gateway.test\r\n\r\n")
      try waitUntil { upstream.requests.count == 1 }
      let second = try fixture.client()
      try second.send("GET / HTTP/1.1\r\nHost: gateway.test\r\n\r\n")
      first.socket.reset()
      #expect(try second.reader.readResponse().text == "second")
    }

    @Test func unsafeMethodsInvalidate() throws {
      let upstream = try counting("Cache-Control: max-age=60")
      let fixture = try fixture(to: upstream)
      let client = try fixture.client()
      _ = try client.get("/a?x=1")
      _ = try client.get("/b")
      _ = try client.exchange(
        "POST /a HTTP/1.1\r\nHost: gateway.test\r\nContent-Length: 0\r\n\r\n")
      #expect(try client.get("/a?x=1").text == "answer 4 to /a?x=1")
      #expect(try client.get("/b").text == "answer 2 to /b")
    }

    @Test func purging() throws {
      let upstream = try counting("Cache-Control: max-age=60", "Surrogate-Key: all news")
      let fixture = try fixture(to: upstream)
      func fill() throws { for path in ["/a", "/a?b", "/c/d"] { _ = try fixture.get(path) } }
      try fill()
      func purge(_ purge: CachePurge?) throws -> Int {
        fixture.gateway.purgeCache(try #require(purge))
      }
      #expect(try purge(.url("http://Gateway.test/a")) == 1)
      #expect(try purge(.url("gateway.test/a")) == 0)
      try fill()
      #expect(try purge(.prefix("gateway.test/c/")) == 1)
      #expect(try purge(.tag("new")) == 0)
      #expect(try purge(.tag("news")) == 2)
      try fill()
      #expect(try purge(.everything) == 3)
      #expect(fixture.gateway.cacheUsage.bytes == 0)
      // What would be about nothing, or about everything.
      for text in ["", "http://", "/a", "https:///a", "?a"] {
        #expect(CachePurge.url(text) == nil, "\(text)")
        #expect(CachePurge.prefix(text) == nil, "\(text)")
      }
      #expect(CachePurge.tag("") == nil)
      #expect(CachePurge.url("a.test") == CachePurge.url("HTTP://A.test/"))
      #expect(CachePurge.url("a.test?b") == CachePurge.url("a.test/?b"))
    }

    @Test func onlyIfCachedNeverAsks() throws {
      let upstream = try counting("Cache-Control: max-age=60")
      let fixture = try fixture(to: upstream)
      let refused = try fixture.get("/", "Cache-Control: only-if-cached")
      #expect(refused.status == 504)
      #expect(refused.code == "not-cached")
      _ = try fixture.get("/")
      #expect(try fixture.get("/", "Cache-Control: only-if-cached").status == 200)
      // Callers can't make the target work, unless they may.
      #expect(try fixture.get("/", "Cache-Control: no-cache").text == "answer 1 to /")
    }

    @Test func memoryIsBounded() throws {
      let body = String(repeating: "x", count: 20_000)
      let upstream = try ScriptedUpstream.answering { _ in ok(body, "Cache-Control: max-age=60") }
      let fixture = try fixture(
        to: upstream, { $0.maxObjectSize = .kibibytes(32) },
        rest: {
          $0.cacheStore.maxBytes = .mebibytes(1)
        })
      let client = try fixture.client()
      for number in 0..<200 { _ = try client.get("/\(number)") }
      let usage = fixture.gateway.cacheUsage
      #expect(usage.bytes <= 1 << 20)
      #expect(usage.entries > 16)
    }

    /// What another route, another service or other settings stored is not theirs.
    @Test func aReloadThatLeadsElsewhereServesNothingOld() throws {
      let upstream = try counting("Cache-Control: max-age=60")
      let other = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream)
      _ = try fixture.get("/")
      var next = fixture.gateway.configuration
      next.service.targets = [Configuration.Target(url: other.url)]
      try fixture.gateway.reload(next)
      #expect(try fixture.get("/").text == "/")
    }
  }
}
