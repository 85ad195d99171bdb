import Foundation
import SluiceConfiguration
import SluiceGateway
import SluiceReactor
import Testing

extension Scenarios {
  /// Copies of requests: what they are, and that nobody waits for them.
  @Suite struct MirrorTests {
    private func fixture(
      to upstream: ScriptedUpstream, and shadow: ScriptedUpstream,
      _ edit: (inout Configuration.Mirror) -> Void = { _ in },
      rest: (inout Configuration) -> Void = { _ in }
    ) throws -> Fixture {
      try Fixture(to: upstream) { configuration in
        var service = Configuration.Service()
        service.targets = [Configuration.Target(url: shadow.url)]
        configuration.services["shadow"] = service
        var mirror = Configuration.Mirror()
        mirror.service = "shadow"
        edit(&mirror)
        configuration.all.policies[Configuration.Mirror.self] = mirror
        rest(&configuration)
      }
    }

    private func counts(_ fixture: Fixture) async -> MirrorCounts {
      await fixture.gateway.reports().reduce(into: MirrorCounts()) { sum, report in
        sum.answered += report.mirrored.answered
        sum.failed += report.mirrored.failed
        sum.busy += report.mirrored.busy
        sum.tooLarge += report.mirrored.tooLarge
        sum.late += report.mirrored.late
      }
    }

    /// What both must have alike.
    private func comparable(_ request: Message) -> [String] {
      request.comparable.filter { !$0.hasPrefix("Transfer-Encoding") && !$0.hasPrefix("Content-L") }
    }

