import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// Fields between a gateway and the service that it asks.
  @Suite struct ForwardAuthFieldTests {
    /// What the service gets beside the caller's fields, and what becomes of its answer's.
    @Test func fieldsForTheServiceAndOfItsAnswer() throws {
      let upstream = try ScriptedUpstream.echoing()
      let door = try ScriptedUpstream.answering { _ in
        ok(
          "", "X-User: alice", "X-User: second", "Set-Cookie: a=1", "Set-Cookie: b=2", "X-Kept: no")
      }
      let fixture = try Fixture(to: upstream) {
        var service = Configuration.Service()
        service.targets = [Configuration.Target(url: door.url)]
        $0.services["door"] = service
        var settings = Configuration.ForwardAuth()
        (settings.service, settings.path) = ("door", "/verify")
        settings.set = [
          "X-Original-URL": "${request.scheme}://${request.host}${request.target}",
          "X-Forwarded-Uri": "${request.target}", "x-forwarded-for": "${client.address} own",
          "Cookie": "", "X-Bad": "${request.query.bad}",
        ]
        settings.targetHeaders = ["X-Who": "x-user", "X-None": "X-Absent"]
        settings.callerHeaders = ["Set-Cookie"]
        $0.all.policies[Configuration.ForwardAuth.self] = settings
      }
      let response = try fixture.client().exchange(
        "GET /a/b?c=d&bad=%0D%0AX-Evil:1 HTTP/1.1\r\nHost: g.test\r\nCookie: secret\r\n"
          + "X-Who: forged\r\nX-None: forged\r\nX-Original-URL: forged\r\nX-User: callers\r\n\r\n")
      #expect(response.status == 200)
      #expect(response.values("Set-Cookie") == ["a=1", "b=2"])
      #expect(response["X-Kept"] == nil)
      let asked = try #require(door.requests.first)
      let target = "/a/b?c=d&bad=%0D%0AX-Evil:1"
      #expect(asked.values("X-Original-URL") == ["http://g.test\(target)"])
      #expect(asked.values("X-Forwarded-Uri") == [target])
      #expect(asked.values("X-Forwarded-For") == ["127.0.0.1 own"])
      #expect(asked["X-Forwarded-Method"] == "GET" && asked["X-Forwarded-Host"] == "g.test")
      #expect(asked["Cookie"] == nil && asked["X-Bad"] == nil && asked["X-Evil"] == nil)
      let request = try #require(upstream.requests.first)
      #expect(request.values("X-Who") == ["alice", "second"])
      #expect(request["X-None"] == nil)
      #expect(request.values("X-User") == ["callers"])
    }
  }
}
