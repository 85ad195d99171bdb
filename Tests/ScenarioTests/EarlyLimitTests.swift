import Foundation
import SluiceConfiguration
import SluiceGateway
import SluiceReactor
import Testing

extension Scenarios {
  /// Limits with `before: identify`, where requests wait and where they are handshakes.
  @Suite struct EarlyLimitTests {
    /// Callers are asked for a key, and counted by address before: one an hour, unless a test says otherwise.
    private func fixture(
      to upstream: ScriptedUpstream, isSession: Bool = false,
      _ edit: (inout Configuration, inout Configuration.RateLimit) -> Void
    ) throws -> Fixture {
      try Fixture(to: upstream) {
        $0.requireKeys(isSession: isSession)
        var limit = Configuration.RateLimit()
        (limit.limit, limit.window, limit.by) = (1, .seconds(3_600), .address)
        limit.before = .identify
        edit(&$0, &limit)
        $0.all.policies[Configuration.RateLimit.self] = limit
      }
    }

    private func inProgress(_ fixture: Fixture) async -> Int {
      await fixture.gateway.reports().reduce(0) { $0 + $1.exchangesInProgress }
    }

    private func request(_ fields: String...) -> String {
      "GET / HTTP/1.1\r\nHost: a\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n"
    }

    private static let key = "apikey: alice-key"

    // MARK: Requests