    @Test func copiesAreWhatTargetsGet() async throws {
      let upstream = try ScriptedUpstream.echoing()
      let shadow = try ScriptedUpstream.answering { _ in
        "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone"
      }
      let fixture = try fixture(to: upstream, and: shadow) {
        $0.maxBodySize = ByteCount(10)
      } rest: {
        $0.all.path.replacePrefix = "/inner"
        $0.all.match.prefix = "/outer"
        var transform = Configuration.RequestTransform()
        transform.add.headers["X-Added"] = "yes"
        transform.remove.query = ["secret"]
        $0.all.policies[Configuration.RequestTransform.self] = transform
        $0.policies[Configuration.RequestID.self] = Configuration.RequestID()
      }
      let client = try fixture.client()
      #expect(try client.get("/outer/a?b=c&secret=d", "X-Own: e").text == "/inner/a?b=c")
      let posts = [
        "POST /outer/p HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nabcde",
        "PUT /outer/p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n7\r\ndefghij\r\n0\r\n\r\n",
        "POST /outer/e HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
        "HEAD /outer/h HTTP/1.1\r\nHost: h\r\n\r\n",
      ]
      for post in posts { #expect(try client.exchange(post).status == 200) }
      try await eventually("the copies") { await counts(fixture).answered == 5 }
      let copies = shadow.requests.map { comparable($0) }
      for request in upstream.requests {
        let expected = comparable(request).filter { $0 != "Expect: 100-continue" }
        #expect(copies.contains(expected), "\(expected) is none of \(copies)")
      }
      #expect(shadow.requests.allSatisfy { $0["X-Added"] == "yes" && $0["X-Forwarded-For"] != nil })
      #expect(shadow.requests.map(\.text).sorted() == ["", "", "", "abcde", "abcdefghij"])
      // Copies are no requests of callers.
      let requests = await fixture.gateway.reports().flatMap(\.routes).reduce(0) {
        $0 + $1.buckets.reduce(0, +)
      }
      #expect(requests == 5)
    }

    @Test func largeBodiesAreNotCopied() async throws {
      let upstream = try ScriptedUpstream.echoing()
      let shadow = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream, and: shadow) { $0.maxBodySize = ByteCount(10) }
      let client = try fixture.client()
      let posts = [
        "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\nabcdefghijk",
        "POST /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n6\r\nfghijk\r\n0\r\n\r\n",
      ]
      for post in posts { #expect(try client.exchange(post).status == 200) }
      #expect(upstream.requests.map(\.text) == ["abcdefghijk", "abcdefghijk"])
      #expect(await counts(fixture).tooLarge == 2)
      #expect(try client.get("/c").status == 200)
      try await eventually("the copy") { await counts(fixture).answered == 1 }
      #expect(shadow.requests.map(\.target) == ["/c"])
    }

    /// Nobody waits for a service that never answers, and no more than so many copies wait for it.
    @Test func aServiceThatHangsHoldsNobodyUp() async throws {
      let gate = Gate()
      let upstream = try ScriptedUpstream.echoing()
      let shadow = try ScriptedUpstream { peer in
        while try peer.readRequest() != nil {
          gate.wait()
          try peer.send("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")
        }
      }
      let fixture = try fixture(to: upstream, and: shadow) {
        $0.maxInFlight = 3
      } rest: {
        $0.workers = .count(2)
      }
      for _ in 0..<10 { #expect(try fixture.get("/").status == 200) }
      #expect(await counts(fixture).busy == 7)
      try await eventually("the copies") { shadow.requests.count == 3 }
      gate.open()
      try await eventually("the answers") { await counts(fixture).failed == 3 }
      // There is room again.
      #expect(try fixture.get("/").status == 200)
      try await eventually("the next") { await counts(fixture).failed == 4 }
    }

    @Test func aServiceThatIsNotThereIsNobodysTrouble() async throws {
      let upstream = try ScriptedUpstream.echoing()
      let shadow = try ScriptedUpstream.echoing()
      shadow.stop()
      let fixture = try fixture(to: upstream, and: shadow)
      for _ in 0..<3 { #expect(try fixture.get("/").status == 200) }
      try await eventually("the failures") { await counts(fixture).failed == 3 }
    }

    @Test func timeEndsACopy() async throws {
      let gate = Gate()
      let upstream = try ScriptedUpstream.echoing()
      let shadow = try ScriptedUpstream { peer in
        _ = try peer.readRequest()
        try peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        gate.wait()
      }
      let fixture = try fixture(to: upstream, and: shadow) { $0.timeout = .milliseconds(20) }
      #expect(try fixture.get("/").status == 200)
      try await eventually("the end") { await counts(fixture).failed == 1 }
      gate.open()
    }

    /// A caller that leaves in the middle of its body leaves no half of a copy.
    @Test func halfABodyIsNotCopied() async throws {
      let upstream = try ScriptedUpstream.echoing()
      let shadow = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream, and: shadow) { $0.maxInFlight = 1 }
      let client = try fixture.client()
      try client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabc")
      try await eventually("the request") { upstream.connectionCount == 1 }
      // Its place is taken.
      #expect(try fixture.get("/a").status == 200)
      #expect(await counts(fixture).busy == 1)
      client.socket.close()
      try await eventually("the caller is missed") { await fixture.openConnections() == 0 }
      #expect(try fixture.get("/b").status == 200)
      try await eventually("the copy") { await counts(fixture).answered == 1 }
      #expect(shadow.requests.map(\.target) == ["/b"])
    }

    /// Whoever takes their time holds no place for longer than a copy may take, and their own request goes on.
    @Test func aSlowUploadGivesItsPlaceBack() async throws {
      let upstream = try ScriptedUpstream.echoing()
      let shadow = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream, and: shadow) {
        $0.maxInFlight = 1
        $0.timeout = .milliseconds(100)
      }
      let client = try fixture.client()
      try client.send("POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabc")
      try await eventually("it is given up") { await counts(fixture).late == 1 }
      #expect(try fixture.get("/b").status == 200)
      try await eventually("the copy") { await counts(fixture).answered == 1 }
      try client.send("de")
      #expect(try client.reader.readResponse(to: "POST").status == 200)
      #expect(shadow.requests.map(\.target) == ["/b"])
      // A reload in the middle of another one leaves nothing behind.
      let second = try fixture.client()
      try second.send("POST /again HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabc")
      try await eventually("the request") { upstream.connectionCount >= 2 }
      var next = fixture.gateway.configuration
      next.all.policies[Configuration.Mirror.self] = nil
      try fixture.gateway.reload(next)
      try second.send("de")
      #expect(try second.reader.readResponse(to: "POST").status == 200)
    }

    @Test(arguments: [0, 30]) func aShareIsCopied(percent: Int) async throws {
      let upstream = try ScriptedUpstream.echoing()
      let shadow = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream, and: shadow) { $0.percent = percent }
      let client = try fixture.client()
      for _ in 0..<400 { #expect(try client.get("/").status == 200) }
      try await eventually("all copies have ended") {
        let counts = await counts(fixture)
        return counts.answered + counts.busy == shadow.requests.count
          && counts.failed == 0
      }
      let copied = shadow.requests.count
      // Far more than six standard deviations.
      #expect(percent == 0 ? copied == 0 : (60...180).contains(copied))
    }
  }
}
