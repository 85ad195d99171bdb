import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// What went wrong once between callers and targets that both speak HTTP/2.
  @Suite struct HTTP2Troubles {
    /// The response is queued whole and held up by the caller's window when the caller leaves politely.
    @Test func aCallerThatLeavesWithoutAnErrorFreesItsPlace() throws {
      let gate = Gate()
      let upstream = try ScriptedUpstream.http2 { peer in
        try peer.request(1)
        let size = 76_000
        try peer.send(
          .headers(1, [(":status", "200"), ("content-length", "\(size)")], end: false))
        var left = size
        while left > 0 {
          let count = min(left, 16_000, 65_535 + peer.received[1].window - (size - left))
          if count <= 0 {
            try peer.step()
            continue
          }
          left -= count
          try peer.send(.data(1, [UInt8](repeating: 7, count: count), end: left == 0))
        }
        // Its answer says that all of this has been read.
        try peer.send(.ping())
        try peer.read { $0.frames.contains { $0.kind == HTTP2Frame.Kind.ping } }
        gate.open()
        try peer.request(3)
        try peer.answer(3, "next")
        try peer.readToEnd()
      }
      let fixture = try Fixture(to: upstream) {
        $0.service.protocol = .http2
        var limit = Configuration.ConcurrencyLimit()
        limit.limit = 1
        limit.by = .route
        $0.all.policies[Configuration.ConcurrencyLimit.self] = limit
      }
      let client = try fixture.http2(window: 0)
      let id = try client.begin("GET", "/")
      try client.read { !$0[id].heads.isEmpty }
      // The target's last piece is in the gateway, behind what the caller does not take.
      gate.wait()
      try client.send(.reset(id, 0))
      var status = 0
      try waitUntil("the place is free") {
        status = try fixture.get("/").status
        return status == 200
      }
      #expect(status == 200)
    }

    /// They go elsewhere with it, and not one after the other.
    @Test func whoWaitsForAConnectionThatIsNeverOpenGoesElsewhere() throws {
      let mute = try ScriptedUpstream.http2(settings: nil) { try $0.readToEnd() }
      let well = try ScriptedUpstream.echoingHTTP2()
      let fixture = try Fixture(
        configuration(targets: [mute.url, well.url]) {
          $0.service.protocol = .http2
          $0.service.timeouts.connect = .milliseconds(300)
          // Ejecting the target would let them go, too.
          $0.service.health.failures = 1_000
          $0.service.retries.budgetPercent = 100
        })
      let client = try fixture.http2()
      let ids = try (0..<40).map { try client.begin("GET", "/\($0)") }
      for id in ids { #expect(try client.response(id).status == 200) }
      // One connection for all that were there before it failed.
      #expect(mute.connectionCount < 10)
      withExtendedLifetime((mute, well)) {}
    }

    /// The header leaves before the connection is handed on: no edge would come for it.
    @Test func aHeaderOfPROXYComesBeforeThePreface() throws {
      let upstream = try ScriptedUpstream { peer in
        // Version 2 for IPv4: 16 bytes and two addresses with ports. The target says nothing before.
        var header: [UInt8] = []
        while header.count < 28 { header += try peer.socket.receive() }
        #expect(header.prefix(4) == [0x0D, 0x0A, 0x0D, 0x0A])
        let target = try HTTP2Peer(peer, behind: Array(header.dropFirst(28)))
        try target.request(1)
        try target.answer(1, "hello")
        try target.readToEnd()
      }
      let fixture = try Fixture(to: upstream) {
        $0.service.protocol = .http2
        $0.service.proxyProtocol = .v2
      }
      #expect(try fixture.get("/").text == "hello")
    }
  }
}
