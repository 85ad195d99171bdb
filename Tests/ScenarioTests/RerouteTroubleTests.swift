import Foundation
import SluiceConfiguration
import SluiceGateway
import SluiceReactor
import Testing

extension Scenarios {
  /// What internal redirects must not do: mix exchanges up, show what was hidden, pass limits, lose lines.
  @Suite struct RerouteTroubleTests {
    private static let ann = """
      consumers:
        ann:
          credentials: [{key-auth: ann-key-000001}]
          policies: {target-headers: {set: {X-Own: "1"}}}
      """

    /// The page of a stored failure is asked for while the cache serves that one.
    @Test func aStoredFailureLeadsToItsPageAlone() throws {
      let count = Locked(0)
      let upstream = try ScriptedUpstream.answering { request in
        if request.target == "/page" { return ok(request.method == "HEAD" ? "" : "the page") }
        if request.target != "/thing" { return ok(request.target) }
        let number = count.withLock {
          $0 += 1
          return $0
        }
        if number == 1 {
          return ok("first", "Cache-Control: max-age=0, stale-while-revalidate=600")
        }
        return "HTTP/1.1 404 None\r\nCache-Control: max-age=600\r\nContent-Length: 4\r\n\r\nnone"
      }
      let fixture = try Fixture.file(
        """
        routes:
          thing:
            match: {path: /thing}
            service: up
            policies:
              cache: {}
              error-answers: {intercept: true, answers: [{statuses: [404], to: pages, path: /page}]}
          pages: {match: {internal: pages}, service: up}
          other: {match: {prefix: /other}, service: up}
        """, before: upstream)
      #expect(try fixture.get("/thing").text == "first")
      try waitUntil("a stored failure") { try fixture.get("/thing").status == 404 }
      let client = try fixture.client()
      for turn in 0..<5 {
        let page = try client.get("/thing")
        #expect(page.status == 404 && page.text == "the page")
        let head = try client.exchange("HEAD /thing HTTP/1.1\r\nHost: gateway.test\r\n\r\n")
        #expect(head.status == 404)
        #expect(try client.get("/other/\(turn)").text == "/other/\(turn)")
        #expect(try fixture.get("/other/a\(turn)").text == "/other/a\(turn)")
      }
    }

    /// A policy of the page's route that wants the body finds none, and waits for nobody.
    @Test(arguments: ["", "apikey: wrong\r\n"])
    func noBodyIsWaitedForBehindAPage(field: String) throws {
      let upstream = try ScriptedUpstream.saying()
      let fixture = try Fixture.file(
        """
        \(Self.ann)
        policies: {key-auth: {body: true}}
        routes:
          form:
            match: {prefix: /form}
            service: up
            policies: {error-answers: {answers: [{statuses: [401], to: pages, path: /login}]}}
          pages: {match: {internal: pages}, service: up}
        """, before: upstream)
      let answer = try fixture.client().exchange(
        "POST /form HTTP/1.1\r\nHost: g\r\n\(field)"
          + "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\r\na=b&c=d")
      #expect(answer.status == 401)
      #expect(answer.code == "unauthorized")
      #expect(upstream.requests.isEmpty)
    }

    /// What a limit has cut off is gone: the rest is nobody's body.
    @Test func aBodyThatWasReadGoesNowhereElse() throws {
      let upstream = try ScriptedUpstream.saying()
      let fixture = try Fixture.file(
        """
        routes:
          limited:
            match: {prefix: /limited}
            service: up
            maxBodySize: 4B
            policies: {error-answers: {answers: [{statuses: [413], to: next}]}}
          filtered:
            match: {prefix: /filtered}
            service: up
            policies:
              request-size-limit: {maxSize: 4B}
              error-answers: {answers: [{statuses: [413], to: next}]}
          next:
            match: {internal: next}
            service: up
            policies: {target-headers: {set: {X-Next: "1"}}}
        """, before: upstream)
      for path in ["/limited", "/filtered"] {
        let client = try fixture.client()
        try client.send("POST \(path) HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n")
        try client.send("4\r\nabcd\r\n")
        try client.send("3\r\nefg\r\n")
        try client.send("3\r\nhij\r\n0\r\n\r\n")
        let answer = try client.reader.readResponse(to: "POST")
        #expect(answer.status == 413)
        #expect(answer.code == "body-too-large")
      }
      #expect(upstream.requests.allSatisfy { $0["X-Next"] == nil })
      // Nothing of this one was read, so all of it is the other route's.
      let whole = try fixture.client().exchange(
        "POST /limited HTTP/1.1\r\nHost: g\r\nContent-Length: 6\r\n\r\nabcdef")
      #expect(whole.status == 413)
      #expect(whole.text == "POST /limited abcdef")
    }

