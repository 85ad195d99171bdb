import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// Changing everything while it is in use.
  @Suite struct Reloads {
    @Test func aHundredReloadsUnderLoadFailNothing() throws {
      let first = try ScriptedUpstream.echoing()
      let second = try ScriptedUpstream.echoing()
      let fixture = try Fixture(
        configuration(targets: [first.url, second.url]) { $0.workers = .count(2) })
      let load = try Load(port: fixture.port, threads: 4)
      for turn in 0..<100 {
        var next = fixture.gateway.configuration
        // Limits, routes and the set of targets all change.
        next.web.timeouts.idle = .seconds(Int64(60 + turn))
        next.service.connections.maxIdle = 10 + turn % 3
        next.service.targets =
          (turn % 3 == 0 ? [first] : turn % 3 == 1 ? [second] : [first, second])
          .map { Configuration.Target(url: $0.url) }
        var extra = Configuration.Route()
        extra.service = "service"
        extra.match.path = "/turn/\(turn)"
        next.routes["extra"] = extra
        try fixture.gateway.reload(next)
        let before = load.count
        try waitUntil { load.count > before + 4 || load.hasEnded }
      }
      load.stop()
      #expect(load.count > 400)
      #expect(load.outcomes == ["200": load.count])
    }

    @Test func aRemovedRouteFinishesWhatItBegan() throws {
      let gate = Gate()
      let upstream = try ScriptedUpstream { peer in
        _ = try peer.readRequest()
        try peer.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
        gate.wait()
        try peer.send("cd")
      }
      let fixture = try Fixture(to: upstream) { $0.routes["other"] = $0.all }
      let client = try fixture.client()
      try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      while client.reader.buffer.isEmpty { try client.reader.fill() }
      var next = fixture.gateway.configuration
      next.routes = [:]
      next.services = [:]
      try fixture.gateway.reload(next)
      #expect(try fixture.get("/").status == 404)
      gate.open()
      #expect(try client.reader.readResponse().text == "abcd")
      // And its connection lives on, on the new snapshot.
      #expect(try client.get("/").status == 404)
      try waitUntil { upstream.endedCount == 1 }
    }

    @Test func aRemovedTargetFinishesWhatItBeganAndLosesItsIdleConnections() throws {
      let gate = Gate()
      let old = try ScriptedUpstream { peer in
        while let request = try peer.readRequest() {
          if request.target == "/wait" { gate.wait() }
          try peer.send(ok("old"))
        }
      }
      let new = try ScriptedUpstream.answering { _ in ok("new") }
      let fixture = try Fixture(to: old)
      let idle = try fixture.client()
      #expect(try idle.get("/").text == "old")
      let waiting = try fixture.client()
      let other = try fixture.client()
      try waiting.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
      try waitUntil { old.requests.count == 2 }
      try other.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
      try waitUntil { old.requests.count == 3 }
      var next = fixture.gateway.configuration
      next.service.targets = [Configuration.Target(url: new.url)]
      try fixture.gateway.reload(next)
      #expect(try idle.get("/").text == "new")
      gate.open()
      #expect(try waiting.reader.readResponse().text == "old")
      #expect(try other.reader.readResponse().text == "old")
      try waitUntil { old.endedCount == old.connectionCount }
      #expect(try waiting.get("/").text == "new")
    }

    @Test func listenersComeAndGo() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client()
      #expect(try client.get("/").status == 200)
      var next = fixture.gateway.configuration
      next.listeners["second"] = next.web
      try fixture.gateway.reload(next)
      let port = try #require(fixture.port(ofListener: "second"))
      #expect(try TestClient(port: port).get("/2").text == "/2")
      next.listeners["web"] = nil
      try fixture.gateway.reload(next)
      // Idle connections of a listener that is gone are closed.
      #expect(try client.isClosedByGateway())
      #expect(throws: ScenarioError.self) { try fixture.get("/") }
      #expect(fixture.port(ofListener: "web") == nil)
      #expect(try TestClient(port: port).get("/3").text == "/3")
    }

    @Test func whatCanNotBeAppliedChangesNothing() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client()
      let good = fixture.gateway.configuration
      var regex = good
      regex.all.match.regex = "("
      var address = good
      address.listeners["second"] = good.web
      address.listeners["second"]?.address = "192.0.2.1:1"
      var workers = good
      workers.workers = .count(3)
      for broken in [regex, address, workers] {
        #expect(throws: Gateway.StartError.self) { try fixture.gateway.reload(broken) }
        #expect(fixture.gateway.configuration == good)
        #expect(try client.get("/x").text == "/x")
      }
    }

    @Test func shuttingDownFinishesWhatIsUnderWay() throws {
      let gate = Gate()
      let upstream = try ScriptedUpstream.answering { request in
        if request.target == "/wait" { gate.wait() }
        return ok("done")
      }
      let fixture = try Fixture(to: upstream) { $0.shutdown.timeout = .seconds(5) }
      let idle = try fixture.client()
      #expect(try idle.get("/").status == 200)
      let waiting = try fixture.client()
      try waiting.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
      try waitUntil { upstream.requests.count == 2 }
      let gateway = fixture.gateway
      let isDown = Counter()
      Thread.detachNewThread {
        gateway.shutDown()
        isDown.add(1)
      }
      #expect(try idle.isClosedByGateway())
      #expect(throws: ScenarioError.self) { try fixture.get("/") }
      #expect(isDown.value == 0)
      gate.open()
      let response = try waiting.reader.readResponse()
      #expect(response.text == "done")
      #expect(response["Connection"] == "close")
      #expect(try waiting.isClosedByGateway())
      waiting.socket.close()
      try waitUntil { isDown.value == 1 }
      fixture.wasShutDown()
      // Nothing is left open towards the target either.
      try waitUntil { upstream.endedCount == upstream.connectionCount }
    }

    @Test func targetsMayDieAndComeBackUnderLoad() throws {
      let fixture: Fixture
      var targets = [try ScriptedUpstream.echoing(), try ScriptedUpstream.echoing()]
      fixture = try Fixture(
        configuration(targets: targets.map(\.url)) {
          $0.workers = .count(2)
          $0.service.health.pause = .milliseconds(20)
          $0.service.health.maxPause = .milliseconds(20)
        })
      let load = try Load(port: fixture.port, threads: 4)
      for turn in 0..<6 {
        let index = turn % 2
        let port = targets[index].port
        targets[index].stop(resetting: turn % 3 == 0)
        if turn > 3 { targets[1 - index].stop() }
        var before = load.count
        try waitUntil { load.count > before + 20 || load.hasEnded }
        targets[index] = try ScriptedUpstream.echoing(port: port)
        if turn > 3 { targets[1 - index] = try .echoing(port: targets[1 - index].port) }
        try waitUntil { try fixture.get("/").status == 200 }
        before = load.count
        try waitUntil { load.count > before + 20 || load.hasEnded }
      }
      load.stop()
      #expect(Set(load.outcomes.keys).isSubset(of: ["200", "502", "503"]))
      #expect(load.outcomes["200", default: 0] > 50)
      for _ in 0..<10 { try waitUntil { try fixture.get("/").status == 200 } }
    }

    // MARK: Names

    @Test func namesComeFromTheTableOfHosts() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(
        configuration(targets: ["http://inner.test:\(upstream.port)"]) {
          $0.hosts = ["inner.test": ["127.0.0.1"]]
        })
      #expect(try fixture.get("/named").text == "/named")
    }

    @Test func aNameWithoutAddressIsSaidSo() throws {
      let fixture = try Fixture(
        configuration(targets: ["http://nobody.invalid:80"]) {
          $0.resolver.timeout = .milliseconds(200)
          $0.service.health.failures = 0
        })
      let response = try fixture.get("/")
      #expect(response.status == 503)
      #expect(response.code == "target-not-resolved")
    }
  }
}
