import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// How many at a time and how large: `concurrency-limit` and `request-size-limit`.
  @Suite struct AmountTests {
    @Test func soManyAreUnderWayAtATime() throws {
      let gate = Gate()
      let upstream = try ScriptedUpstream { peer in
        while let request = try peer.readRequest() {
          if request.target == "/slow" { gate.wait() }
          try peer.send(ok(""))
        }
      }
      let fixture = try Fixture(to: upstream) {
        $0.workers = .count(2)
        $0.all.policies[Configuration.ConcurrencyLimit.self] = Configuration.ConcurrencyLimit(2)
      }
      let slow = "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"
      let clients = try (0..<2).map { _ in try fixture.client() }
      for client in clients { try client.send(slow) }
      try waitUntil("both at the target") { upstream.requests.count == 2 }
      let refused = try fixture.get("/")
      #expect(refused.status == 429)
      #expect(refused.code == "concurrency-limited")
      #expect(refused["Retry-After"] == "1")
      // A caller that leaves makes room, one that is refused takes none.
      clients[0].socket.reset()
      try waitUntil("room") { try fixture.get("/").status == 200 }
      #expect(try fixture.get("/").status == 200)
      gate.open()
      #expect(try clients[1].reader.readResponse(to: "GET").status == 200)
      // Nothing is left under way: two at a time, again and again.
      for _ in 0..<5 { #expect(try fixture.get("/").status == 200) }
    }

    /// By what a variable makes of requests; where it is empty by the address.
    @Test func aVariableIsCountedBy() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) {
        var plan = Configuration.Variable()
        plan.from = "${request.header.X-Plan}"
        plan.values = ["gold": "paying", "silver": "paying", "free": "free"]
        $0.variables["plan"] = plan
        var limit = Configuration.RateLimit()
        (limit.limit, limit.window, limit.by) = (2, .seconds(3_600), .variable("plan"))
        $0.all.policies[Configuration.RateLimit.self] = limit
      }
      func statuses(_ plans: String...) throws -> [Int] {
        try plans.map { try fixture.get("/", "X-Plan: \($0)").status }
      }
      #expect(try statuses("gold", "silver", "gold", "silver") == [200, 200, 429, 429])
      #expect(try statuses("free", "free", "free") == [200, 200, 429])
      // Nothing, whatever was sent.
      #expect(try statuses("a", "b", "c") == [200, 200, 429])
    }

    /// However an exchange ends, its place is free again.
    @Test func everyEndMakesRoom() throws {
      let upstream = try ScriptedUpstream { peer in
        while let request = try peer.readRequest() {
          if request.target == "/reset" { return peer.socket.reset() }
          try peer.send(ok("hello"))
        }
      }
      let fixture = try Fixture(to: upstream) {
        $0.service.retries.connect = 0
        $0.service.retries.idempotent = 0
        $0.service.health.failures = 0
        $0.all.policies[Configuration.ConcurrencyLimit.self] = Configuration.ConcurrencyLimit(1)
        var acl = $0.all
        acl.match.path = "/denied"
        acl.policies[Configuration.RequestSizeLimit.self] = Configuration.RequestSizeLimit(0)
        $0.routes["denied"] = acl
      }
      // Whoever reads the end of a response may be faster than the gateway, which then gives the place back.
      func answer(_ request: String) throws -> Message {
        var answer: Message?
        try waitUntil("a place") {
          answer = try fixture.client().exchange(request)
          return answer?.code != "concurrency-limited"
        }
        return try #require(answer)
      }
      for _ in 0..<3 {
        #expect(try answer("GET / HTTP/1.1\r\nHost: a\r\n\r\n").status == 200)
        let reset = try answer("GET /reset HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(reset.status == 502, "\(reset.code ?? reset.text)")
        let refused = try answer(
          "POST /denied HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
        #expect(refused.code == "body-too-large")
        let malformed = try answer(
          "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
        #expect(malformed.status == 400)
      }
      #expect(try answer("GET / HTTP/1.1\r\nHost: a\r\n\r\n").status == 200)
    }

    /// However many ask at once: nobody gets a response that costs something when nothing is left.
    @Test(arguments: [1, 3])
    func responsesThatCostPassAsLongAsSomethingIsLeft(workers: Int) throws {
      let gate = Gate()
      let upstream = try ScriptedUpstream { peer in
        while let request = try peer.readRequest() {
          if request.target == "/held" { gate.wait() }
          try peer.send(ok("", "X-Limit: video=2"))
        }
      }
      let fixture = try Fixture(to: upstream) {
        $0.workers = .count(workers)
        var limit = Configuration.ResponseLimit()
        // The last one costs more than is left, and passes.
        limit.limits = ["video": [.init(limit: 13, window: .seconds(86_400))]]
        limit.by = .all
        $0.all.policies[Configuration.ResponseLimit.self] = limit
      }
      let clients = try (0..<40).map { _ in try fixture.client() }
      for client in clients { try client.send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n") }
      try waitUntil("all at the target") { upstream.requests.count == clients.count }
      gate.open()
      let statuses = try clients.map { try $0.reader.readResponse(to: "GET").status }
      #expect(statuses.filter { $0 == 200 }.count == 7)
      #expect(statuses.filter { $0 == 429 }.count == 33)
      #expect(try fixture.get("/").status == 429)
    }

    @Test func bodiesAreAsLargeAsAllowed() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) {
        $0.all.policies[Configuration.RequestSizeLimit.self] = Configuration.RequestSizeLimit(10)
      }
      func post(_ fields: String, _ body: String) throws -> Message {
        try fixture.client().exchange("POST / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n\(body)")
      }
      #expect(try fixture.get("/").status == 200)
      #expect(try post("Content-Length: 10", "0123456789").status == 200)
      // Before a byte of it has come.
      let refused = try post("Content-Length: 11", "")
      #expect(refused.status == 413)
      #expect(refused.code == "body-too-large")
      let chunked = "Transfer-Encoding: chunked"
      #expect(try post(chunked, "5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n").status == 200)
      #expect(try post(chunked, "5\r\n01234\r\n6\r\n567890\r\n0\r\n\r\n").status == 413)
      #expect(upstream.requests.map(\.body.count).filter { $0 > 10 } == [])
    }

    @Test func aLengthMayBeRequired() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) {
        $0.all.policies[Configuration.RequestSizeLimit.self] = Configuration.RequestSizeLimit(
          10, requireLength: true)
      }
      let refused = try fixture.client().exchange(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
      #expect(refused.status == 411)
      #expect(refused.code == "length-required")
      #expect(try fixture.get("/").status == 200)
      #expect(
        try fixture.client().exchange(
          "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"
        ).status == 200)
    }
  }
}

extension Configuration.ConcurrencyLimit {
  fileprivate init(_ limit: Int) {
    self.init()
    self.limit = limit
    by = .route
  }
}

extension Configuration.RequestSizeLimit {
  fileprivate init(_ maxSize: Int, requireLength: Bool = false) {
    self.init()
    self.maxSize = ByteCount(maxSize)
    self.requireLength = requireLength
  }
}
