import Foundation
import SluiceConfiguration
import SluiceGateway
import SluiceReactor
import Testing

extension Scenarios {
  /// `split`: requests and sessions of one route at several services.
  @Suite struct CanaryTests {
    private static func named(_ name: String) throws -> ScriptedUpstream {
      try .answering { ok("\(name) \($0.target)", "Cache-Control: max-age=60") }
    }

    private func fixture(
      _ old: ScriptedUpstream, _ new: ScriptedUpstream,
      _ edit: (inout Configuration.Split) -> Void, rest: (inout Configuration) -> Void = { _ in }
    ) throws -> Fixture {
      try Fixture(to: old) { configuration in
        var service = Configuration.Service()
        service.targets = [Configuration.Target(url: new.url)]
        configuration.services["next"] = service
        var split = Configuration.Split()
        split.services = ["service": 1, "next": 1]
        edit(&split)
        configuration.all.policies[Configuration.Split.self] = split
        rest(&configuration)
      }
    }

    private func word(_ response: Message) -> String { String(response.text.prefix { $0 != " " }) }

    @Test func callersStayWhereTheyAre() throws {
      let (old, new) = (try Self.named("old"), try Self.named("new"))
      let fixture = try fixture(old, new) {
        $0.by = .field(.cookie("session"))
      } rest: {
        $0.all.path.replacePrefix = "/inner"
        $0.all.match.prefix = "/a"
      }
      func ways(_ field: String) throws -> [String] {
        try (0..<40).map {
          let response = try fixture.get("/a/b", "\(field)caller-\($0)")
          #expect(response.text.hasSuffix(" /inner/b"))
          return word(response)
        }
      }
      let first = try ways("Cookie: other=x; session=")
      #expect(Set(first) == ["old", "new"])
      #expect(try ways("Cookie: session=") == first)
      // Without the cookie the address counts.
      #expect(Set(try ways("X-Other: ")).count == 1)
      // Who has moved came to the one whose weight grew.
      var next = fixture.gateway.configuration
      next.all.policies[Configuration.Split.self]?.services = ["service": 1, "next": 3]
      try fixture.gateway.reload(next)
      let second = try ways("Cookie: session=")
      #expect(second != first)
      #expect(zip(first, second).allSatisfy { $0 == $1 || $1 == "new" })
    }

