import Foundation
import Glibc
import SluiceConfiguration
import SluiceGateway
import SluiceReactor
import Testing

extension Scenarios {
  /// Targets that are asked how they are.
  @Suite struct ActiveChecks {
    /// A target by HTTP/1.1 whose health a test says.
    private final class Patient: Sendable {
      let status = Locked("200")
      /// What was asked for by a check.
      let checks = Locked<[Message]>([])
      let served = Counter()
      let upstream: ScriptedUpstream

      init(tls: TestTLSSettings? = nil) throws {
        let (status, checks, served) = (status, checks, served)
        upstream = try ScriptedUpstream.answering(tls: tls) { request in
          if request["User-Agent"] == "sluice-health-check" {
            checks.withLock { $0.append(request) }
            return "HTTP/1.1 \(status.withLock { $0 }) X\r\nContent-Length: 2\r\n\r\nhi"
          }
          served.add(1)
          return ok("served")
        }
      }

      func become(_ text: String) { status.withLock { $0 = text } }
    }

    private func fixture(
      _ targets: [String], options: Gateway.Options = .init(),
      _ edit: (inout Configuration) -> Void = { _ in }
    ) throws -> Fixture {
      try Fixture(
        configuration(targets: targets) {
          var check = Configuration.HealthCheck()
          check.interval = .milliseconds(10)
          check.unhealthyAfter = 2
          $0.service.health.check = check
          edit(&$0)
        }, options: options)
    }

    /// What the worker that checks the target says; the others say nothing.
    private func check(
      _ fixture: Fixture, _ url: String
    ) async -> WorkerReport.Check? {
      await fixture.gateway.reports().flatMap(\.targets)
        .filter { $0.url == url }.compactMap(\.check).first
    }

    /// Until this is what all workers act by.
    private func wait(_ fixture: Fixture, _ url: String, isHealthy: Bool) async throws {
      try await eventually("\(url) healthy: \(isHealthy)") {
        let reports = await fixture.gateway.reports().flatMap(\.targets).filter { $0.url == url }
        let verdict = reports.compactMap(\.check).first?.isHealthy
        return verdict == isHealthy && reports.allSatisfy { $0.isHealthy == isHealthy }
      }
    }

