import Testing

@testable import SluiceConfiguration

@Suite struct HealthCheckTests {
  private func check(_ text: String) throws -> Configuration.HealthCheck? {
    let result = ConfigurationReader.read(
      contentsOf: """
        version: 1
        listeners: {web: {address: "127.0.0.1:8080"}}
        services: {api: {targets: ["http://a"], protocol: http2, health: {\(text)}}}
        """, file: "test.yaml")
    #expect(result.diagnostics.isEmpty, "\(result.diagnostics)")
    return try #require(result.configuration).services["api"]?.health.check
  }

  @Test func defaults() throws {
    #expect(try check("failures: 2") == nil)
    let check = try #require(try check("check: {}"))
    #expect(check.type == .http && check.path == "/" && check.service.isEmpty)
    #expect(check.statuses == [Configuration.StatusRange(200, 299)])
    #expect(check.interval == .seconds(5) && check.timeout == .seconds(2))
    #expect(check.healthyAfter == 2 && check.unhealthyAfter == 3)
  }

  @Test func everySetting() throws {
    let http = try #require(
      try check(
        "check: {path: \"/z?a=1\", statuses: [200, 301-304], interval: 100ms, timeout: 1m, "
          + "healthyAfter: 1, unhealthyAfter: 1000}"))
    #expect(http.path == "/z?a=1")
    #expect(http.statuses == [.init(200, 200), .init(301, 304)])
    #expect(http.interval == .milliseconds(100) && http.timeout == .seconds(60))
    #expect(http.healthyAfter == 1 && http.unhealthyAfter == 1_000)
    let grpc = try #require(try check("check: {type: grpc, service: a.B}"))
    #expect(grpc.type == .grpc && grpc.service == "a.B")
    #expect(try check("check: {type: tcp}")?.type == .tcp)
  }

  @Test func ranges() {
    for (text, first, last) in [("200", 200, 200), ("599", 599, 599), ("200-599", 200, 599)] {
      let range = Configuration.StatusRange(text: text)
      #expect(range == .init(first, last) && range?.text == text)
    }
    for text in [
      "", "-", "199", "600", "200-", "-200", "299-200", "200-300-400", "0200", "+200", "2xx",
      "200 - 300",
    ] { #expect(Configuration.StatusRange(text: text) == nil, "\(text)") }
    let range = Configuration.StatusRange(201, 204)
    #expect([200, 201, 204, 205].map(range.contains) == [false, true, true, false])
  }
}