    @Test func weightsOfNothingGetNothing() throws {
      let (old, new) = (try Self.named("old"), try Self.named("new"))
      let fixture = try fixture(old, new) {
        $0.by = .request
        $0.services = ["service": 0, "next": 5]
      }
      for _ in 0..<20 { #expect(word(try fixture.get("/")) == "new") }
      #expect(old.requests.isEmpty)
    }

    /// Each request its own way, and what one version answered is not served for the other.
    @Test func theCacheKeepsVersionsApart() throws {
      let (old, new) = (try Self.named("old"), try Self.named("new"))
      let fixture = try fixture(old, new) {
        $0.by = .field(.header("X-Tenant"))
      } rest: {
        $0.all.policies[Configuration.Cache.self] = Configuration.Cache()
      }
      let first = try (0..<20).map { word(try fixture.get("/", "X-Tenant: t\($0)")) }
      #expect(Set(first) == ["old", "new"])
      #expect(try (0..<20).map { word(try fixture.get("/", "X-Tenant: t\($0)")) } == first)
      #expect(old.requests.count == 1 && new.requests.count == 1)
    }

    /// Sessions too, by their handshakes; they stay where they are when weights change.
    @Test func sessionsAreDivided() async throws {
      func named(_ name: String) throws -> ScriptedUpstream {
        try ScriptedUpstream { peer in
          let socket = try peer.accept()
          try socket.send(text: name)
          while let frame = try socket.read() { try socket.send(text: "\(name) \(frame.text)") }
        }
      }
      let (old, new) = (try named("service"), try named("next"))
      let fixture = try fixture(old, new) {
        $0.by = .field(.header("X-Tenant"))
      } rest: {
        $0.all.kind = .websocket
      }
      var services: [String] = []
      var sockets: [WebSocketPeer] = []
      for number in 0..<10 {
        let socket = try fixture.client().open("X-Tenant: t\(number)")
        services.append(try #require(try socket.text()))
        sockets.append(socket)
      }
      #expect(Set(services) == ["service", "next"])
      func listed() async -> [String] {
        await fixture.gateway.page(SessionQuery()).sessions.map(\.service).sorted()
      }
      #expect(await listed() == services.sorted())
      var next = fixture.gateway.configuration
      next.all.policies[Configuration.Split.self]?.services = ["service": 1]
      try fixture.gateway.reload(next)
      #expect(await listed() == services.sorted())
      for (socket, service) in zip(sockets, services) {
        try socket.send(text: "still there")
        #expect(try socket.text() == "\(service) still there")
      }
      let later = try fixture.client().open("X-Tenant: t0")
      #expect(try later.text() == "service")
    }

    /// Where a version is not there the caller gets the error of that version, on the route's count.
    @Test func theLogNamesTheService() async throws {
      let (old, new) = (try Self.named("old"), try Self.named("new"))
      new.stop()
      let log = FileManager.default.temporaryDirectory.appendingPathComponent(
        "sluice-canary-\(UUID().uuidString).log")
      defer { try? FileManager.default.removeItem(at: log) }
      let fixture = try fixture(old, new) {
        $0.services = ["next": 1]
      } rest: {
        $0.accessLog.format = .json
        $0.accessLog.output = log.path
      }
      #expect(try fixture.get("/").status == 503)
      try waitUntil("the line") {
        (try? String(contentsOf: log, encoding: .utf8))?.hasSuffix("}\n") == true
      }
      let line = try String(contentsOf: log, encoding: .utf8)
      #expect(line.contains("\"route\":\"all\",\"service\":\"next\",\"target\":\"\(new.url)\""))
      let route = await fixture.gateway.reports().flatMap(\.routes).first { $0.name == "all" }
      #expect(route?.buckets.reduce(0, +) == 1)
      #expect(old.requests.isEmpty)
    }

    /// Whatever a reload changes of their route, as long as their service is there.
    @Test func sessionsThatLoseTheirTargetStayAtTheirService() async throws {
      func named(_ name: String) throws -> ScriptedUpstream {
        try ScriptedUpstream { peer in
          let socket = try peer.accept()
          while let frame = try socket.read(), frame.text != "die" {
            try socket.send(text: "\(name) \(frame.text)")
          }
        }
      }
      let (old, new) = (try named("service"), try named("next"))
      let fixture = try fixture(old, new) {
        $0.services = ["next": 1]
      } rest: {
        $0.all.kind = .websocket
        var connection = Configuration.ConnectionSettings()
        connection.onUpstreamLoss = .reconnect
        connection.reconnect.backoff = .milliseconds(1)
        connection.reconnect.maxBackoff = .milliseconds(5)
        $0.all.connection = connection
      }
      let socket = try fixture.client().open()
      var reconnections: UInt32 = 0
      func goesOn(at service: String) async throws {
        try socket.send(text: "die")
        reconnections += 1
        let gateway = fixture.gateway
        let expected = reconnections
        try await eventually("another connection") {
          await gateway.page(SessionQuery()).sessions.first?.reconnects == expected
        }
        try socket.send(text: "x")
        #expect(try socket.message() == "\(service) x")
        #expect(await gateway.page(SessionQuery()).sessions.first?.service == service)
      }
      try await goesOn(at: "next")
      // Its route is as before.
      var next = fixture.gateway.configuration
      next.routes["other"] = next.all
      next.routes["other"]?.match.path = "/other"
      try fixture.gateway.reload(next)
      try await goesOn(at: "next")
      next.all.policies[Configuration.Split.self]?.services = ["service": 1]
      try fixture.gateway.reload(next)
      try await goesOn(at: "next")
      next.routes["other"] = nil
      next.all.policies[Configuration.Split.self] = nil
      next.services["next"] = nil
      try fixture.gateway.reload(next)
      try await goesOn(at: "service")
    }
  }
}
