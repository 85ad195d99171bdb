import Foundation
import SluiceGateway
import SluiceReactor
import Testing

extension Scenarios {
  /// Many sessions at once through a gateway process, on days when much goes wrong. `make soak` runs
  /// them with 9,000.
  @Suite struct BadDays {
    private let count = CrowdSize.sessions

    private struct Day {
      let child: GatewayChild
      let configuration: (_ connection: String, _ more: String) -> String
    }

    /// `connection`: settings of the route's connections; `more`: further lines of the file.
    private func day(_ targets: [String], _ connection: String = "") throws -> Day {
      try CrowdSize.allow()
      let targets = targets.map { "\"\($0)\"" }.joined(separator: ", ")
      func text(_ places: GatewayChild.Places, _ connection: String, _ more: String) -> String {
        """
        version: 1
        workers: 2
        accessLog: {format: off}
        admin: {address: "127.0.0.1:\(places.adminPort)"}
        listeners:
          web: {address: "127.0.0.1:\(places.port)", limits: {connections: 20000}}
        services:
          service: {targets: [\(targets)]}
        routes:
          all:
            kind: websocket
            match: {path: /socket}
            service: service
            connection: {\(connection)}
        \(more)
        """
      }
      let child = try GatewayChild { text($0, connection, "") }
      let places = child.places
      return Day(child: child) { text(places, $0, $1) }
    }

    private func open(_ child: GatewayChild) throws -> Int {
      Int(try child.metric("sluice_open_sessions")["route=\"all\""] ?? 0)
    }

    private func closed(_ child: GatewayChild) throws -> [String: Int] {
      try child.metric("sluice_sessions_closed_total").mapValues { Int($0) }
    }

    @Test func aStormOfHandshakesOpensEverySession() throws {
      let upstream = try CrowdUpstream()
      let day = try day([upstream.url])
      let crowd = try Crowd(count, port: day.child.port)
      // It counts after its answer has left.
      try waitUntil("all have arrived") { upstream.sessionCount == count }
      try crowd.send("here")
      #expect(try crowd.receive("here") == count)
      #expect(try open(day.child) == count)
      try crowd.close(1_000)
      try waitUntil("all ends") { try open(day.child) == 0 }
      #expect(try closed(day.child) == ["route=\"all\",cause=\"client\"": count])
      #expect(upstream.closes == [1_000: count])
    }

    @Test func twentyReloadsCloseNothingAndLoseNothing() throws {
      let upstream = try CrowdUpstream()
      let day = try day([upstream.url], "ping: 2s, pongTimeout: 1m")
      let crowd = try Crowd(count, port: day.child.port)
      for round in 1...20 {
        try crowd.send("before \(round)")
        // By turns what is not the route's, and settings of its own that nobody offends against.
        let isOwn = round.isMultiple(of: 2)
        try day.child.reload(
          day.configuration(
            isOwn
              ? "idleTimeout: \(round)h, ping: 3s, pongTimeout: 1m, maxPerAddress: 20000"
              : "ping: 2s, pongTimeout: 1m",
            isOwn ? "" : "  other: {match: {path: /other-\(round)}, service: service}"))
        try crowd.send("after \(round)")
        #expect(try crowd.receive("before \(round)") == count)
        #expect(try crowd.receive("after \(round)") == count)
      }
      #expect(try open(day.child) == count)
      #expect(try closed(day.child).isEmpty)
      #expect(upstream.sessionCount == count)
    }

