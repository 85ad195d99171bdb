import Foundation
import Glibc
import SluiceConfiguration
import Testing

extension Scenarios {
  /// Targets that refuse, die, stall or answer at the wrong time.
  @Suite struct TargetTrouble {
    @Test(arguments: [true, false]) func dyingBeforeTheResponseIsABadGateway(resets: Bool) throws {
      let upstream = try ScriptedUpstream { peer in
        _ = try peer.readRequest()
        if resets { peer.socket.reset() }
      }
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client()
      let response = try client.get("/")
      #expect(response.status == 502)
      #expect(response.code == "upstream-reset")
      // The caller's connection is not at fault.
      #expect(try client.get("/").status == 502)
    }

    @Test(arguments: [
      ("Content-Length: 100\r\n\r\nabc", true), ("Content-Length: 100\r\n\r\nabc", false),
      ("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", true),
      ("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", false),
      // A FIN would be this one's orderly end.
      ("\r\nabc", true),
    ])
    func dyingMidResponseIsVisible(response: String, resets: Bool) throws {
      for version in ["1.1", "1.0"] {
        let gate = Gate()
        let upstream = try ScriptedUpstream { peer in
          _ = try peer.readRequest()
          try peer.send("HTTP/1.1 200 OK\r\n\(response)")
          gate.wait()
          if resets { peer.socket.reset() }
        }
        let fixture = try Fixture(to: upstream)
        let client = try fixture.client()
        try client.send("GET / HTTP/\(version)\r\nHost: a\r\n\r\n")
        while !String(decoding: client.reader.buffer, as: UTF8.self).contains("abc") {
          try client.reader.fill()
        }
        // Only now does the target die.
        gate.open()
        let response = try client.reader.readResponse()
        #expect(response.status == 200)
        #expect(response.isTruncated, "HTTP/\(version)")
        #expect(response.text == "abc")
      }
    }

    @Test func anEarlyAnswerReachesTheCaller() throws {
      let upstream = try ScriptedUpstream { peer in
        _ = try peer.reader.readHead()
        try peer.send("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")
      }
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client()
      try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
      try client.send(String(repeating: "x", count: 1_000))
      let response = try client.reader.readResponse()
      #expect(response.status == 413)
      #expect(response.text == "big")
      #expect(try client.isClosedByGateway())
    }

    @Test func anAnswerThatOvertakesTheBodyDoesNotStopIt() throws {
      let upstream = try ScriptedUpstream { peer in
        guard try peer.reader.readHead() != nil else { return }
        try peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
        while peer.reader.buffer.count < 10 { try peer.reader.fill() }
        try peer.send(
          "a\r\n" + String(decoding: peer.reader.take(10), as: UTF8.self) + "\r\n0\r\n\r\n")
      }
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client()
      try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n")
      while !String(decoding: client.reader.buffer, as: UTF8.self).contains("ok") {
        try client.reader.fill()
      }
      try client.send("0123456789")
      #expect(try client.reader.readResponse().text == "ok0123456789")
    }

    // MARK: Time

    @Test func neverAnsweringIsAGatewayTimeout() throws {
      let upstream = try ScriptedUpstream { peer in
        _ = try peer.readRequest()
        _ = try peer.reader.readToEnd()
      }
      let fixture = try Fixture(to: upstream) { $0.service.timeouts.response = .milliseconds(30) }
      let response = try fixture.get("/")
      #expect(response.status == 504)
      #expect(response.code == "upstream-response-timeout")
      try waitUntil { upstream.endedCount == 1 }
    }