    @Test(arguments: [1, 3])
    func aTargetThatGoesBadGetsNothingUntilItIsWell(workers: Int) async throws {
      let (first, second) = (try Patient(), try Patient())
      let events = Locked<[LifecycleEvent]>([])
      var options = Gateway.Options()
      options.onEvent = { event in events.withLock { $0.append(event) } }
      let urls = [first.upstream.url, second.upstream.url]
      let fixture = try fixture(urls, options: options) {
        $0.workers = .count(workers)
        $0.service.health.check?.path = "/healthz?full"
      }
      for url in urls { try await wait(fixture, url, isHealthy: true) }
      for _ in 0..<8 { #expect(try fixture.get("/").status == 200) }
      #expect(first.served.value > 0 && second.served.value > 0)

      first.become("503")
      try await wait(fixture, urls[0], isHealthy: false)
      #expect(await check(fixture, urls[0])?.lastFailure == "status 503")
      let before = first.served.value
      for _ in 0..<12 { #expect(try fixture.get("/").status == 200) }
      #expect(first.served.value == before)

      first.become("206")
      try await wait(fixture, urls[0], isHealthy: true)
      for _ in 0..<12 { #expect(try fixture.get("/").status == 200) }
      #expect(first.served.value > before)

      let asked = try #require(first.checks.withLock { $0.first })
      #expect(asked.method == "GET" && asked.target == "/healthz?full")
      #expect(asked["Host"] == "127.0.0.1:\(first.upstream.port)")
      #expect(asked["X-Forwarded-For"] == nil && asked["Via"] == nil)
      // Once for the process, not for each worker; and nothing about what was well from the beginning.
      let health = events.withLock { $0 }.filter {
        switch $0 {
        case .targetUnhealthy, .targetHealthy: true
        default: false
        }
      }
      #expect(
        health == [
          .targetUnhealthy(service: "service", target: urls[0], reason: "status 503"),
          .targetHealthy(service: "service", target: urls[0]),
        ])
      // Nobody's requests.
      #expect(
        await fixture.gateway.reports().flatMap(\.routes).allSatisfy {
          $0.errors.allSatisfy { $0 == 0 }
        })
    }

    @Test func theOnlyTargetIsTakenOutToo() async throws {
      let patient = try Patient()
      patient.become("500")
      let fixture = try fixture([patient.upstream.url])
      // The first result decides.
      try await wait(fixture, patient.upstream.url, isHealthy: false)
      let refused = try fixture.get("/")
      #expect(refused.status == 503 && refused.code == "no-target-available")
      #expect(patient.served.value == 0)
      patient.become("200")
      try await wait(fixture, patient.upstream.url, isHealthy: true)
      #expect(try fixture.get("/").text == "served")
    }

    @Test func aTargetThatIsGoneAndComesBack() async throws {
      let held = try HeldPort()
      let port = held.port
      let url = "http://127.0.0.1:\(port)"
      for type in [Configuration.HealthCheckType.tcp, .http] {
        let fixture = try fixture([url]) { $0.service.health.check?.type = type }
        try await wait(fixture, url, isHealthy: false)
        #expect(await check(fixture, url)?.lastFailure == "upstream-refused")
        let upstream = try ScriptedUpstream.echoing(port: port)
        try await wait(fixture, url, isHealthy: true)
        #expect(try fixture.get("/a").text == "/a")
        upstream.stop()
        try await wait(fixture, url, isHealthy: false)
      }
      withExtendedLifetime(held) {}
    }

    /// The first check may end before all workers have begun; they hear of it with the next.
    @Test func everyWorkerHearsOfAVerdict() async throws {
      for _ in 0..<4 {
        let held = try HeldPort()
        let url = "http://127.0.0.1:\(held.port)"
        let fixture = try fixture([url]) { $0.workers = .count(6) }
        try await eventually("six verdicts") {
          let targets = await fixture.gateway.reports().flatMap(\.targets)
          return targets.count == 6 && targets.allSatisfy { !$0.isHealthy }
        }
        withExtendedLifetime(held) {}
      }
    }

    @Test func aTargetThatDoesNotAnswerInTime() async throws {
      let full = try FullListener()
      let silent = try ScriptedUpstream { peer in
        while try peer.readRequest() != nil {}
      }
      let fixture = try fixture([full.url, silent.url]) {
        $0.service.health.check?.timeout = .milliseconds(30)
      }
      try await wait(fixture, silent.url, isHealthy: false)
      try await wait(fixture, full.url, isHealthy: false)
      #expect(await check(fixture, silent.url)?.lastFailure?.hasSuffix("timeout") == true)
      #expect(await check(fixture, full.url)?.lastFailure?.hasSuffix("timeout") == true)
      #expect(try fixture.get("/").code == "no-target-available")
    }

    @Test func connectionsOfChecksAreTheirOwn() async throws {
      let patient = try Patient()
      let fixture = try fixture([patient.upstream.url]) {
        $0.service.connections.maxPerTarget = 1
        $0.service.connections.queue = 0
      }
      try await eventually { (await check(fixture, patient.upstream.url)?.passed ?? 0) > 10 }
      let report = await fixture.gateway.reports().flatMap(\.targets).first
      #expect(report?.open == 0 && report?.connecting == 0)
      // A new one each time, and all but the last are closed.
      try waitUntil { patient.upstream.endedCount >= 10 }
    }

    @Test func aLargeAnswerIsOneToo() async throws {
      let upstream = try ScriptedUpstream { peer in
        while try peer.readRequest() != nil {
          try peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
          let piece = "10000\r\n" + String(repeating: "x", count: 65_536) + "\r\n"
          while true { try peer.send(piece) }
        }
      }
      let fixture = try fixture([upstream.url])
      try await wait(fixture, upstream.url, isHealthy: true)
    }

    // MARK: Reloads

    @Test func whatIsKnownOutlivesAReload() async throws {
      let (ill, well) = (try Patient(), try Patient())
      ill.become("500")
      let urls = [ill.upstream.url, well.upstream.url]
      let fixture = try fixture(urls) { $0.workers = .count(2) }
      try await wait(fixture, urls[0], isHealthy: false)
      for turn in 0..<6 {
        var next = fixture.gateway.configuration
        // Something else of the service, and how it is checked.
        next.service.connections.maxIdle = 10 + turn
        if turn % 2 == 0 { next.service.health.check?.interval = .milliseconds(Int64(10 + turn)) }
        try fixture.gateway.reload(next)
        for _ in 0..<4 { #expect(try fixture.get("/").status == 200) }
      }
      #expect(ill.served.value == 0)
      // Without checks nothing is known.
      var next = fixture.gateway.configuration
      next.service.health.check = nil
      try fixture.gateway.reload(next)
      for _ in 0..<8 { #expect(try fixture.get("/").status == 200) }
      #expect(ill.served.value > 0)
      let asked = ill.checks.withLock { $0.count }
      for _ in 0..<8 { #expect(try fixture.get("/").status == 200) }
      // At most those that were under way.
      #expect(ill.checks.withLock { $0.count } <= asked + 2)
    }

    @Test func aShutdownDoesNotWaitForAHangingCheck() async throws {
      let upstream = try ScriptedUpstream { peer in
        while try peer.readRequest() != nil {}
      }
      let fixture = try fixture([upstream.url]) {
        // More than any test's patience.
        $0.service.health.check?.timeout = .seconds(600)
        $0.shutdown.timeout = .seconds(600)
      }
      try waitUntil { upstream.connectionCount == 1 && !upstream.requests.isEmpty }
      fixture.shutDown()
      try waitUntil { upstream.endedCount == 1 }
    }

    // MARK: Other protocols

    private static let health = "/grpc.health.v1.Health/Check"

    @Test func gRPC() async throws {
      let answer = Locked<(body: [UInt8], status: String)>(([0, 0, 0, 0, 2, 8, 1], "0"))
      let asked = Locked<HTTP2Received.Stream?>(nil)
      let upstream = try ScriptedUpstream.http2 { peer in
        var id = 1
        while true {
          let request = try peer.request(id)
          if request[":path"] == Self.health {
            asked.withLock { $0 = request }
            let (body, status) = answer.withLock { $0 }
            if body.isEmpty {
              try peer.send(
                .headers(
                  id,
                  [
                    (":status", "200"), ("content-type", "application/grpc"),
                    ("grpc-status", status),
                  ]))
            } else {
              try peer.send(
                .headers(
                  id, [(":status", "200"), ("content-type", "application/grpc")], end: false),
                .data(id, body), .headers(id, [("grpc-status", status)]))
            }
          } else {
            try peer.answer(id, "served")
          }
          id += 2
        }
      }
      let fixture = try fixture([upstream.url]) {
        $0.service.protocol = .http2
        $0.service.health.check?.type = .grpc
        $0.service.health.check?.service = "shop.Orders"
      }
      try await wait(fixture, upstream.url, isHealthy: true)
      let request = try #require(asked.withLock { $0 })
      #expect(request[":method"] == "POST" && request["te"] == "trailers")
      #expect(request["content-type"] == "application/grpc")
      #expect(request[":authority"] == "127.0.0.1:\(upstream.port)")
      #expect(request.body == [0, 0, 0, 0, 13, 10, 11] + Array("shop.Orders".utf8))
      for (body, status, reason) in [
        ([0, 0, 0, 0, 2, 8, 2], "0", "NOT_SERVING"), ([], "5", "grpc-status NOT_FOUND"),
        ([0, 0, 0, 0, 2, 8, 1], "14", "grpc-status UNAVAILABLE"),
        ([1, 0, 0, 0, 2, 8, 1], "0", "no health response"),
      ] as [([UInt8], String, String)] {
        answer.withLock { $0 = (body, status) }
        try await wait(fixture, upstream.url, isHealthy: false)
        try await eventually { await check(fixture, upstream.url)?.lastFailure == reason }
        answer.withLock { $0 = ([0, 0, 0, 0, 2, 8, 1], "0") }
        try await wait(fixture, upstream.url, isHealthy: true)
      }
    }

    @Test(arguments: [Configuration.HealthCheckType.http, .tcp])
    func overTLS(type: Configuration.HealthCheckType) async throws {
      let authority = TestAuthority()
      for (name, isHealthy) in [("DNS:localhost", true), ("DNS:other.test", false)] {
        let patient = try Patient(
          tls: TestTLSSettings(
            server: authority.issue(
              names: [name], from: -TestAuthority.day, to: TestAuthority.day)))
        let fixture = try fixture([patient.upstream.url]) {
          $0.trust(authority)
          $0.service.health.check?.type = type
        }
        try await wait(fixture, patient.upstream.url, isHealthy: isHealthy)
        if !isHealthy {
          #expect(
            await check(fixture, patient.upstream.url)?.lastFailure == "upstream-tls-failed")
        }
        #expect(patient.checks.withLock { $0.isEmpty } == (type == .tcp || !isHealthy))
      }
    }
  }
}