    @Test func aTargetsRestartIsNothingToTheSessionsOfAnother() throws {
      let (first, second) = (try CrowdUpstream(), try CrowdUpstream())
      let day = try day([first.url, second.url])
      let crowd = try Crowd(count, port: day.child.port)
      try crowd.send("who")
      let places = try crowd.sockets.map { try $0.text() }
      let lost = zip(crowd.sockets, places).filter { $0.1 == "\(first.port)" }.map(\.0)
      let kept = zip(crowd.sockets, places).filter { $0.1 == "\(second.port)" }.map(\.0)
      #expect(lost.count == first.sessionCount && kept.count == second.sessionCount)
      #expect(lost.count + kept.count == count && !lost.isEmpty && !kept.isEmpty)
      try first.stop()
      for socket in lost {
        #expect(try socket.read()?.closeCode == 1_011)
        try socket.sendClose(1_011)
        #expect(try socket.read() == nil)
      }
      let restarted = try CrowdUpstream(port: first.port)
      for socket in kept { try socket.send(text: "still") }
      for socket in kept { #expect(try socket.text() == "still") }
      try waitUntil("the lost ones' ends") { try open(day.child) == kept.count }
      #expect(try closed(day.child) == ["route=\"all\",cause=\"upstream\"": lost.count])
      var late: [Crowd] = []
      try waitUntil("a session at the restarted target") {
        late.append(try Crowd(1, port: day.child.port))
        return restarted.sessionCount > 0
      }
    }

    /// Reloads before it, in the middle of it and after it; nobody is closed.
    @Test func aTargetsRestartAndReloadsCloseNobodyWhereSessionsOutliveIt() throws {
      let upstream = try CrowdUpstream()
      let settings =
        "onUpstreamLoss: reconnect, ping: 0s, reconnect: {deadline: 2m, maxBackoff: 1s}"
      let day = try day([upstream.url], settings)
      let crowd = try Crowd(count, port: day.child.port)
      try crowd.send("before")
      #expect(try crowd.receive("before") == count)
      func reload(_ turn: Int) throws {
        try day.child.reload(
          day.configuration(
            settings, "  other: {match: {path: /other-\(turn)}, service: service}"))
      }
      try reload(1)
      try upstream.stop()
      try reload(2)
      // What is sent meanwhile waits.
      try crowd.send("meanwhile")
      let restarted = try CrowdUpstream(port: upstream.port)
      try reload(3)
      #expect(try crowd.receive("meanwhile") == count)
      try crowd.send("after")
      #expect(try crowd.receive("after") == count)
      #expect(try open(day.child) == count)
      #expect(try closed(day.child).isEmpty)
      #expect(restarted.sessionCount == count)
    }

    @Test func idleSessionsArePingedAndKept() throws {
      let upstream = try CrowdUpstream()
      let day = try day([upstream.url], "ping: \(max(300, count))ms, pongTimeout: 1m")
      let crowd = try Crowd(count, port: day.child.port)
      // A pong that comes behind the next ping counts for none.
      try waitUntil("two pongs of each") {
        for socket in crowd.sockets where socket.socket.isReadable(within: 0) {
          let ping = try #require(try socket.read())
          #expect(ping.opcode == 9)
          try socket.send(.init(opcode: 10, payload: ping.payload))
        }
        let answered = try day.child.metric("sluice_session_round_trip_seconds_count")
        return Int(answered["route=\"all\""] ?? 0) >= 2 * count
      }
      #expect(try open(day.child) == count)
      #expect(try closed(day.child).isEmpty)
    }

    @Test func peersThatAreNotThereAnyMoreAreFound() throws {
      let upstream = try CrowdUpstream()
      let day = try day([upstream.url], "ping: 200ms, pongTimeout: 200ms, closeTimeout: 1m")
      let crowd = try Crowd(count, port: day.child.port)
      // Nobody reads and nobody answers, as behind a cut cable.
      try waitUntil("all ends") { try open(day.child) == 0 }
      #expect(try closed(day.child) == ["route=\"all\",cause=\"network\"": count])
      #expect(upstream.closes == [1_001: count])
      withExtendedLifetime(crowd) {}
    }

    @Test func slowReadersHoldUpNobodyAndNothingGrows() throws {
      let slow = 8
      let gate = Gate()
      let upstream = try ScriptedUpstream { peer in
        let socket = try peer.accept()
        guard try socket.text() == "flood" else { return try socket.echo() }
        let part = socket.bytes(.init(opcode: 2, payload: [UInt8](repeating: 7, count: 60_000)))
        var sent = 0
        while !gate.hasOpened {
          try socket.socket.send(part)
          sent += 1
        }
        try socket.send(text: "\(sent)")
        while try socket.read() != nil {}
      }
      let day = try day([upstream.url])
      let readers = try (0..<slow).map { _ in
        let reader = try TestClient(port: day.child.port, receiveBuffer: 4_096).open()
        try reader.send(text: "flood")
        return reader
      }
      func backlog() throws -> Int {
        Int(try day.child.metric("sluice_session_backlog_bytes")["route=\"all\""] ?? 0)
      }
      let mark = StreamConnection.highWater
      try waitUntil("full backlogs") { try backlog() > slow * mark }
      let quick = try day.child.client().open()
      try quick.send(text: "quick")
      for turn in 0..<100 {
        try quick.send(text: "turn \(turn)")
        #expect(try quick.text() == "turn \(turn)")
      }
      // Each stops at the mark, behind what one read brought.
      #expect(try backlog() <= slow * (mark + EventLoop.readBufferSize))
      gate.open()
      for reader in readers {
        var received = 0
        var last: WebSocketPeer.Frame?
        repeat {
          last = try reader.read()
          if last?.payload.count == 60_000 { received += 1 }
        } while last?.opcode == 2
        #expect(last?.text == "\(received)")
      }
      #expect(try closed(day.child).isEmpty)
    }
  }
}
