import Foundation
import SluiceConfiguration
import SluiceGateway
import SluiceReactor
import Testing

extension Scenarios {
  /// What one caller or a broken target does must not become the next caller's response.
  @Suite struct CachePoisonTests {
    private func fixture(
      to upstream: ScriptedUpstream, _ edit: (inout Configuration.Cache) -> Void = { _ in }
    ) throws -> Fixture {
      try Fixture(to: upstream) { configuration in
        var cache = Configuration.Cache()
        cache.ttl = .seconds(60)
        edit(&cache)
        configuration.all.policies[Configuration.Cache.self] = cache
      }
    }

    private func isHit(_ response: Message) -> Bool {
      response["Cache-Status"]?.contains("; hit") == true
    }

    // MARK: What policies make of a request

    @Test func aPathThatAPolicyWroteIsPartOfTheKey() throws {
      let upstream = try ScriptedUpstream.answering { ok($0.target) }
      let fixture = try Fixture(to: upstream) { configuration in
        var cache = Configuration.Cache()
        cache.ttl = .seconds(60)
        configuration.all.policies[Configuration.Cache.self] = cache
        var rewrite = Configuration.Rewrite()
        rewrite.path = "/${request.header.x-tenant}/items"
        configuration.all.policies[Configuration.Rewrite.self] = rewrite
      }
      #expect(try fixture.get("/items", "X-Tenant: evil").text == "/evil/items")
      #expect(try fixture.get("/items", "X-Tenant: good").text == "/good/items")
      #expect(isHit(try fixture.get("/items", "X-Tenant: good")))
    }

    // MARK: Vary

    /// However many fields and spaces it is spelled with.
    @Test func varyIsReadAsOneList() throws {
      let upstream = try ScriptedUpstream.answering { request in
        ok(
          "\(request["X-Tenant"] ?? "-") \(request["Accept"] ?? "-")", "Vary: ,x-TENANT ,",
          "Vary:", "Vary: Accept")
      }
      let fixture = try fixture(to: upstream)
      for _ in 0..<2 {
        #expect(try fixture.get("/", "X-Tenant: a", "Accept: b").text == "a b")
        #expect(try fixture.get("/", "X-Tenant: b", "Accept: a").text == "b a")
        #expect(try fixture.get("/", "Accept: b").text == "- b")
        #expect(try fixture.get("/").text == "- -")
      }
      #expect(upstream.requests.count == 4)
      // What is one list for the target is one for the key.
      #expect(isHit(try fixture.get("/", "X-TENANT:   a  ", "Accept: b")))
      #expect(!isHit(try fixture.get("/", "X-Tenant: a", "X-Tenant: b", "Accept: b")))
    }