    /// What goes on once more is what the caller sent, all of it, and meets the other route's limits.
    @Test func bodiesGoOnOnceMoreWholeOrNotAtAll() throws {
      let upstream = try ScriptedUpstream.saying()
      let fixture = try Fixture.file(
        """
        routes:
          plain:
            match: {prefix: /plain}
            service: up
            policies: {error-answers: {intercept: true, answers: [{statuses: [404], to: next}]}}
          filtered:
            match: {prefix: /filtered}
            service: up
            policies:
              request-transform: {add: {body: {"$.a": b}}}
              error-answers: {intercept: true, answers: [{statuses: [404], to: next}]}
          strict:
            match: {prefix: /strict}
            service: up
            policies: {error-answers: {intercept: true, answers: [{statuses: [404], to: small}]}}
          next:
            match: {internal: next}
            service: up
            policies: {target-headers: {set: {X-Next: "1"}}, request-size-limit: {maxSize: 64KiB}}
          small: {match: {internal: small}, service: up, maxBodySize: 4B}
        """, before: upstream)
      func post(_ path: String, _ body: String, _ fields: String = "") throws -> Message {
        try fixture.client().exchange(
          "POST \(path)/status-404 HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\n\(fields)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
        )
      }
      let most = String(repeating: "x", count: 65_536)
      #expect(try post("/plain", most).text.hasSuffix(most))
      #expect(upstream.requests.last?["X-Next"] == "1")
      #expect(upstream.requests.last?["Content-Length"] == "65536")
      // One byte more was not kept; a body that a policy has changed is not what the caller sent.
      #expect(try post("/plain", most + "x").status == 404)
      #expect(upstream.requests.last?["X-Next"] == nil)
      _ = try post("/filtered", "{}")
      #expect(upstream.requests.last?["X-Next"] == nil)
      #expect(try post("/strict", "12345").status == 413)
      #expect(try post("/strict", "1234").text == "POST /strict/status-404 1234")
      // The connection goes on behind it.
      let client = try fixture.client()
      for _ in 0..<3 {
        let answer = try client.exchange(
          "POST /plain/status-404 HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\nhi")
        #expect(answer.status == 404 && answer.text == "POST /plain/status-404 hi")
      }
    }

    /// One of two credentials is nobody's identity, and what was hidden stays hidden.
    @Test func halfAnIdentityIsNone() throws {
      let upstream = try ScriptedUpstream.saying()
      let fixture = try Fixture.file(
        """
        \(Self.ann)
        routes:
          both:
            match: {prefix: /both}
            service: up
            policies:
              key-auth: {}
              basic-auth: {}
              identify: {require: all}
              error-answers: {answers: [{statuses: [401], to: pages}]}
          pages: {match: {internal: pages}, service: up}
        """, before: upstream)
      let answer = try fixture.get("/both", "apikey: ann-key-000001")
      #expect(answer.status == 401)
      let request = try #require(upstream.requests.last)
      #expect(request.target == "/both")
      #expect(request["X-Consumer-Username"] == nil && request["X-Own"] == nil)
      #expect(request["apikey"] == nil)
    }

