import Foundation
import SluiceConfiguration
import SluiceGateway
import SluiceReactor
import Testing

@testable import SluiceControl

/// Configuration, reload, plan and drain through the admin API.
@Suite struct AdminProcessTests {
  private func text(_ fixture: AdminFixture, _ old: String, _ new: String) -> [UInt8] {
    precondition(fixture.text.contains(old))
    return Array(fixture.text.replacing(old, with: new).utf8)
  }

  private func refusal(
    _ fixture: AdminFixture, _ method: String, _ path: String, body: [UInt8] = []
  ) -> AdminRefusal? {
    do throws(AdminClient.Failure) {
      _ = try fixture.client().request(method, path, body: body)
      return nil
    } catch {
      if case .refused(let refusal) = error { return refusal }
      return nil
    }
  }

  @Test func theConfigurationInForceIsShownWithoutSecrets() throws {
    let fixture = try AdminFixture(token: "0123456789abcdef")
    let client = fixture.client(token: "0123456789abcdef")
    let json = String(decoding: try client.request("GET", "/config"), as: UTF8.self)
    #expect(json.contains("\"stocks\""))
    #expect(json.contains("\"closeRate\": 100"))
    #expect(!json.contains("0123456789abcdef"))
    #expect(refusal(fixture, "GET", "/config")?.code == "unauthorized")
    // Answered where it arrived, and not before the token was looked at.
    #expect(
      refusal(fixture, "POST", "/connections/AAAAAAAAAAAAAAAAAAAAAA/messages")?.code
        == "unauthorized")
    #expect(try Peer.get("/livez", from: fixture.admin, host: "gateway.test").body == "ok\n")
  }

  @Test func routesAndServicesAreListed() throws {
    let fixture = try AdminFixture()
    #expect(try Peer.get("/time", from: fixture.web).hasPrefix("HTTP/1.1 200 "))
    let routes = try fixture.client().get("/routes", as: [RouteContent].self)
    #expect(routes.map(\.name) == ["more", "stocks", "time"])
    #expect(routes[2].requests == 1 && routes[2].kind == "rest" && routes[2].service == "time")
    let services = try fixture.client().get("/services", as: [ServiceContent].self)
    #expect(services.map(\.name) == ["stocks", "time"])
    #expect(services[1].targets.first?.healthy == 1)
    #expect(services[1].targets.first?.idleConnections == 1)
  }

  @Test func aConfigurationIsPutInForce() throws {
    let fixture = try AdminFixture()
    let events = try EventReader(fixture, query: "?type=reload")
    let answer = try fixture.client().request(
      "POST", "/reload", body: text(fixture, "path: /time", "path: /now"),
      contentType: "application/yaml")
    let json = try JSONSerialization.jsonObject(with: Data(answer)) as? [String: Any]
    let difference = json?["difference"] as? [String: Any]
    let entities = difference?["entities"] as? [String: [String: Any]]
    let changed = entities?["routes"]?["changed"] as? [[String: Any]]
    #expect(changed?.first?["settings"] as? [String] == ["match.path"])
    #expect(try events.next().data["result"] as? String == "success")
    #expect(try Peer.get("/time", from: fixture.web).hasPrefix("HTTP/1.1 404 "))
  }

  /// What `fetch(…, {method: "POST", mode: "no-cors"})` of any page sends.
  @Test func aWebPageReconfiguresNothing() throws {
    let fixture = try AdminFixture()
    let body = String(
      decoding: text(fixture, "path: /time", "path: /now"), as: UTF8.self)
    for (target, body) in [("/reload", body), ("/drain", ""), ("/revocations?consumer=x", "")] {
      let page = try Peer.connect(to: fixture.admin)
      page.send(
        "POST \(target) HTTP/1.1\r\nHost: \(fixture.admin)\r\nOrigin: https://evil.test\r\n"
          + "Content-Type: text/plain;charset=UTF-8\r\nConnection: close\r\n"
          + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
      let answer = page.readToEnd()
      #expect(answer.hasPrefix("HTTP/1.1 403 "), "\(target): \(answer)")
      #expect(answer.contains(#""code":"from-web-page""#))
    }
    #expect(try Peer.get("/time", from: fixture.web).hasPrefix("HTTP/1.1 200 "))
    #expect(try drain(fixture).state == "serving")
  }

  @Test func mistakesAreToldAndChangeNothing() throws {
    let fixture = try AdminFixture()
    let wrong = text(fixture, "{match: {path: /time}", "{match: {path: time}")
    for path in ["/reload", "/plan"] {
      let refused = try #require(refusal(fixture, "POST", path, body: wrong))
      #expect(refused.status == 422 && refused.code == "invalid-configuration")
      #expect(refused.diagnostics.count == 1)
      #expect(refused.diagnostics.first?.message.contains("routes.time.match.path") == true)
      #expect(refused.diagnostics.first?.line == 8)
    }
    #expect(refusal(fixture, "POST", "/reload", body: [0xFF])?.code == "body-not-text")
    let other = text(fixture, "workers: 2", "workers: 3")
    let refused = try #require(refusal(fixture, "POST", "/reload", body: other))
    #expect(refused.code == "reload-refused")
    #expect(refused.detail == "workers can't change while the gateway runs")
    #expect(try Peer.get("/time", from: fixture.web).hasPrefix("HTTP/1.1 200 "))
  }

  @Test func theFileIsReadAgain() throws {
    let fixture = try AdminFixture(reread: { text in
      ConfigurationFile.read(text: text.replacing("path: /time", with: "path: /now"), file: "")
    })
    _ = try fixture.client().request("POST", "/reload")
    #expect(try Peer.get("/now", from: fixture.web).hasPrefix("HTTP/1.1 404 "))
    #expect(try Peer.get("/time", from: fixture.web).hasPrefix("HTTP/1.1 404 "))
    let routes = try fixture.client().request("GET", "/config")
    #expect(String(decoding: routes, as: UTF8.self).contains("\"/now\""))
    let without = try AdminFixture()
    #expect(refusal(without, "POST", "/reload")?.code == "no-file")
    let unreadable = try AdminFixture(reread: { (_) throws(SystemError) in
      throw SystemError(call: "open", code: EACCES)
    })
    let refused = try #require(refusal(unreadable, "POST", "/reload"))
    #expect(refused.code == "file-unreadable")
    #expect(refused.detail == "Permission denied")
    let metrics = try unreadable.client().request("GET", "/metrics")
    #expect(
      String(decoding: metrics, as: UTF8.self).contains(
        "sluice_reloads_total{result=\"refused\"} 1\n"))
  }

  /// Who read the file before somebody else did must not put it in force after.
  @Test func whatWasReadLastIsInForce() throws {
    let calls = Locked(0)
    let other = Locked<GatewayProcess?>(nil)
    let isOtherDone = Locked(false)
    let fixture = try AdminFixture(reread: { text in
      let call = calls.withLock { calls in
        calls += 1
        return calls
      }
      if call > 1 {
        return ConfigurationFile.read(text: text.replacing("/time", with: "/second"), file: "")
      }
      let process = other.withLock { $0 }
      Thread {
        _ = try? process?.rereadAndReload()
        isOtherDone.withLock { $0 = true }
      }.start()
      // Time enough for the other one to come here, which it must not.
      for _ in 0..<200 where calls.withLock({ $0 }) == 1 { usleep(1_000) }
      #expect(calls.withLock { $0 } == 1)
      return ConfigurationFile.read(text: text.replacing("/time", with: "/first"), file: "")
    })
    let process = fixture.process
    other.withLock { $0 = process }
    _ = try fixture.client().request("POST", "/reload")
    try fixture.waitUntil("the other one") { isOtherDone.withLock { $0 } }
    #expect(calls.withLock { $0 } == 2)
    let routes = try fixture.client().request("GET", "/config")
    #expect(String(decoding: routes, as: UTF8.self).contains("\"/second\""))
  }

  /// As much as a file may have; of those who may ask.
  @Test func aConfigurationMayBeLarge() throws {
    let fixture = try AdminFixture(token: "0123456789abcdef")
    let client = fixture.client(token: "0123456789abcdef")
    let large = fixture.text + "\n#" + String(repeating: "-", count: 3 << 20)
    #expect(try client.plan(large).entities.isEmpty)
    let body = Array(large.utf8)
    _ = try client.request("POST", "/reload", body: body)
    for (client, path, status) in [
      (client, "/cache/purge", 413), (fixture.client(token: "0123456789abcdeX"), "/plan", 413),
    ] {
      let refused = try #require(
        throws: AdminClient.Failure.self,
        performing: { try client.request("POST", path, body: body) })
      guard case .refused(let refusal) = refused else {
        Issue.record("\(refused)")
        continue
      }
      #expect(refusal.status == status)
      #expect(refusal.code == "body-too-large")
    }
  }

  @Test func aPlanChangesNothing() throws {
    let fixture = try AdminFixture()
    let plan = try fixture.client().plan(
      fixture.text.replacing("path: /time", with: "path: /now").replacing(
        "workers: 2", with: "workers: 3"))
    #expect(plan.entities["routes"]?.changed.map(\.name) == ["time"])
    #expect(plan.settings == ["workers"])
    #expect(plan.refusals == ["workers can't change while the gateway runs"])
    #expect(try Peer.get("/time", from: fixture.web).hasPrefix("HTTP/1.1 200 "))
    #expect(try fixture.client().plan(fixture.text).entities.isEmpty)
  }

  // MARK: Drain

  private func drain(_ fixture: AdminFixture, _ method: String = "GET") throws -> DrainContent {
    try fixture.client().send(method, "/drain", as: DrainContent.self)
  }

  @Test func aDrainClosesTheLongestIdleFirst() throws {
    let fixture = try AdminFixture(rest: "shutdown: {timeout: 1h, closeRate: 1}", workers: 1)
    let client = try fixture.open()
    try fixture.sessions(1)
    #expect(try drain(fixture).state == "serving")
    let draining = try drain(fixture, "POST")
    #expect(draining.state == "draining")
    #expect(draining.leftSeconds > 3_000 && draining.leftSeconds <= 3_600)
    let (code, reason) = try client.close()
    #expect(code == 1_012)
    #expect(reason.wholeMatch(of: /draining; retry-after=[1-5]/) != nil)
    client.sendClose()
    try fixture.waitUntil("the end of the drain") { try drain(fixture).state == "drained" }
    #expect(throws: (any Error).self) { _ = try Peer.connect(to: fixture.web) }
    #expect(try fixture.ask("GET", "/readyz").status == 503)
  }

  @Test func aDrainCanBeTakenBack() throws {
    // The second session's turn comes after the end of the test.
    let fixture = try AdminFixture(rest: "shutdown: {timeout: 10h, closeRate: 1}", workers: 1)
    let events = try EventReader(fixture, query: "?type=drain")
    #expect(refusal(fixture, "DELETE", "/drain")?.code == "not-draining")
    _ = try drain(fixture, "POST")
    #expect(try events.next().data["state"] as? String == "draining")
    try fixture.waitUntil("the listener's end") { (try? Peer.connect(to: fixture.web)) == nil }
    #expect(
      refusal(fixture, "POST", "/reload", body: Array(fixture.text.utf8))?.code
        == "reload-refused")
    #expect(try drain(fixture, "DELETE").state == "serving")
    #expect(try Peer.get("/time", from: fixture.web).hasPrefix("HTTP/1.1 200 "))
    #expect(try fixture.ask("GET", "/readyz").status == 200)
    _ = try fixture.client().request("POST", "/reload", body: Array(fixture.text.utf8))
    // And again.
    _ = try drain(fixture, "POST")
    try fixture.waitUntil("the second drain") { try drain(fixture).state == "drained" }
    _ = try drain(fixture, "DELETE")
    #expect(try Peer.get("/time", from: fixture.web).hasPrefix("HTTP/1.1 200 "))
  }

  @Test func whatIsLeftAtTheDeadlineIsCutOff() throws {
    let fixture = try AdminFixture(rest: "shutdown: {timeout: 300ms, closeRate: 1}", workers: 1)
    // Neither answers its close frame.
    let clients = try (0..<3).map { _ in try fixture.open() }
    try fixture.sessions(3)
    _ = try drain(fixture, "POST")
    for client in clients { #expect(try client.close().code == 1_012) }
    try fixture.waitUntil("the deadline") { try drain(fixture).state == "drained" }
    for client in clients { _ = client.peer.readToEnd() }
  }
}
