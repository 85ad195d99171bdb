import Foundation
import SluiceConfiguration
import SluiceGateway
import SluiceReactor
import Testing

extension Scenarios {
  /// `retries.statuses`: another target after the status of a response.
  @Suite struct StatusRetryTests {
    /// Says its number and what it got of the body; its status is in the path: `/BUSY/OTHER`.
    private func upstreams() throws -> [ScriptedUpstream] {
      try (0..<2).map { number in
        try ScriptedUpstream.answering { request in
          let status = request.target.split(separator: "/")[number]
          let text = "\(number) \(request.method) \(request.text)"
          return "HTTP/1.1 \(status) Said\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)"
        }
      }
    }

    private func fixture(
      _ upstreams: [ScriptedUpstream], _ edit: (inout Configuration.Retries) -> Void = { _ in }
    ) throws -> Fixture {
      try Fixture(
        configuration(targets: upstreams.map(\.url)) {
          $0.service.health.failures = 0
          $0.service.retries.statuses = [503, 404]
          $0.service.retries.budgetPercent = 100
          edit(&$0.service.retries)
        })
    }

    private func send(
      _ fixture: Fixture, _ method: String, _ target: String, body: String = ""
    ) throws -> Message {
      try fixture.client().exchange(
        "\(method) \(target) HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
      )
    }

    @Test func theOtherTargetIsAsked() throws {
      let upstreams = try upstreams()
      let fixture = try fixture(upstreams)
      for _ in 0..<4 {
        #expect(try send(fixture, "GET", "/503/200").text == "1 GET ")
        #expect(try send(fixture, "PUT", "/404/201", body: "whole").text == "1 PUT whole")
        // Only those that are named.
        #expect([200, 502].contains(try send(fixture, "GET", "/502/200").status))
      }
      let asked = upstreams[0].requests.count + upstreams[1].requests.count
      #expect((16...24).contains(asked))
    }

    /// Whole, with its body: nobody is left to ask, or nobody may be.
    @Test func theLastResponseIsPassedOn() throws {
      let upstreams = try upstreams()
      let fixture = try fixture(upstreams)
      for _ in 0..<4 {
        let response = try send(fixture, "GET", "/503/404")
        #expect(["0 GET ", "1 GET "].contains(response.text))
        #expect(response.status == (response.text == "0 GET " ? 503 : 404))
      }
      #expect(upstreams.map(\.requests.count) == [4, 4])
      let poor = try self.fixture(upstreams) { $0.budgetPercent = 0 }
      let statuses = try (0..<2).map { _ in try send(poor, "GET", "/503/200").status }
      #expect(statuses.sorted() == [200, 503])
    }

    @Test func whatIsNotIdempotentIsSentOnceUnlessSaidOtherwise() throws {
      let upstreams = try upstreams()
      let careful = try fixture(upstreams)
      let statuses = try (0..<2).map { _ in
        try send(careful, "POST", "/503/200", body: "x").status
      }
      #expect(statuses.sorted() == [200, 503])
      let bold = try fixture(upstreams) { $0.nonIdempotent = true }
      for _ in 0..<2 {
        #expect(try send(bold, "POST", "/503/200", body: "some").text == "1 POST some")
      }
    }

    /// What went beyond the bound can't be sent again.
    @Test(arguments: [65_536, 65_537])
    func bodiesAreKeptUpToABound(size: Int) throws {
      let upstreams = try upstreams()
      let fixture = try fixture(upstreams)
      let body = String(repeating: "b", count: size)
      let responses = try (0..<2).map { _ in try send(fixture, "PUT", "/503/200", body: body) }
      let statuses = responses.map(\.status).sorted()
      #expect(statuses == (size <= 65_536 ? [200, 200] : [200, 503]))
      #expect(responses.allSatisfy { $0.status == 503 || $0.text == "1 PUT \(body)" })
    }

    @Test func noAttemptBeginsTooLate() throws {
      let gate = Gate()
      let targets = try (0..<2).map { _ in
        try ScriptedUpstream.answering { _ in
          gate.wait()
          return "HTTP/1.1 503 Said\r\nContent-Length: 4\r\n\r\nbusy"
        }
      }
      let fixture = try fixture(targets) { $0.within = .milliseconds(1) }
      let client = try fixture.client()
      let begin = ContinuousClock.now
      try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      try waitUntil("it is asked and the time is over") {
        targets.contains { !$0.requests.isEmpty } && ContinuousClock.now - begin > .milliseconds(20)
      }
      gate.open()
      let response = try client.reader.readResponse()
      #expect(response.status == 503 && response.text == "busy")
      #expect(targets.reduce(0) { $0 + $1.requests.count } == 1)
    }

    /// A 404 is an answer, a 503 a failure.
    @Test func onlyFailuresCountForHealth() throws {
      let upstreams = try upstreams()
      let fixture = try Fixture(
        configuration(targets: upstreams.map(\.url)) {
          $0.service.health.failures = 1
          $0.service.health.pause = .seconds(3_600)
          $0.service.retries.statuses = [503, 404]
          $0.service.retries.budgetPercent = 100
        })
      for _ in 0..<4 { #expect(try send(fixture, "GET", "/404/200").status == 200) }
      let asked = upstreams[0].requests.count
      #expect(asked >= 2)
      for _ in 0..<4 { #expect(try send(fixture, "GET", "/503/200").status == 200) }
      #expect(upstreams[0].requests.count == asked + 1)
    }
  }
}