    /// Who calls stays known with all that is set for them, keys stay hidden, and nothing of it is the next
    /// request's.
    @Test func whatIdentifiesStaysHiddenAndIsNobodyElses() throws {
      let upstream = try ScriptedUpstream.saying()
      let fixture = try Fixture.file(
        """
        \(Self.ann)
        routes:
          shop:
            match: {prefix: /shop}
            service: down
            policies:
              key-auth: {query: true, hide: true}
              error-answers: {answers: [{statuses: [503], to: next}]}
          next: {match: {internal: next}, service: up}
          open: {match: {prefix: /open}, service: up}
        """, before: upstream)
      let client = try fixture.client()
      for _ in 0..<3 {
        let answer = try client.get("/shop?a=1&apikey=ann-key-000001&b=2", "apikey: ann-key-000001")
        #expect(answer.status == 503)
        #expect(answer.text == "GET /shop?a=1&b=2 ")
        let request = try #require(upstream.requests.last)
        #expect(request["apikey"] == nil)
        #expect(request["X-Consumer-Username"] == "ann")
        #expect(request["X-Own"] == "1")
        _ = try client.get("/open", "apikey: mine")
        let next = try #require(upstream.requests.last)
        #expect(next["X-Consumer-Username"] == nil && next["X-Own"] == nil)
        #expect(next["apikey"] == "mine")
      }
    }

    /// A total timeout that is over on the first route does not end the second at once.
    @Test func aFallbackHasItsOwnTime() throws {
      let gate = Gate()
      let upstream = try ScriptedUpstream.answering { request in
        if request["X-Next"] == nil { gate.wait() }
        return ok("late but there")
      }
      let fixture = try Fixture.file(
        """
        routes:
          slow:
            match: {prefix: /slow}
            service: up
            timeouts: {total: 700ms}
            policies: {error-answers: {answers: [{statuses: [504], to: next}]}}
          next:
            match: {internal: next}
            service: up
            timeouts: {total: 700ms}
            policies: {target-headers: {set: {X-Next: "1"}}}
        """, before: upstream)
      defer { gate.open() }
      let answer = try fixture.get("/slow")
      #expect(answer.status == 504)
      #expect(answer.text == "late but there")
    }

    /// Every route that an exchange met logs it, once, by the caller's path and with what failed.
    @Test func redirectedRequestsAreLogged() async throws {
      let (all, own) = ("\(NSTemporaryDirectory())/\(UUID().uuidString)", UUID().uuidString)
      let ownPath = "\(NSTemporaryDirectory())/\(own)"
      defer { for path in [all, ownPath] { try? FileManager.default.removeItem(atPath: path) } }
      let upstream = try ScriptedUpstream.saying()
      let fixture = try Fixture.file(
        """
        policies: {file-log: {path: "\(all)"}}
        routes:
          lost:
            match: {prefix: /lost}
            service: up
            policies: {reroute: {to: pages, rules: [{path: /nowhere}]}, file-log: {path: "\(ownPath)"}}
          round:
            match: {prefix: /round}
            service: up
            policies: {reroute: {to: circle, rules: [{path: /r}]}}
          circle:
            match: {internal: circle}
            service: up
            policies: {reroute: {to: circle, rules: [{path: /r}]}}
          down:
            match: {prefix: /down}
            service: down
            policies: {error-answers: {answers: [{statuses: [503], to: pages, path: /page}]}}
          pages: {match: {internal: pages, path: /page}, service: up}
        """, before: upstream)
      #expect(try fixture.get("/lost/1").status == 404)
      #expect(try fixture.get("/round/2").status == 500)
      #expect(try fixture.get("/down/3").status == 503)
      let routes = await fixture.gateway.reports().flatMap(\.routes)
      #expect(routes.first { $0.name == "down" }?.errors.contains { $0 > 0 } == true)
      #expect(routes.first { $0.name == "pages" }?.buckets.isEmpty == true)
      fixture.shutDown()
      func lines(_ path: String) throws -> [[String: Any]] {
        try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map {
          try #require(
            try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
      }
      let found = try lines(all)
      #expect(found.map { $0["path"] as? String } == ["/round/2", "/down/3"])
      #expect(
        found.map { $0["code"] as? String } == ["rerouted-too-often", "upstream-refused"])
      #expect(found.map { $0["firstRoute"] as? String } == ["round", "down"])
      #expect(found.last?["route"] as? String == "pages")
      let lost = try lines(ownPath)
      #expect(lost.map { $0["path"] as? String } == ["/lost/1"])
      #expect(lost.map { $0["code"] as? String } == ["no-route"])
    }