    @Test func halfAHeadAndHalfABodyTimeOutToo() throws {
      let upstream = try ScriptedUpstream { peer in
        guard let request = try peer.readRequest() else { return }
        try peer.send(
          request.target == "/head"
            ? "HTTP/1.1 200 O" : "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        _ = try peer.reader.readToEnd()
      }
      let fixture = try Fixture(to: upstream) {
        $0.service.timeouts.response = .milliseconds(30)
        $0.service.timeouts.idle = .milliseconds(30)
      }
      #expect(try fixture.get("/head").status == 504)
      let body = try fixture.get("/body")
      #expect(body.status == 200)
      #expect(body.isTruncated)
      #expect(body.text == "abc")
    }

    @Test func theWholeExchangeCanHaveALimit() throws {
      let upstream = try ScriptedUpstream { peer in
        guard let request = try peer.readRequest() else { return }
        if request.target == "/body" {
          try peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
        }
        _ = try peer.reader.readToEnd()
      }
      let fixture = try Fixture(to: upstream) { $0.service.timeouts.total = .milliseconds(40) }
      let waiting = try fixture.get("/")
      #expect(waiting.status == 504)
      #expect(waiting.code == "exchange-timeout")
      #expect(try fixture.get("/body").isTruncated)
    }

    // MARK: Connecting

    /// Where there is no other target there is no further attempt, whatever `retries` allows.
    @Test(arguments: [false, true]) func theLogCountsAttemptsThatThereWere(hasOther: Bool) throws {
      let upstream = try ScriptedUpstream.answering { ok($0.text) }
      let log = FileManager.default.temporaryDirectory.appendingPathComponent(
        "sluice-retries-\(UUID().uuidString).log")
      defer { try? FileManager.default.removeItem(at: log) }
      let refusing = "http://127.0.0.1:\(try unusedPort())"
      let fixture = try Fixture(
        configuration(targets: hasOther ? [refusing, upstream.url] : [refusing]) {
          $0.service.health.failures = 0
          $0.accessLog.format = .json
          $0.accessLog.output = log.path
        })
      for _ in 0..<2 { #expect(try fixture.get("/").status == (hasOther ? 200 : 503)) }
      func lines() -> [Substring] {
        ((try? String(contentsOf: log, encoding: .utf8)) ?? "").split(separator: "\n")
      }
      try waitUntil { lines().count == 2 }
      // Of two in turn the first or the second request comes to the one that refuses.
      #expect(lines().count { $0.contains("\"retries\":1") } == (hasOther ? 1 : 0))
    }

    @Test func refusalsGoToTheNextTargetOrSayWhy() throws {
      let refusing = "http://127.0.0.1:\(try unusedPort())"
      let alone = try Fixture(configuration(targets: [refusing]))
      let response = try alone.get("/")
      #expect(response.status == 503)
      #expect(response.code == "upstream-refused")
      #expect(response["Retry-After"] != nil)

      let upstream = try ScriptedUpstream.answering { ok($0.text) }
      let both = try Fixture(
        configuration(targets: [refusing, upstream.url]) {
          $0.service.health.failures = 0
        })
      let client = try both.client()
      for _ in 0..<4 {
        // Nothing was sent, so a POST may go elsewhere as well.
        let response = try client.exchange(
          "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
        #expect(response.text == "hi")
      }
    }

    @Test func aTargetThatDoesNotAcceptTimesOut() throws {
      let full = try FullListener()
      let fixture = try Fixture(
        configuration(targets: [full.url]) {
          $0.service.timeouts.connect = .milliseconds(40)
          $0.service.retries.connect = 0
        })
      let response = try fixture.get("/")
      #expect(response.status == 504)
      #expect(response.code == "upstream-connect-timeout")
    }

    @Test func anAbandonedConnectGivesItsPlaceBack() throws {
      let full = try FullListener()
      let fixture = try Fixture(
        configuration(targets: [full.url]) {
          $0.service.timeouts.connect = .milliseconds(40)
          $0.service.retries.connect = 0
          $0.service.connections.maxPerTarget = 1
          $0.service.connections.queue = 1
        })
      let gone = try fixture.client()
      try gone.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      gone.socket.reset()
      // Waits for the place that the abandoned attempt holds, then for its own connection.
      let response = try fixture.get("/")
      #expect(response.code == "upstream-connect-timeout")
    }

    // MARK: Stale connections and retries

    @Test func aStaleConnectionIsRetriedSilentlyForGet() throws {
      let upstream = try ScriptedUpstream { peer in
        var answered = 0
        while try peer.readRequest() != nil {
          // The first connection dies with its second request.
          if peer.index == 0 && answered == 1 { return }
          answered += 1
          try peer.send(ok("\(peer.index)"))
        }
      }
      // One failure would eject the only target.
      let fixture = try Fixture(to: upstream) { $0.service.health.failures = 1 }
      let client = try fixture.client()
      #expect(try client.get("/").text == "0")
      #expect(try client.get("/").text == "1")
      #expect(try client.get("/").text == "1")
    }

    @Test func aPostIsNotRepeatedOnceItWasSent() throws {
      let upstream = try ScriptedUpstream { peer in
        var answered = 0
        while try peer.readRequest() != nil {
          if answered == 1 { return }
          answered += 1
          try peer.send(ok(""))
        }
      }
      let fixture = try Fixture(to: upstream) { $0.service.retries.idempotent = 3 }
      let client = try fixture.client()
      let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
      #expect(try client.exchange(post).status == 200)
      let second = try client.exchange(post)
      #expect(second.status == 502)
      #expect(upstream.requests.count == 2)
    }

    @Test func aPostGetsAConnectionThatIsAlive() throws {
      let upstream = try ScriptedUpstream { peer in
        _ = try peer.readRequest()
        try peer.send(ok("\(peer.index)"))
      }
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client()
      for turn in 0..<20 {
        let response = try client.exchange(
          "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
        #expect(response.text == "\(turn)")
        // The FIN is on its way or there.
        try waitUntil { upstream.endedCount == turn + 1 }
      }
    }

    @Test func idempotentRetriesGoElsewhereWithinTheirBudget() throws {
      let dying = try ScriptedUpstream { peer in _ = try peer.readRequest() }
      let healthy = try ScriptedUpstream.answering { ok($0.method) }
      let targets = [dying.url, healthy.url]
      let retrying = try Fixture(
        configuration(targets: targets) {
          $0.service.health.failures = 0
          $0.service.retries.idempotent = 1
          $0.service.retries.budgetPercent = 100
        })
      let client = try retrying.client()
      for _ in 0..<4 { #expect(try client.get("/").text == "GET") }
      let posts = try (0..<4).map { _ in
        try client.exchange("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").status
      }
      #expect(posts.sorted() == [200, 200, 502, 502])

      let poor = try Fixture(
        configuration(targets: targets) {
          $0.service.health.failures = 0
          $0.service.retries.idempotent = 1
          $0.service.retries.budgetPercent = 0
        })
      let statuses = try (0..<4).map { _ in try poor.get("/").status }
      #expect(statuses.sorted() == [200, 200, 502, 502])
    }

    // MARK: Health and queues

    @Test func whenAllAreEjectedThereIsNoTargetUntilThePauseEnds() throws {
      // Two, because the only target of a service is never ejected.
      let upstreams = try (0..<2).map { _ in
        try ScriptedUpstream { peer in
          while let request = try peer.readRequest(), request.target == "/good" {
            try peer.send(ok("good"))
          }
        }
      }
      let configuration = configuration(targets: upstreams.map(\.url)) {
        $0.service.health.failures = 1
        $0.service.health.pause = .milliseconds(150)
      }
      let fixture = try Fixture(configuration)
      #expect(try fixture.get("/bad").status == 502)
      #expect(try fixture.get("/bad").status == 502)
      let ejected = try fixture.get("/good")
      #expect(ejected.status == 503)
      #expect(ejected.code == "no-target-available")
      #expect(ejected["Retry-After"] != nil)
      try waitUntil { try fixture.get("/good").status == 200 }
    }

    @Test func theQueueHasALimitAndADeadline() throws {
      let gate = Gate()
      let upstream = try ScriptedUpstream.answering { request in
        gate.wait()
        return ok(request.target)
      }
      let fixture = try Fixture(to: upstream) {
        $0.service.connections.maxPerTarget = 1
        $0.service.connections.queue = 1
        $0.service.connections.queueTimeout = .seconds(5)
      }
      let first = try fixture.client()
      try first.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n")
      try waitUntil { upstream.requests.count == 1 }
      let second = try fixture.client()
      try second.send("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
      // Whether the second is queued already shows in the third's refusal.
      try waitUntil {
        let third = try fixture.client()
        try third.send("GET /3 HTTP/1.1\r\nHost: a\r\n\r\n")
        guard third.socket.isReadable(within: 50) else { return false }
        let response = try third.reader.readResponse()
        #expect(response.code == "queue-full")
        return true
      }
      gate.open()
      #expect(try first.reader.readResponse().text == "/1")
      #expect(try second.reader.readResponse().text == "/2")
      #expect(upstream.connectionCount == 1)
    }

    @Test func whoWaitsTooLongIsToldSo() throws {
      let gate = Gate()
      let upstream = try ScriptedUpstream.answering { request in
        gate.wait()
        return ok(request.target)
      }
      let fixture = try Fixture(to: upstream) {
        $0.service.connections.maxPerTarget = 1
        $0.service.connections.queueTimeout = .milliseconds(30)
      }
      let first = try fixture.client()
      try first.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n")
      try waitUntil { upstream.requests.count == 1 }
      let response = try fixture.get("/2")
      #expect(response.status == 503)
      #expect(response.code == "queue-timeout")
      gate.open()
      #expect(try first.reader.readResponse().text == "/1")
    }
  }
}