    /// What nobody can compare, or what the gateway writes anew for each caller.
    @Test(arguments: [
      "*", "Accept, *", "Accept\r\nVary: *", "X-Forwarded-For", "x-real-ip", "Forwarded", "Via",
      "a b",
    ])
    func whatVariesWithEverythingIsNotStored(vary: String) throws {
      let upstream = try ScriptedUpstream.answering { _ in
        ok("a", "Cache-Control: public, max-age=60", "Vary: \(vary)")
      }
      let fixture = try fixture(to: upstream)
      for _ in 0..<3 { #expect(try fixture.get("/").status == 200) }
      #expect(upstream.requests.count == 3)
      #expect(fixture.gateway.cacheUsage.entries == 0)
    }

    // MARK: Keys

    /// The host that the target is asked for is the one in the key, wherever it was written.
    @Test func hostsAreApart() throws {
      let upstream = try ScriptedUpstream.answering { ok("for \($0["Host"] ?? "nobody")") }
      let fixture = try fixture(to: upstream)
      let client = try fixture.client()
      func ask(_ target: String, _ host: String) throws -> String {
        try client.exchange("GET \(target) HTTP/1.1\r\nHost: \(host)\r\n\r\n").text
      }
      #expect(try ask("/", "good.test") == "for good.test")
      // Two hosts in one request are none.
      let two = "GET http://evil.test/ HTTP/1.1\r\nHost: good.test\r\n\r\n"
      #expect(try fixture.client().exchange(two).status == 400)
      #expect(try ask("http://evil.test/", "evil.test") == "for evil.test")
      #expect(try ask("/", "good.test") == "for good.test")
      #expect(try ask("/", "good.test:81") == "for good.test:81")
      #expect(try ask("/", "GOOD.test") == "for good.test")
    }

    /// Spellings of one path are one key and one request; what is another path is another key.
    @Test func pathsAreComparedAsTheyAreSent() throws {
      let upstream = try ScriptedUpstream.answering { ok("at \($0.target)") }
      let fixture = try fixture(to: upstream)
      #expect(try fixture.get("/a/b").text == "at /a/b")
      for spelling in ["/a/%62", "/a/./b", "/a/c/../b", "/x/../a/b"] {
        let response = try fixture.get(spelling)
        #expect(response.text == "at /a/b" && isHit(response), "\(spelling)")
      }
      for other in ["/a/b/", "/a%2Fb", "/A/b", "/a/b?", "/a/b?c", "/a/b;c"] {
        #expect(try !isHit(fixture.get(other)), "\(other)")
      }
      // A separator of the key is no byte of a request's.
      #expect(try fixture.get("/a/b%00").status == 400)
    }

    // MARK: What never came whole

    /// The caller leaves in the middle: what came until then is nobody's response.
    @Test func whoLeavesStoresNothing() async throws {
      let gate = Gate()
      let upstream = try ScriptedUpstream { peer in
        while try peer.readRequest() != nil {
          try peer.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
          if peer.index == 0 { gate.wait() }
          try peer.send("def")
        }
      }
      let fixture = try fixture(to: upstream)
      let leaving = try fixture.client()
      try leaving.send("GET / HTTP/1.1\r\nHost: gateway.test\r\n\r\n")
      while !String(decoding: leaving.reader.buffer, as: UTF8.self).hasSuffix("abc") {
        try leaving.reader.fill()
      }
      leaving.socket.setToReset()
      leaving.socket.close()
      try await eventually("the caller is missed") { await fixture.openConnections() == 0 }
      gate.open()
      #expect(fixture.gateway.cacheUsage.entries == 0)
      let next = try fixture.get("/")
      #expect(next.text == "abcdef" && !isHit(next))
      #expect(isHit(try fixture.get("/")))
    }

    /// What a target sends behind its response answers nobody's request.
    @Test func whatComesBehindAResponseIsNobodys() throws {
      let upstream = try ScriptedUpstream { peer in
        while let request = try peer.readRequest() {
          let body = "at \(request.target)"
          try peer.send(
            "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
              + "HTTP/1.1 200 OK\r\nCache-Control: public, max-age=60\r\nContent-Length: 4\r\n\r\nevil"
          )
        }
      }
      let fixture = try fixture(to: upstream)
      let client = try fixture.client()
      for _ in 0..<2 {
        for path in ["/a", "/b", "/c"] { #expect(try client.get(path).text == "at \(path)") }
      }
    }

    /// A part is a part, also when it is called a whole.
    @Test func partsAreNotStored() throws {
      let upstream = try ScriptedUpstream.answering { _ in
        ok("abc", "Cache-Control: public, max-age=60", "Content-Range: bytes 0-2/9")
      }
      let fixture = try fixture(to: upstream)
      for _ in 0..<2 { _ = try fixture.get("/") }
      #expect(upstream.requests.count == 2)
    }

    /// What HEAD got is no body, and a response to HEAD none for GET.
    @Test func headsStoreNothing() throws {
      let upstream = try ScriptedUpstream.answering { request in
        request.method == "HEAD"
          ? "HTTP/1.1 200 OK\r\nCache-Control: public, max-age=60\r\nContent-Length: 5\r\n\r\n"
          : ok("whole", "Cache-Control: public, max-age=60")
      }
      let fixture = try fixture(to: upstream)
      let head = try fixture.client().exchange("HEAD / HTTP/1.1\r\nHost: gateway.test\r\n\r\n")
      #expect(head.status == 200)
      #expect(fixture.gateway.cacheUsage.entries == 0)
      #expect(try fixture.get("/").text == "whole")
      #expect(try fixture.get("/").text == "whole")
      #expect(upstream.requests.count == 2)
    }

    // MARK: What is whole

    /// Whose end is that of the head.
    @Test func responsesWithoutABodyAreStored() throws {
      let upstream = try ScriptedUpstream.answering { request in
        request.target == "/204"
          ? "HTTP/1.1 204 No Content\r\nCache-Control: max-age=60\r\nX-A: b\r\n\r\n"
          : "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nX-A: b\r\nContent-Length: 0\r\n\r\n"
      }
      let fixture = try fixture(to: upstream)
      let client = try fixture.client()
      for target in ["/204", "/0"] {
        let first = try client.get(target)
        #expect(first["Cache-Status"] == "sluice; fwd=uri-miss; stored")
        for _ in 0..<2 {
          let response = try client.get(target)
          #expect(isHit(response) && response.status == first.status && response["X-A"] == "b")
          #expect(response["Content-Length"] == first["Content-Length"] && response.body.isEmpty)
        }
      }
      #expect(upstream.requests.count == 2)
    }

    /// Bodies of a size that the kernel would move: through the cache they come as they were, the first
    /// time, from memory, and where they are too large to be stored.
    @Test(arguments: [1 << 20, 3 << 20])
    func largeBodiesAreWhatTheyWere(limit: Int) async throws {
      let upstream = try ScriptedUpstream.patterns()
      let fixture = try fixture(to: upstream) { $0.maxObjectSize = ByteCount(limit) }
      let client = try fixture.client()
      let size = 2 << 20
      for _ in 0..<3 {
        #expect(try client.get("/\(size)/7").isPattern(size, seed: 7))
        #expect(try client.get("/5/1").isPattern(5, seed: 1))
      }
      let isStored = limit > size
      #expect(upstream.requests.count == (isStored ? 2 : 4))
      let moved = await fixture.gateway.reports().reduce(0) { $0 + $1.splicedBytes }
      #expect(isStored ? moved == 2 * UInt64(size) : moved > 0)
    }
  }
}
