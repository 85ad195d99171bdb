import Foundation
import Glibc
import Testing

extension Scenarios {
  /// `sluice run`: descriptors that run out, and signals.
  @Suite struct Processes {
    @Test func withoutDescriptorsOldConnectionsWorkAndNewOnesWait() throws {
      let gate = Gate()
      let upstream = try ScriptedUpstream.answering { request in
        if request.target == "/wait" { gate.wait() }
        return ok(request.target)
      }
      let gateway = try GatewayChild(
        target: upstream.url, service: ", health: {failures: 1}", descriptors: 48)
      let first = try gateway.client()
      let second = try gateway.client()
      #expect(try first.get("/1").text == "/1")
      #expect(try second.get("/2").text == "/2")

      // Far more than fit; the kernel keeps those that the gateway can't accept.
      let crowd = try (0..<64).map { _ in try gateway.client() }
      // The pooled connection serves whoever is in already.
      #expect(try first.get("/3").text == "/3")
      #expect(try second.get("/4").text == "/4")
      try first.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
      try waitUntil { upstream.requests.contains { $0.target == "/wait" } }
      // A second connection to the target is impossible, which is not the target's fault.
      let refused = try second.get("/5")
      #expect(refused.status == 503)
      #expect(refused.code == "overloaded")
      gate.open()
      #expect(try first.reader.readResponse().text == "/wait")
      #expect(try second.get("/6").text == "/6")

      // It does not spin meanwhile: five turns of its pause cost next to nothing.
      let before = try gateway.cpuTicks()
      usleep(500_000)
      #expect(try gateway.cpuTicks() - before < 15)

      for client in crowd { client.socket.close() }
      let late = try gateway.client()
      #expect(try late.get("/7").text == "/7")
      #expect(try second.get("/8").text == "/8")
    }

    @Test func signalsReloadAndEnd() throws {
      let old = try ScriptedUpstream.answering { _ in ok("old") }
      let new = try ScriptedUpstream.answering { _ in ok("new") }
      let gateway = try GatewayChild(target: old.url)
      let client = try gateway.client()
      #expect(try client.get("/").text == "old")
      try gateway.write("routes: [nonsense")
      gateway.signal(SIGHUP)
      #expect(try client.get("/").text == "old")
      try gateway.write(target: new.url)
      gateway.signal(SIGHUP)
      try waitUntil { try client.get("/").text == "new" }
      gateway.signal(SIGTERM)
      #expect(try client.isClosedByGateway())
      #expect(try gateway.exitCode() == 0)
    }
  }
}
