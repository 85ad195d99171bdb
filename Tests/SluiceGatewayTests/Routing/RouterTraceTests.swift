import SluiceConfiguration
import Testing

@testable import SluiceGateway

@Suite struct RouterTraceTests {
  @Test func everyRouteGetsItsReason() throws {
    let router = try router([
      "host": {
        $0.path = "/a"
        $0.hosts = ["other.com", "*.other.com"]
      },
      "path": { $0.path = "/b" },
      "listener": {
        $0.path = "/a"
        $0.listeners = ["internal"]
      },
      "header": {
        $0.path = "/a"
        $0.headers = ["Accept": "x", "X-V": "1"]
      },
      "query": {
        $0.path = "/a"
        $0.query = ["q": "1"]
      },
      "method": {
        $0.path = "/a"
        $0.methods = ["POST"]
      },
      "won": { $0.prefix = "/a" },
      "regex": { $0.regex = "/a.*" },
      "catch-all": { _ in },
      "exact-host": {
        $0.path = "/a"
        $0.hosts = ["me.com"]
        $0.methods = ["PUT"]
      },
    ])
    let trace = router.explain(Ask("GET /a", host: "me.com", headers: [("accept", "x")]))
    #expect(router.answer(trace.match) == .route("won", 2))
    #expect(
      trace.verdicts.map { "\($0.route): \($0.reason)" } == [
        "exact-host: method", "header: header(\"x-v\")", "listener: listener", "method: method",
        "query: query(\"q\")", "path: path", "won: matched",
        "regex: lowerPrecedence(than: \"won\")", "catch-all: lowerPrecedence(than: \"won\")",
        "host: host",
      ])
  }

  @Test func methodNotAllowedIsExplained() throws {
    let router = try router([
      "a": {
        $0.path = "/a"
        $0.methods = ["POST"]
      }
    ])
    let trace = router.explain(Ask("GET /a"))
    #expect(router.answer(trace.match) == .notAllowed("POST"))
    #expect(trace.verdicts == [RouteVerdict(route: "a", reason: .method)])
  }
}
