import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// One budget that requests and messages of the same caller spend together.
  @Suite struct MessageSpending {
    /// Sessions at `/socket`, requests anywhere else; `limit` holds for both.
    private func fixture(
      workers: Int = 1, _ limit: (inout Configuration.Policies) -> Void
    ) throws -> Fixture {
      let upstream = try ScriptedUpstream { peer in
        while let request = try peer.readRequest() {
          guard let key = request["Sec-WebSocket-Key"] else {
            try peer.send(ok("here"))
            continue
          }
          try peer.send(WebSocketPeer.accept(key))
          return try WebSocketPeer(peer.socket, peer.reader, masks: false).echo()
        }
      }
      return try Fixture(to: upstream) { configuration in
        configuration.workers = .count(workers)
        configuration.consumers["alice"] = .init(keys: ["alice-1"], groups: ["gold"])
        configuration.consumers["bob"] = .init(keys: ["bob-1"])
        configuration.policies[Configuration.KeyAuth.self] = Configuration.KeyAuth()
        limit(&configuration.policies)
        var sockets = configuration.all
        sockets.kind = .websocket
        sockets.match.path = "/socket"
        configuration.routes["sockets"] = sockets
      }
    }

    private func quota(
      _ day: Int, _ action: Configuration.SpendingAction, cost: Int = 1, messageCost: Int = 1
    ) -> Configuration.Quota {
      var quota = Configuration.Quota()
      quota.day = day
      quota.cost = cost
      var spending = Configuration.MessageSpending()
      spending.cost = messageCost
      spending.action = action
      quota.messages = spending
      return quota
    }

    @Test func messagesAndRequestsSpendOneQuota() async throws {
      let fixture = try fixture {
        $0[Configuration.Quota.self] = quota(10, .close, cost: 2, messageCost: 1)
      }
      // The handshake is a request.
      let socket = try fixture.client().open("apikey: alice-1")
      for index in 0..<4 {
        try socket.send(text: "\(index)")
        #expect(try socket.text() == "\(index)")
      }
      #expect(try fixture.get("/", "apikey: alice-1").status == 200)
      #expect(try fixture.get("/", "apikey: alice-1").status == 200)
      let refused = try fixture.get("/", "apikey: alice-1")
      #expect(refused.status == 429 && refused.code == "quota-exceeded")
      #expect(try fixture.get("/", "apikey: bob-1").status == 200)
      try socket.send(text: "one too many")
      let close = try #require(try socket.read())
      #expect(close.closeCode == 1_008)
      #expect(String(decoding: close.payload.dropFirst(2), as: UTF8.self) == "quota-exceeded")
      try socket.sendClose(1_008)
      let gateway = fixture.gateway
      try await eventually { await gateway.sessions(of: "sockets").closed == [.policy: 1] }
    }

    @Test func whatIsTooMuchIsDroppedWhereTheSettingSaysSo() async throws {
      let fixture = try fixture {
        var limit = Configuration.RateLimit()
        limit.limit = 4
        limit.window = .seconds(3_600)
        var spending = Configuration.MessageSpending()
        spending.action = .drop
        limit.messages = spending
        $0[Configuration.RateLimit.self] = limit
      }
      let socket = try fixture.client().open("apikey: alice-1")
      for index in 0..<8 { try socket.send(text: "\(index)") }
      for index in 0..<3 { #expect(try socket.text() == "\(index)") }
      let gateway = fixture.gateway
      try await eventually {
        let report = await gateway.reports().flatMap(\.routes).first { $0.name == "sockets" }
        return report?.sessions?.dropped(.budget) == 5
      }
      #expect(try fixture.get("/", "apikey: alice-1").status == 429)
    }

    /// Exact over all workers and sessions.
    @Test func allSessionsOfACallerSpendTheSame() throws {
      let fixture = try fixture(workers: 2) { $0[Configuration.Quota.self] = quota(50, .drop) }
      let sockets = try (0..<5).map { _ in try fixture.client().open("apikey: alice-1") }
      for _ in 0..<20 { for socket in sockets { try socket.send(text: "x") } }
      var received = 0
      for socket in sockets {
        try socket.send(.init(opcode: 9, payload: []))
        while let frame = try socket.read(), frame.opcode != 10 { received += 1 }
      }
      // Echoes may come behind the gateway's own pong.
      for socket in sockets { try socket.sendClose(1_000) }
      for socket in sockets {
        while let frame = try socket.read(), frame.opcode != 8 { received += 1 }
      }
      #expect(received == 45)
    }

    /// A group's own limit decides, as it does for its requests, and a reload's at the next message.
    @Test func theCallersOwnLimitCountsAndAReloadApplies() throws {
      let fixture = try fixture {
        $0[Configuration.Quota.self] = quota(1_000, .close)
      }
      var next = fixture.gateway.configuration
      var gold = Configuration.Policies()
      gold[Configuration.Quota.self] = quota(3, .close)
      next.groups["gold"] = Configuration.Group(policies: gold)
      try fixture.gateway.reload(next)
      let socket = try fixture.client().open("apikey: alice-1")
      for _ in 0..<2 {
        try socket.send(text: "a")
        #expect(try socket.text() == "a")
      }
      next.groups["gold"]?.policies[Configuration.Quota.self] = quota(5, .close)
      try fixture.gateway.reload(next)
      for _ in 0..<2 {
        try socket.send(text: "b")
        #expect(try socket.text() == "b")
      }
      try socket.send(text: "c")
      #expect(try socket.read()?.closeCode == 1_008)
    }

    @Test func withoutTheSettingMessagesAreFree() throws {
      let fixture = try fixture {
        var free = quota(2, .close)
        free.messages = nil
        $0[Configuration.Quota.self] = free
      }
      let socket = try fixture.client().open("apikey: alice-1")
      for _ in 0..<5 {
        try socket.send(text: "free")
        #expect(try socket.text() == "free")
      }
      #expect(try fixture.get("/", "apikey: alice-1").status == 200)
      #expect(try fixture.get("/", "apikey: alice-1").status == 429)
    }
  }
}
