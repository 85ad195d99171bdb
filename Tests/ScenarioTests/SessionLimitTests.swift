import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// How many sessions there may be: of a route, an address, a consumer, a label's value and the process.
  @Suite struct SessionLimits {
    /// What the handshakes get: sessions that stay open, and statuses.
    private final class Door {
      let fixture: Fixture
      private(set) var sockets: [WebSocketPeer] = []

      init(_ fixture: Fixture) { self.fixture = fixture }

      func knock(_ fields: String..., path: String = "/socket") throws -> Int {
        let client = try fixture.client()
        let text = WebSocketPeer.handshake("X-Sent: yes", path: path)
        try client.send(
          text.replacingFirst("X-Sent: yes", (fields + ["X-Sent: yes"]).joined(separator: "\r\n")))
        guard let head = try client.reader.readHead() else { return 0 }
        if head.status == 101 {
          sockets.append(WebSocketPeer(client.socket, client.reader, masks: true))
        }
        return head.status
      }

      func leave(_ index: Int) throws {
        let socket = sockets.remove(at: index)
        try socket.sendClose(1_000)
        while try socket.read() != nil {}
      }
    }

    /// The target gives the label `room` by the path's last segment.
    private func door(
      workers: Int = 2, _ edit: (inout Configuration) -> Void
    ) throws -> Door {
      let upstream = try ScriptedUpstream { peer in
        guard let request = try peer.readRequest() else { return }
        let room = request.target.split(separator: "/").last ?? ""
        guard let key = request["Sec-WebSocket-Key"] else { return try peer.send(ok("")) }
        try peer.send(
          WebSocketPeer.accept(key, "Sluice-Label-Room: \(room)"))
        try WebSocketPeer(peer.socket, peer.reader, masks: false).echo()
      }
      return Door(
        try Fixture(to: upstream) {
          $0.workers = .count(workers)
          $0.consumers["alice"] = .init(keys: ["alice-1", "alice-2"])
          $0.consumers["bob"] = .init(keys: ["bob-1"])
          $0.all.kind = .websocket
          $0.all.connection = Configuration.ConnectionSettings()
          edit(&$0)
        })
    }

    /// A session keeps its handshake's place in `concurrency-limit` with `sessions`, over reloads too, and
    /// shares it with requests of other routes that name the budget.
    @Test(arguments: [true, false]) func aPlaceAmongRequests(keeps: Bool) throws {
      let door = try door {
        var limit = Configuration.ConcurrencyLimit()
        (limit.limit, limit.by, limit.budget, limit.sessions) = (3, .all, "b", keeps)
        limit.also = [.init(limit: 9, by: .address)]
        $0.all.policies[Configuration.ConcurrencyLimit.self] = limit
        $0.all.match.prefix = "/socket"
        var other = Configuration.Route()
        other.service = $0.all.service
        other.match.path = "/http"
        limit = Configuration.ConcurrencyLimit()
        (limit.limit, limit.by, limit.budget) = (2, .all, "b")
        other.policies[Configuration.ConcurrencyLimit.self] = limit
        $0.routes["other"] = other
      }
      func request() throws -> Int {
        try door.fixture.client().exchange("GET /http HTTP/1.1\r\nHost: a\r\n\r\n").status
      }
      #expect(try request() == 200)
      #expect(try [door.knock(), door.knock()] == [101, 101])
      #expect(try request() == (keeps ? 429 : 200))
      #expect(try door.knock() == 101)
      #expect(try door.knock() == (keeps ? 429 : 101))
      // Another limit of sessions brings new tickets, with the old places.
      var next = door.fixture.gateway.configuration
      next.all.connection?.maxPerAddress = 100
      try door.fixture.gateway.reload(next)
      #expect(try door.knock() == (keeps ? 429 : 101))
      #expect(try request() == (keeps ? 429 : 200))
      while !door.sockets.isEmpty { try door.leave(0) }
      try waitUntil("all places are free") { try request() == 200 }
      try waitUntil("a session's place") { try door.knock() == 101 }
    }

    @Test func ofAConsumerWhateverItsKey() throws {
      let door = try door {
        $0.all.policies[Configuration.KeyAuth.self] = Configuration.KeyAuth()
        $0.all.connection?.maxPerConsumer = 2
      }
      #expect(try door.knock("apikey: alice-1") == 101)
      #expect(try door.knock("apikey: alice-2") == 101)
      #expect(try door.knock("apikey: alice-1") == 429)
      #expect(try door.knock("apikey: bob-1") == 101)
      try door.leave(0)
      try waitUntil("room") { try door.knock("apikey: alice-2") == 101 }
    }

    @Test func ofAnAddress() throws {
      let door = try door {
        $0.all.connection?.maxPerAddress = 1
        $0.web.trustedProxies = ["127.0.0.1"]
      }
      #expect(try door.knock("X-Forwarded-For: 192.0.2.1") == 101)
      #expect(try door.knock("X-Forwarded-For: 192.0.2.1") == 429)
      #expect(try door.knock("X-Forwarded-For: 192.0.2.2") == 101)
      // All of one network of IPv6 are one.
      #expect(try door.knock("X-Forwarded-For: 2001:db8::1") == 101)
      #expect(try door.knock("X-Forwarded-For: 2001:db8::2") == 429)
    }

    /// The labels of the route and a grant count before the target is asked, its own when it has answered.
    @Test func ofALabelsValue() async throws {
      let door = try door { $0.all.connection?.maxPerLabel = ["room": 2] }
      #expect(try door.knock(path: "/rooms/7") == 101)
      #expect(try door.knock(path: "/rooms/7") == 101)
      #expect(try door.knock(path: "/rooms/7") == 429)
      #expect(try door.knock(path: "/rooms/8") == 101)
      try door.leave(0)
      try waitUntil("room") { try door.knock(path: "/rooms/7") == 101 }
      // Nothing of those that were refused is left.
      let gateway = door.fixture.gateway
      try await eventually { await gateway.count(SessionFilter()) == door.sockets.count }
      var next = gateway.configuration
      next.all.connection?.labels = ["desk": "1"]
      next.all.connection?.maxPerLabel = ["desk": 1]
      try gateway.reload(next)
      let asked = try #require(door.fixture.upstream).requests.count
      #expect(try door.knock(path: "/rooms/9") == 101)
      #expect(try door.knock(path: "/rooms/9") == 429)
      #expect(try #require(door.fixture.upstream).requests.count == asked + 1)
    }

    /// The caller has its 101 already, so it hears it by a close frame.
    @Test func ofALabelsValueAfterAFirstMessage() throws {
      let door = try door {
        var keyAuth = Configuration.KeyAuth()
        keyAuth.firstMessage = Configuration.FirstMessage()
        $0.all.policies[Configuration.KeyAuth.self] = keyAuth
        $0.all.connection?.maxPerLabel = ["room": 1]
      }
      for path in ["/rooms/7", "/rooms/7", "/rooms/8"] {
        #expect(try door.knock(path: path) == 101)
      }
      for socket in door.sockets { try socket.send(text: "alice-1") }
      var heard: [String] = []
      for (index, socket) in door.sockets.enumerated() {
        try socket.send(text: "here")
        let frame = try #require(try socket.read())
        if index == 2 { #expect(frame.text == "here") } else { heard.append(frame.line) }
      }
      // Whichever of the two came first.
      #expect(heard.sorted() == ["close 1013", "here"])
    }

    @Test func ofTheWholeProcess() throws {
      let door = try door {
        $0.sessions.maxOpen = 3
        var other = $0.all
        other.match.path = "/other"
        $0.routes["other"] = other
      }
      for path in ["/socket", "/other", "/socket"] { #expect(try door.knock(path: path) == 101) }
      #expect(try door.knock(path: "/other") == 429)
      #expect(try door.knock(path: "/socket") == 429)
      try door.leave(1)
      try waitUntil("room") { try door.knock(path: "/socket") == 101 }
    }

    @Test func perSecondOfTheWholeProcessAndOfACaller() throws {
      let door = try door {
        $0.sessions.maxOpensPerSecond = 1
        var other = $0.all
        other.match.path = "/other"
        $0.routes["other"] = other
      }
      let statuses = try (0..<6).map { try door.knock(path: $0 % 2 == 0 ? "/socket" : "/other") }
      #expect(statuses[0] == 101 && statuses.contains(429))
      // A caller's own pace is that of its requests: a handshake is one.
      var next = door.fixture.gateway.configuration
      next.sessions.maxOpensPerSecond = nil
      next.all.policies[Configuration.KeyAuth.self] = Configuration.KeyAuth()
      var limit = Configuration.RateLimit()
      limit.limit = 2
      limit.window = .seconds(3_600)
      limit.by = .consumer
      next.all.policies[Configuration.RateLimit.self] = limit
      try door.fixture.gateway.reload(next)
      #expect(try door.knock("apikey: alice-1") == 101)
      #expect(try door.knock("apikey: alice-2") == 101)
      #expect(try door.knock("apikey: alice-1") == 429)
      #expect(try door.knock("apikey: bob-1") == 101)
    }

    /// Each address, consumer and value of a label has its own second.
    @Test func perSecondOfWhomeverTheyAre() throws {
      let door = try door {
        $0.all.policies[Configuration.KeyAuth.self] = Configuration.KeyAuth()
        $0.web.trustedProxies = ["127.0.0.1"]
        $0.all.connection?.maxOpensPerSecondPerConsumer = 1
      }
      /// Whether handshakes that follow each other as fast as they can meet the limit.
      func isRefused(_ field: String, at path: String = "/rooms/1") throws -> Bool {
        for _ in 0..<500 { if try door.knock(field, path: path) == 429 { return true } }
        return false
      }
      #expect(try isRefused("apikey: alice-1"))
      #expect(try door.knock("apikey: bob-1", path: "/rooms/1") == 101)

      var next = door.fixture.gateway.configuration
      next.all.policies[Configuration.KeyAuth.self] = nil
      next.all.connection?.maxOpensPerSecondPerConsumer = nil
      next.all.connection?.maxOpensPerSecondPerAddress = 1
      try door.fixture.gateway.reload(next)
      #expect(try isRefused("X-Forwarded-For: 2001:db8::1"))
      #expect(try door.knock("X-Forwarded-For: 192.0.2.1", path: "/rooms/1") == 101)

      next.all.connection?.maxOpensPerSecondPerAddress = nil
      next.all.connection?.maxOpensPerSecondPerLabel = ["room": 1]
      try door.fixture.gateway.reload(next)
      #expect(try isRefused("X-A: b", at: "/rooms/7"))
      #expect(try door.knock(path: "/rooms/8") == 101)
      // The route's own labels are known before the target is asked.
      next.all.connection?.labels = ["desk": "1"]
      next.all.connection?.maxOpensPerSecondPerLabel = ["desk": 1]
      try door.fixture.gateway.reload(next)
      let upstream = try #require(door.fixture.upstream)
      let (asked, open) = (upstream.requests.count, door.sockets.count)
      #expect(try isRefused("X-A: b", at: "/rooms/7"))
      #expect(upstream.requests.count - asked == door.sockets.count - open)
    }

    /// Sessions that were there before a limit count under it, and stay.
    @Test func aReloadCountsWhoIsThere() throws {
      let door = try door { _ in }
      for _ in 0..<3 { #expect(try door.knock() == 101) }
      var next = door.fixture.gateway.configuration
      next.all.connection?.maxOpen = 2
      try door.fixture.gateway.reload(next)
      #expect(try door.knock() == 429)
      for socket in door.sockets {
        try socket.send(text: "still")
        #expect(try socket.text() == "still")
      }
      try door.leave(0)
      try door.leave(0)
      try waitUntil("room") { try door.knock() == 101 }
      #expect(try door.knock() == 429)
      next.all.connection?.maxOpen = nil
      next.sessions.maxOpen = 2
      try door.fixture.gateway.reload(next)
      #expect(try door.knock() == 429)
      next.sessions.maxOpen = 3
      try door.fixture.gateway.reload(next)
      #expect(try door.knock() == 101)
      #expect(try door.knock() == 429)
    }
  }
}