    /// Whoever they are they wait, and are asked when their turn comes.
    @Test func whoWaitsIsAskedAfterwards() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream) {
        ($1.limit, $1.window, $1.burst, $1.excess) = (20, .seconds(1), 4, .delay)
      }
      let begin = ContinuousClock.now
      let clients = try (0..<4).map { _ in try fixture.client() }
      let keys = ["apikey: wrong", Self.key, "X-Nothing: a", Self.key]
      for (client, key) in zip(clients, keys) { try client.send(request(key)) }
      #expect(try clients.map { try $0.reader.readResponse().status } == [401, 200, 401, 200])
      #expect(ContinuousClock.now - begin >= .milliseconds(149))
      #expect(upstream.requests.count == 2)
    }

    /// A place in the queue is nobody's for who leaves, and none for the right key either.
    @Test func whoLeavesBeforeBeingAskedMakesRoom() async throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream) {
        ($1.burst, $1.excess, $1.maxDelay) = (100, .delay, .seconds(3_600))
      }
      #expect(try fixture.get("/", "apikey: wrong").status == 401)
      for _ in 0..<2 {
        let waiting = try fixture.client()
        try waiting.send(request("apikey: wrong"))
        try await eventually("one waits") { await inProgress(fixture) == 1 }
        for key in [Self.key, "apikey: wrong"] {
          let refused = try fixture.get("/", key)
          #expect(refused.status == 429 && refused.code == "rate-limited")
          #expect(refused["RateLimit-Policy"] != nil && refused["WWW-Authenticate"] == nil)
        }
        waiting.socket.close()
        try await eventually("it is gone") { await inProgress(fixture) == 0 }
      }
      #expect(upstream.requests.isEmpty)
    }

    /// The time for the whole exchange is over before its turn comes, and it gives its place back.
    @Test func theTimeForAllOfItGoesOnWhileItWaits() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream) {
        ($1.burst, $1.excess, $1.maxDelay) = (100, .delay, .seconds(3_600))
        var timeouts = Configuration.RouteTimeouts()
        timeouts.total = .milliseconds(50)
        $0.all.timeouts = timeouts
      }
      // Its place is spent by one who needs no target, and so none of the 50 ms.
      #expect(try fixture.get("/", "apikey: wrong").status == 401)
      for _ in 0..<3 {
        let late = try fixture.get("/", Self.key)
        #expect(late.status == 504 && late.code == "exchange-timeout")
      }
      #expect(upstream.requests.isEmpty)
    }

    /// Who waits goes on with what it began with, also where the limit stands elsewhere by then.
    @Test func aReloadThatMovesTheLimitLeavesThoseWhoWait() async throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream) {
        ($1.limit, $1.window, $1.burst, $1.excess) = (2, .seconds(1), 3, .delay)
      }
      let clients = try (0..<3).map { _ in try fixture.client() }
      for client in clients { try client.send(request(Self.key)) }
      #expect(try clients[0].reader.readResponse().status == 200)
      var next = fixture.gateway.configuration
      next.all.policies[Configuration.RateLimit.self]?.before = nil
      next.all.policies[Configuration.RequestID.self] = Configuration.RequestID()
      next.consumers["alice"]?.policies.turnOff(Configuration.RateLimit.self)
      try fixture.gateway.reload(next)
      for client in clients.dropFirst() {
        #expect(try client.reader.readResponse().status == 200)
      }
      // Of alice nothing is counted any more; of others what was is.
      #expect(try fixture.get("/", Self.key).status == 200)
    }

    // MARK: Handshakes

    /// Handshakes wait like requests, and what a caller sends behind its own is not lost.
    @Test func handshakesWaitForTheirTurn() throws {
      let upstream = try ScriptedUpstream { try $0.accept().echo() }
      let fixture = try fixture(to: upstream, isSession: true) {
        ($1.limit, $1.window, $1.burst, $1.excess) = (20, .seconds(1), 4, .delay)
      }
      let begin = ContinuousClock.now
      let clients = try (0..<3).map { _ in try fixture.client() }
      for (index, client) in clients.enumerated() {
        let peer = WebSocketPeer(client.socket, client.reader, masks: true)
        try client.socket.send(
          Array(WebSocketPeer.handshake(Self.key).utf8)
            + peer.bytes(.init(opcode: 1, payload: Array("early \(index)".utf8))))
      }
      let wrong = try fixture.client().exchange(WebSocketPeer.handshake("apikey: wrong"))
      #expect(wrong.status == 401)
      #expect(ContinuousClock.now - begin >= .milliseconds(149))
      for (index, client) in clients.enumerated() {
        let head = try #require(try client.reader.readHead())
        #expect(head.status == 101 && head["RateLimit-Policy"] != nil)
        let peer = WebSocketPeer(client.socket, client.reader, masks: true)
        #expect(try peer.text() == "early \(index)")
      }
      #expect(upstream.requests.count == 3)
    }

    @Test func aHandshakeThatIsGivenUpMakesRoom() async throws {
      let upstream = try ScriptedUpstream { try $0.accept().echo() }
      let fixture = try fixture(to: upstream, isSession: true) {
        ($1.burst, $1.excess, $1.maxDelay) = (100, .delay, .seconds(3_600))
      }
      let socket = try fixture.client().open(Self.key)
      for _ in 0..<2 {
        let waiting = try fixture.client()
        try waiting.send(WebSocketPeer.handshake(Self.key))
        try await eventually("one waits") { await inProgress(fixture) == 1 }
        let refused = try fixture.client().exchange(WebSocketPeer.handshake("apikey: wrong"))
        #expect(refused.status == 429)
        waiting.socket.close()
        try await eventually("it is gone") { await inProgress(fixture) == 0 }
      }
      // The session has long had its turn.
      try socket.send(text: "hello")
      #expect(try socket.text() == "hello")
      #expect(upstream.requests.count == 1)
    }

    /// On one connection of HTTP/2 each waits for itself.
    @Test func streamsOfOneConnectionWait() async throws {
      let upstream = try ScriptedUpstream { try $0.accept().echo() }
      let fixture = try fixture(to: upstream, isSession: true) {
        ($1.burst, $1.excess, $1.maxDelay) = (100, .delay, .seconds(3_600))
      }
      let client = try fixture.http2()
      let key = [("apikey", "alice-key")]
      let first = try HTTP2WebSocket(client, stream: 1, key)
      #expect(try first.waitForHead().status == 200)
      for id in [3, 7] {
        _ = try HTTP2WebSocket(client, stream: id, key)
        try await eventually("it waits") { await inProgress(fixture) == 1 }
        let refused = try HTTP2WebSocket(client, stream: id + 2, [("apikey", "wrong")])
        #expect(try refused.waitForHead().status == 429)
        try client.send(.reset(id, 8))
        try await eventually("it is gone") { await inProgress(fixture) == 0 }
      }
      try first.send(text: "hello")
      #expect(try first.text() == "hello")
      #expect(upstream.requests.count == 1)
    }

    /// The gateway says 101 itself, with what policies had to say until then, and then nothing counts again.
    @Test func whoIsAskedForAFirstMessageHasWaited() throws {
      let upstream = try ScriptedUpstream { try $0.accept().echo() }
      let fixture = try fixture(to: upstream, isSession: true) {
        ($1.limit, $1.window, $1.burst, $1.excess) = (20, .seconds(1), 4, .delay)
        var keyAuth = Configuration.KeyAuth()
        keyAuth.firstMessage = Configuration.FirstMessage()
        $0.all.policies[Configuration.KeyAuth.self] = keyAuth
      }
      let begin = ContinuousClock.now
      let clients = try (0..<3).map { _ in try fixture.client() }
      for client in clients { try client.send(WebSocketPeer.handshake()) }
      for (client, message) in zip(clients, ["alice-key", "wrong", "alice-key"]) {
        let head = try #require(try client.reader.readHead())
        #expect(head.status == 101)
        #expect(head["RateLimit-Policy"] == "\"1s\";q=20;w=1;sluice-burst=4")
        let socket = WebSocketPeer(client.socket, client.reader, masks: true)
        try socket.send(text: message)
        if message == "wrong" {
          #expect(try socket.read()?.closeCode == 4_401)
        } else {
          try socket.send(text: "hello")
          #expect(try socket.text() == "hello")
        }
      }
      #expect(ContinuousClock.now - begin >= .milliseconds(99))
      // A stream of HTTP/2 is told the same.
      let stream = try HTTP2WebSocket(fixture.http2(), stream: 1)
      #expect(try stream.waitForHead()["ratelimit-policy"] == "\"1s\";q=20;w=1;sluice-burst=4")
    }

    /// What is no handshake is refused there, and counts before.
    @Test func whatIsNoHandshakeCountsToo() throws {
      let upstream = try ScriptedUpstream { try $0.accept().echo() }
      let fixture = try fixture(to: upstream, isSession: true) { $1.limit = 3 }
      var statuses = try [fixture.get("/", Self.key).status]
      for key in ["apikey: wrong", Self.key, Self.key] {
        let client = try fixture.client()
        try client.send(WebSocketPeer.handshake(key))
        let head = try #require(try client.reader.readHead())
        statuses.append(head.status)
        // A third of an hour, less what the four took.
        if head.status == 429 {
          let wait = try #require(head["Retry-After"].flatMap { Int($0) })
          #expect((1...1_200).contains(wait))
        }
      }
      #expect(statuses == [426, 401, 101, 429])
    }

    /// Of `concurrency-limit` with `sessions`: a refused handshake leaves its place free, a session keeps it
    /// so that the next one is not even asked.
    @Test(arguments: [false, true])
    func aSessionKeepsAnEarlyPlace(hasSeveral: Bool) throws {
      let upstream = try ScriptedUpstream { try $0.accept().echo() }
      let fixture = try Fixture(to: upstream) {
        $0.requireKeys(isSession: true)
        var limit = Configuration.ConcurrencyLimit()
        (limit.limit, limit.by, limit.sessions) = (1, .address, true)
        limit.before = .identify
        if hasSeveral { limit.also = [.init(limit: 1, by: .all)] }
        $0.all.policies[Configuration.ConcurrencyLimit.self] = limit
      }
      func knock(_ key: String) throws -> Int {
        try fixture.client().exchange(WebSocketPeer.handshake(key)).status
      }
      for _ in 0..<2 {
        // The place is given back a moment after the answer.
        for _ in 0..<3 { try waitUntil("asked") { try knock("apikey: wrong") == 401 } }
        var socket: WebSocketPeer?
        try waitUntil("a place") {
          socket = try? fixture.client().open(Self.key)
          return socket != nil
        }
        #expect(try knock("apikey: wrong") == 429)
        #expect(try knock(Self.key) == 429)
        try socket?.send(text: "hello")
        #expect(try socket?.text() == "hello")
        try socket?.sendClose(1_000)
      }
    }
  }
}

extension Configuration {
  /// The consumer alice and her key.
  fileprivate mutating func requireKeys(isSession: Bool) {
    var credential = Credential()
    credential.keyAuth = KeyCredential(key: "alice-key")
    var consumer = Consumer()
    consumer.credentials = [credential]
    consumers["alice"] = consumer
    all.policies[KeyAuth.self] = KeyAuth()
    if isSession { all.kind = .websocket }
  }
}
