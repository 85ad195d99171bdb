import Glibc
import SluiceConfiguration
import SluiceGateway
import SluiceReactor
import Testing

extension Scenarios {
  @Suite struct ListenerReload {
    /// Says the same to everybody.
    private struct Responder: LocalResponder {
      let text: String
      func answer(_ request: LocalRequest) async -> LocalAnswer {
        LocalAnswer(status: 200, body: Array(text.utf8))
      }
    }

    private func listener(_ address: String) -> Configuration.Listener {
      var listener = Configuration.Listener()
      listener.address = address
      return listener
    }

    /// Nobody listens on port 1, so whatever is routed gets 503, and the rest 404.
    private func configuration() -> Configuration {
      ScenarioTests.configuration(targets: ["http://127.0.0.1:1"])
    }

    private func socketPath() -> String {
      "unix:/tmp/sluice-\(getpid())-\(UInt64.random(in: 0 ... .max)).sock"
    }

    private func remove(_ path: String) { unlink(String(path.dropFirst("unix:".count))) }

    @Test func aListenerThatIsRenamedKeepsItsSocketAndItsConnections() throws {
      var configuration = configuration()
      let fixture = try Fixture(configuration)
      let gateway = fixture.gateway
      let client = try fixture.client()
      #expect(try client.get("/").status == 503)
      // The port that the kernel chose is written down: it is the same socket.
      configuration.web.address = "127.0.0.1:\(fixture.port)"
      try gateway.reload(configuration)
      #expect(gateway.address(ofListener: "web")?.port == fixture.port)
      configuration.listeners = ["front": configuration.web]
      configuration.all.match.listeners = ["front"]
      try gateway.reload(configuration)
      #expect(gateway.address(ofListener: "web") == nil)
      #expect(gateway.address(ofListener: "front")?.port == fixture.port)
      // The connection is still open, and new ones are accepted.
      #expect(try client.get("/").status == 503)
      #expect(try fixture.get("/").status == 503)
    }

    /// What arrives late on a listener that is gone must not pass for another one's.
    @Test func aListenerThatIsGoneLendsItsPlaceToNobody() throws {
      var configuration = configuration()
      configuration.listeners["internal"] = listener("127.0.0.1:0")
      configuration.all.match.listeners = ["internal"]
      let fixture = try Fixture(configuration)
      let port = try #require(fixture.gateway.address(ofListener: "internal")?.port)
      let client = try TestClient(port: port)
      // Two requests, of which the second has not arrived whole when the listener goes.
      let half = "GET / HTTP/1.1\r\nHost: a\r\n"
      try client.send(half + "\r\n" + half)
      #expect(try client.reader.readResponse().status == 503)
      configuration.listeners["internal"] = nil
      configuration.listeners["aaa"] = listener("127.0.0.1:0")
      configuration.all.match.listeners = ["aaa"]
      try fixture.gateway.reload(configuration)
      try client.send("\r\n")
      #expect(try client.reader.readResponse().status == 404)
    }

    @Test func twoListenersSwapTheirAddresses() throws {
      var configuration = configuration()
      configuration.listeners["internal"] = listener("127.0.0.1:0")
      configuration.all.match.listeners = ["web"]
      let fixture = try Fixture(configuration)
      let gateway = fixture.gateway
      let (web, other) = (fixture.port, try #require(gateway.address(ofListener: "internal")?.port))
      #expect(try fixture.get("/").status == 503)
      configuration.listeners["web"] = listener("127.0.0.1:\(other)")
      configuration.listeners["internal"] = listener("127.0.0.1:\(web)")
      try gateway.reload(configuration)
      #expect(gateway.address(ofListener: "web")?.port == other)
      #expect(gateway.address(ofListener: "internal")?.port == web)
      #expect(try fixture.get("/").status == 404)
      #expect(try TestClient(port: other).get("/").status == 503)
    }

    @Test func aReloadThatFailsChangesNothingAndClosesWhatItOpened() throws {
      let former = configuration()
      let fixture = try Fixture(former)
      let neighbour = try Fixture(former)
      let path = socketPath()
      defer { remove(path) }
      var configuration = former
      configuration.listeners["a"] = listener(path)
      configuration.listeners["b"] = listener("127.0.0.1:\(neighbour.port)")
      let error = #expect(throws: Gateway.StartError.self) {
        try fixture.gateway.reload(configuration)
      }
      guard case .listen("b", _, let cause) = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(cause.code == EADDRINUSE)
      #expect(fixture.gateway.configuration == former)
      #expect(fixture.gateway.address(ofListener: "a") == nil)
      #expect(try fixture.get("/").status == 503)
      // Were the socket of "a" still open, its path would be in use.
      configuration.listeners["b"] = nil
      try fixture.gateway.reload(configuration)
      #expect(fixture.gateway.address(ofListener: "a")?.isUnix == true)
    }

    @Test func respondersAreReplacedKeptAndRemoved() throws {
      let configuration = configuration()
      var options = Gateway.Options()
      options.responders = [("admin", "127.0.0.1:0", Responder(text: "one"))]
      let fixture = try Fixture(configuration, options: options)
      let gateway = fixture.gateway
      let port = try #require(gateway.address(ofListener: "admin")?.port)
      func text(_ port: UInt16) throws -> String { try TestClient(port: port).get("/").text }
      #expect(try text(port) == "one")
      try gateway.reload(configuration)
      #expect(try text(port) == "one")
      // Another one at the same address.
      try gateway.reload(
        configuration, responders: [("admin", "127.0.0.1:\(port)", Responder(text: "two"))])
      #expect(try text(port) == "two")
      // Another address.
      try gateway.reload(
        configuration, responders: [("admin", "127.0.0.2:0", Responder(text: "three"))])
      #expect(gateway.address(ofListener: "admin")?.port != port)
      #expect(throws: (any Error).self) { try text(port) }
      try gateway.reload(configuration, responders: [])
      #expect(gateway.address(ofListener: "admin") == nil)
      #expect(try fixture.get("/").status == 503)
    }

    @Test func aGatewayThatIsShutDownTakesNoConfiguration() throws {
      let configuration = configuration()
      let fixture = try Fixture(configuration)
      fixture.shutDown()
      let error = #expect(throws: Gateway.StartError.self) {
        try fixture.gateway.reload(configuration)
      }
      guard case .shuttingDown = error else {
        Issue.record("\(String(describing: error))")
        return
      }
    }

    @Test func aStartThatFailsLeavesNothingRunning() throws {
      final class Witness: Sendable {}
      let neighbour = try Fixture(configuration())
      let path = socketPath()
      defer { remove(path) }
      var configuration = configuration()
      configuration.listeners["a"] = listener(path)
      configuration.listeners["b"] = listener("127.0.0.1:\(neighbour.port)")
      weak var witness: Witness?
      do {
        let held = Witness()
        witness = held
        var options = Gateway.Options()
        options.onEvent = { _ in _ = held }
        #expect(throws: Gateway.StartError.self) { try Gateway(configuration, options: options) }
      }
      // Every thread holds it while it runs.
      #expect(witness == nil)
    }
  }
}