    /// What the caller asks of its own representation is not asked of the page, by no cache either.
    @Test func pagesAreWhole() throws {
      let upstream = try ScriptedUpstream.answering { request in
        if request.target != "/page" { return "HTTP/1.1 404 N\r\nContent-Length: 0\r\n\r\n" }
        return ok("the page", "ETag: \"p\"", "Cache-Control: max-age=600")
      }
      let fixture = try Fixture.file(
        """
        routes:
          all:
            match: {prefix: /}
            service: up
            policies:
              error-answers: {intercept: true, answers: [{statuses: [404], to: pages, path: /page}]}
          pages: {match: {internal: pages}, service: up, policies: {cache: {}}}
        """, before: upstream)
      let fields = "If-None-Match: \"p\"\r\nRange: bytes=0-1\r\nIf-Range: \"p\"\r\nDigest: x\r\n"
      for _ in 0..<2 {
        let page = try fixture.client().exchange("GET /a HTTP/1.1\r\nHost: g\r\n\(fields)\r\n")
        #expect(page.status == 404 && page.text == "the page")
        let post = try fixture.client().exchange(
          "POST /a HTTP/1.1\r\nHost: g\r\n\(fields)Content-Type: a/b\r\nContent-Encoding: gzip\r\n"
            + "Content-Length: 2\r\n\r\nab")
        #expect(post.status == 404 && post.text == "the page")
      }
      let pages = upstream.requests.filter { $0.target == "/page" }
      #expect(pages.map(\.method) == ["GET", "GET", "GET"])
      for name in [
        "If-None-Match", "Range", "If-Range", "Digest", "Content-Type", "Content-Encoding",
        "Content-Length",
      ] { #expect(pages.allSatisfy { $0[name] == nil }, "\(name)") }
      // What a POST has fetched with GET did not throw away what was stored.
      let last = try fixture.client().exchange("GET /a HTTP/1.1\r\nHost: g\r\n\r\n")
      #expect(last.text == "the page")
      #expect(upstream.requests.count { $0.target == "/page" } == 3)
    }

    /// A cookie that brings callers back to a target is that of the service that answers.
    @Test func theCookieIsTheSecondServices() throws {
      let upstream = try ScriptedUpstream.saying()
      let dead = try unusedPort()
      func service(_ name: String, _ url: String) -> String {
        "\(name): {targets: [\"\(url)\"], balance: consistent-hash, hash: \"cookie:\(name)\", "
          + "hashCookiePath: /, retries: {connect: 0}}"
      }
      let text = """
        version: 1
        listeners: {web: {address: "127.0.0.1:0"}}
        services:
          \(service("first", "http://127.0.0.1:\(dead)"))
          \(service("second", upstream.url))
        accessLog: {format: "off"}
        routes:
          a:
            match: {prefix: /}
            service: first
            policies: {error-answers: {answers: [{statuses: [503], to: next}]}}
          b: {match: {internal: next}, service: second}
        """
      let result = ConfigurationReader.read(contentsOf: text, file: "test.yaml")
      let fixture = try Fixture(try #require(result.configuration, "\(result.diagnostics)"))
      #expect(try fixture.get("/")["Set-Cookie"]?.hasPrefix("second=") == true)
    }

    /// An exchange keeps the internal routes that it began with.
    @Test func aReloadTakesNoRouteAway() throws {
      let gate = Gate()
      let upstream = try ScriptedUpstream.answering { request in
        if request.target != "/wait" { return ok("the page") }
        gate.wait()
        return "HTTP/1.1 404 N\r\nContent-Length: 0\r\n\r\n"
      }
      let fixture = try Fixture.file(
        """
        routes:
          all:
            match: {prefix: /}
            service: up
            policies:
              error-answers: {intercept: true, answers: [{statuses: [404], to: pages, path: /page}]}
          pages: {match: {internal: pages}, service: up}
        """, before: upstream)
      let client = try fixture.client()
      try client.send("GET /wait HTTP/1.1\r\nHost: g\r\n\r\n")
      try waitUntil { upstream.requests.count == 1 }
      var next = fixture.gateway.configuration
      next.routes["pages"] = nil
      next.routes["all"]?.policies.turnOff(Configuration.ErrorAnswers.self)
      try fixture.gateway.reload(next)
      gate.open()
      let page = try client.reader.readResponse(to: "GET")
      #expect(page.status == 404)
      #expect(page.text == "the page")
    }
  }
}
