import SluiceConfiguration
import Testing

extension Scenarios {
  /// Which fields, host and path the target sees, and what errors look like.
  @Suite struct Fields {
    @Test func hopByHopFieldsAndThoseThatConnectionNamesEndHere() throws {
      let upstream = try ScriptedUpstream.answering { _ in
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: X-Secret, keep-alive\r\n"
          + "X-Secret: 1\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: x\r\nX-Kept: 2\r\n\r\n"
      }
      let fixture = try Fixture(to: upstream)
      let response = try fixture.get(
        "/", "Connection: x-internal, TE", "X-Internal: 1", "TE: trailers", "Keep-Alive: 5",
        "Proxy-Connection: x", "X-Kept: 2")
      let request = try #require(upstream.requests.first)
      for name in ["Connection", "X-Internal", "TE", "Keep-Alive", "Proxy-Connection"] {
        #expect(request[name] == nil, "\(name)")
      }
      #expect(request["X-Kept"] == "2")
      for name in ["Connection", "X-Secret", "Keep-Alive"] {
        #expect(response[name] == nil, "\(name)")
      }
      #expect(response["X-Kept"] == "2")
    }

    @Test func strangersCanNotSayWhoTheyAre() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) {
        $0.web.forwarded.forwarded = true
        $0.web.forwarded.via = "sluice"
        $0.policies[Configuration.RequestID.self] = Configuration.RequestID()
      }
      let response = try fixture.get(
        "/", "X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil",
        "X-Forwarded-Port: 1", "X-Real-IP: 6.6.6.6", "Forwarded: for=6.6.6.6",
        "X-Request-Id: mine", "Via: 1.1 before")
      let request = try #require(upstream.requests.first)
      #expect(request["X-Forwarded-For"] == "127.0.0.1")
      #expect(request["X-Forwarded-Proto"] == "http")
      #expect(request["X-Forwarded-Host"] == "gateway.test")
      #expect(request["X-Forwarded-Port"] == "\(fixture.port)")
      #expect(request["X-Real-IP"] == "127.0.0.1")
      #expect(request["Forwarded"] == "for=127.0.0.1;host=\"gateway.test\";proto=http")
      #expect(request["Via"] == "1.1 before, 1.1 sluice")
      let id = try #require(request["X-Request-Id"])
      #expect(id.count == 32)
      #expect(response["X-Request-Id"] == id)
    }

    /// CGI and its heirs take an underscore for a dash; not even a trusted proxy has a use for it.
    @Test(arguments: [[], ["127.0.0.0/8"]])
    func namesWithUnderscoresEndHere(trustedProxies: [String]) throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) {
        $0.web.trustedProxies = trustedProxies
        $0.policies[Configuration.RequestID.self] = Configuration.RequestID()
      }
      _ = try fixture.get(
        "/", "X_Forwarded_For: 6.6.6.6", "x-forwarded_for: 6.6.6.6", "X_Request_Id: forged",
        "_: 1", "X-Kept: 2")
      let request = try #require(upstream.requests.first)
      for name in ["X_Forwarded_For", "X-Forwarded_For", "X_Request_Id", "_"] {
        #expect(request[name] == nil, "\(name)")
      }
      #expect(request["X-Forwarded-For"] == "127.0.0.1")
      #expect(request["X-Kept"] == "2")
    }

    @Test func trustedProxiesAreBelievedAndAddedTo() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) {
        $0.web.forwarded.forwarded = true
        $0.web.trustedProxies = ["127.0.0.0/8"]
        $0.policies[Configuration.RequestID.self] = Configuration.RequestID()
      }
      let response = try fixture.get(
        "/", "X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 7.7.7.7", "X-Forwarded-Proto: https",
        "X-Forwarded-Host: public", "X-Forwarded-Port: 443", "X-Real-IP: 6.6.6.6",
        "Forwarded: for=6.6.6.6", "X-Request-Id: mine-1")
      let request = try #require(upstream.requests.first)
      #expect(request["X-Forwarded-For"] == "6.6.6.6, 7.7.7.7, 127.0.0.1")
      #expect(request["X-Forwarded-Proto"] == "https")
      #expect(request["X-Forwarded-Host"] == "public")
      #expect(request["X-Forwarded-Port"] == "443")
      #expect(request["X-Real-IP"] == "6.6.6.6")
      #expect(
        request["Forwarded"]
          == "for=6.6.6.6, for=127.0.0.1;host=\"gateway.test\";proto=http")
      #expect(request["X-Request-Id"] == "mine-1")
      #expect(response["X-Request-Id"] == "mine-1")
    }

    @Test func theRealAddressIsTheCallersAndNotTheProxys() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) {
        $0.web.trustedProxies = ["127.0.0.0/8", "10.0.0.0/8"]
      }
      _ = try fixture.get("/", "X-Forwarded-For: 6.6.6.6, 7.7.7.7, 10.1.1.1")
      let request = try #require(upstream.requests.first)
      #expect(request["X-Real-IP"] == "7.7.7.7")
      #expect(request["X-Forwarded-For"] == "6.6.6.6, 7.7.7.7, 10.1.1.1, 127.0.0.1")
    }

    /// What else a caller behind the proxy says of itself passes the proxy unseen.
    @Test(arguments: [true, false])
    func whereProxiesSayWhoCallsInAFieldOfTheirOwn(isTrusted: Bool) throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) {
        $0.web.trustedProxies = isTrusted ? ["127.0.0.0/8"] : []
        $0.web.clientAddress.field = "CF-Connecting-IP"
      }
      _ = try fixture.get("/", "CF-Connecting-IP: 7.7.7.7", "X-Real-IP: 10.0.0.1")
      let request = try #require(upstream.requests.first)
      #expect(request["X-Real-IP"] == (isTrusted ? "7.7.7.7" : "127.0.0.1"))
      #expect(request["CF-Connecting-IP"] == (isTrusted ? "7.7.7.7" : nil))
    }

    @Test func anUnharmfulIdIsRequiredEvenFromProxies() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) {
        $0.web.trustedProxies = ["127.0.0.1"]
        $0.policies[Configuration.RequestID.self] = Configuration.RequestID()
      }
      _ = try fixture.get("/", "X-Request-Id: a\"b")
      #expect(upstream.requests.first?["X-Request-Id"]?.count == 32)
    }

    @Test func anIdFieldOfAnotherNameLeavesTheUsualOneAlone() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) {
        var policy = Configuration.RequestID()
        policy.header = "X-Correlation-Id"
        policy.echo = false
        $0.policies[Configuration.RequestID.self] = policy
      }
      let response = try fixture.get("/", "X-Request-Id: theirs", "x-correlation-id: forged")
      let request = try #require(upstream.requests.first)
      #expect(request["X-Request-Id"] == "theirs")
      #expect(request["X-Correlation-Id"]?.count == 32)
      #expect(response["X-Correlation-Id"] == nil)
    }

    // MARK: Host and path

    @Test func hostIsPreservedOrTheTargetsOrSet() throws {
      let upstream = try ScriptedUpstream.echoing()
      for (setting, expected) in [
        (Configuration.HostField.preserve, "gateway.test"),
        (.target, "127.0.0.1:\(upstream.port)"), (.literal("inner.test"), "inner.test"),
      ] {
        let fixture = try Fixture(to: upstream) { $0.service.host = setting }
        _ = try fixture.get("/")
        #expect(upstream.requests.last?["Host"] == expected)
      }
    }

    @Test(
      arguments: [
        ("/api", true, nil, "", "/api/v1/x?q=1", "/v1/x?q=1"),
        ("/api", true, nil, "", "/api", "/"),
        ("/api", false, "/new", "", "/api/x", "/new/x"),
        ("/api", false, "/", "", "/api/x", "/x"),
        ("/api", false, nil, "/base/", "/api/x", "/base/api/x"),
        ("/api", true, nil, "/base", "/api/x?y", "/base/x?y"),
        ("/api", false, nil, "", "/api/./a/../b//c", "/api/b/c"),
      ] as [(String, Bool, String?, String, String, String)])
    func pathsAreRewritten(
      prefix: String, strips: Bool, replacement: String?, base: String, sent: String,
      expected: String
    ) throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(
        configuration(targets: [upstream.url + base]) {
          $0.all.match.prefix = prefix
          $0.all.path.stripPrefix = strips
          $0.all.path.replacePrefix = replacement
        })
      #expect(try fixture.get(sent).text == expected)
    }

    // MARK: Local answers

    @Test func errorsAreProblemsWithCodeAndId() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) {
        $0.all.match.path = "/only"
        $0.all.match.methods = ["GET", "POST"]
      }
      let client = try fixture.client()
      let missing = try client.get("/other")
      #expect(missing.status == 404)
      #expect(missing.code == "no-route")
      #expect(missing.text.contains("\"requestId\":\""))
      #expect(missing.text.contains("\"status\":404"))
      let method = try client.exchange("DELETE /only HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(method.status == 405)
      #expect(method.code == "method-not-allowed")
      let allowed = Set((method["Allow"] ?? "").split(separator: ", ").map(String.init))
      #expect(allowed.isSuperset(of: ["GET", "POST"]))
      #expect(!allowed.contains("DELETE"))
      // Both kept the connection.
      #expect(try client.get("/only").status == 200)
    }

    @Test func bodiesOverTheLimitAreRefused() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) { $0.all.maxBodySize = ByteCount(4) }
      let sized = try fixture.client().exchange(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
      #expect(sized.code == "body-too-large")
      #expect(upstream.connectionCount == 0)
      let client = try fixture.client()
      let chunked = try client.exchange(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
          + "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n")
      #expect(chunked.status == 413)
      #expect(chunked["Connection"] == "close")
      #expect(upstream.requests.allSatisfy { $0.isTruncated })
      let fitting = try fixture.client().exchange(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd")
      #expect(fitting.status == 200)
    }
  }
}
