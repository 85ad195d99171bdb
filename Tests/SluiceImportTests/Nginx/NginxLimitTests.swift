import SluiceConfiguration
import Testing

@testable import SluiceImport

/// What `limit_req` and `limit_conn` become.
@Suite struct NginxLimitTests {
  private func route(_ location: String, http: String = "") throws -> Configuration.Route {
    try #require(try routes(location, http: http).min { $0.key < $1.key }?.value)
  }

  private func routes(_ location: String, http: String = "") throws
    -> [String: Configuration.Route]
  {
    let text = """
      events {} http {
      limit_req_zone $binary_remote_addr zone=one:1m rate=5r/s;
      limit_req_zone $server_name zone=two:1m rate=2r/m; \(http)
      limit_req_zone $server_name zone=three:1m rate=3r/s; limit_req_zone $host zone=host:1m rate=5r/s;
      limit_req_zone $http_host zone=raw:1m rate=5r/s; limit_req_zone everybody zone=text:1m rate=5r/s;
      limit_req_zone $all zone=mapped:1m rate=5r/s; map $http_x_free $all { default everybody; 1 ""; }
      limit_conn_zone $binary_remote_addr zone=addr:1m; limit_conn_zone $remote_addr zone=also:1m;
      limit_conn_zone $http_x_key zone=key:1m; limit_conn_zone $server_name zone=server:1m;
      limit_conn_zone $binary_remote_addr$server_name zone=both:1m; limit_req_zone $picked zone=set:1m rate=1r/s;
      server { listen 80; server_name a.test; location / { \(location) proxy_pass http://a; } } }
      """
    let conversion = NginxConverter.convert(text, file: "f") { _ in
      .failure(IncludeProblem("there is none"))
    }
    #expect(!conversion.hasErrors, "\(conversion.diagnostics)")
    let result = ConfigurationReader.read(contentsOf: conversion.yaml().text, file: "y")
    let configuration = try #require(
      result.configuration, "\(result.diagnostics)\n\(conversion.yaml().text)")
    return configuration.routes
  }

  private func rate(_ location: String) throws -> Configuration.RateLimit {
    try #require(try route(location).policies[Configuration.RateLimit.self])
  }

  @Test func burstsPassOrWait() throws {
    let plain = try rate("limit_req zone=one;")
    #expect(plain.limit == 5 && plain.window == .seconds(1) && plain.burst == 1)
    #expect(plain.by == .address && plain.budget == "one" && plain.excess == .refuse)
    #expect(plain.also.isEmpty && plain.hide)
    let quick = try rate("limit_req zone=one burst=9 nodelay;")
    #expect(quick.burst == 10 && quick.excess == .refuse && quick.atOnce == nil)
    let slow = try rate("limit_req zone=one burst=9;")
    #expect(slow.burst == 10 && slow.excess == .delay && slow.atOnce == nil)
    // Nine wait, a fifth of a second each; a second is for what is rounded.
    #expect(slow.maxDelay == .seconds(3))
    let some = try rate("limit_req zone=one burst=9 delay=4;")
    #expect(some.burst == 10 && some.excess == .delay && some.atOnce == 5)
    #expect(some.maxDelay == .seconds(2))
    // As many as the burst, or more, is all of it.
    #expect(try rate("limit_req zone=one burst=9 delay=9;").excess == .refuse)
    #expect(try rate("limit_req zone=one burst=9 delay=10;").excess == .refuse)
    #expect(try rate("limit_req zone=two burst=1;").maxDelay == .seconds(31))
    // 21 thirds of a second are seven only where nothing is rounded.
    #expect(try rate("limit_req zone=three burst=21;").maxDelay == .seconds(8))
  }

  @Test func severalHoldTogether() throws {
    let both = try rate("limit_req zone=one burst=3 nodelay; limit_req zone=two burst=2;")
    #expect(both.excess == .delay && both.atOnce == 4 && both.burst == 4)
    let other = try #require(both.also.first)
    #expect(both.also.count == 1)
    #expect(other.limit == 2 && other.window == .seconds(60) && other.burst == 3)
    #expect(other.atOnce == nil && other.by == .all && other.budget == "two-a.test")
    #expect(both.maxDelay == .seconds(61))
  }

  @Test func keysAreWhatNginxComparesThem() throws {
    let host = try rate("limit_req zone=host;")
    #expect(host.by == .host && host.budget == "host")
    #expect(try rate("limit_req zone=raw;").by == .header("Host"))
    // One text for everybody is one count for all servers.
    for zone in ["text", "mapped"] {
      let all = try rate("limit_req zone=\(zone);")
      #expect(all.by == .all && all.budget == zone)
    }
  }

  @Test func aDryRunLimitsNothing() throws {
    let route = try route("limit_req zone=one; limit_req_dry_run on; limit_conn addr 1;")
    #expect(route.policies[Configuration.RateLimit.self] == nil)
    #expect(route.policies[Configuration.ConcurrencyLimit.self]?.limit == 1)
  }

  /// Every zone counts for itself, also two with one key, and all that name one count in it.
  @Test func connectionsCountByZone() throws {
    let route = try route("limit_conn addr 7; limit_conn server 4; limit_conn also 5;")
    let limit = try #require(route.policies[Configuration.ConcurrencyLimit.self])
    #expect(limit.limit == 7 && limit.by == .address && limit.budget == "addr" && !limit.sessions)
    #expect(
      limit.also == [
        .init(limit: 4, by: .all, budget: "server-a.test"),
        .init(limit: 5, by: .address, budget: "also"),
      ])
    let both = try self.route("limit_conn both 3;").policies[Configuration.ConcurrencyLimit.self]
    #expect(both?.by == .address && both?.budget == "both-a.test")
  }

  /// Of a text beside a field something is always there: who has no such field counts with all others.
  @Test func fieldsBesideATextAreOneText() throws {
    let all = try routes(
      "limit_req zone=f; limit_conn g 2;",
      http: """
        limit_req_zone $http_x_a$server_name zone=f:1m rate=1r/s;
        limit_conn_zone "$http_x_a-$arg_b" zone=g:1m;
        """)
    let route = try #require(all.count == 1 ? all.first?.value : nil)
    #expect(route.policies[Configuration.RateLimit.self]?.by == .variable("limit-f"))
    let limit = route.policies[Configuration.ConcurrencyLimit.self]
    #expect(limit?.by == .variable("limit-g") && limit?.budget == "g")
  }

  @Test func sessionsAreConnectionsToTheirEnd() throws {
    let upgrade =
      "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;"
    let all = try routes("limit_conn addr 2; \(upgrade)").values
    #expect(all.count == 2)
    for route in all {
      let limit = try #require(route.policies[Configuration.ConcurrencyLimit.self])
      #expect(limit.limit == 2 && limit.budget == "addr")
      #expect(limit.sessions == (route.kind == .websocket))
      #expect(route.connection?.maxPerAddress == nil)
    }
  }

  /// An empty key counts nobody.
  @Test func whoHasNoFieldIsNotCounted() throws {
    for (limit, isRate) in [("limit_conn key 4;", false), ("limit_req zone=field;", true)] {
      let all = try routes(limit, http: "limit_req_zone $http_x_key zone=field:1m rate=1r/s;")
      #expect(all.count == 2)
      for route in all.values {
        let value = try #require(route.match.variables.first?.value)
        let by =
          isRate
          ? route.policies[Configuration.RateLimit.self]?.by
          : route.policies[Configuration.ConcurrencyLimit.self]?.by
        #expect(by == (value == "1" ? .header("x-key") : nil))
      }
    }
    // A variable that is set to nothing, or to what it may be counted by.
    let nothing = try route(#"set $picked ""; limit_req zone=set;"#)
    #expect(nothing.policies[Configuration.RateLimit.self] == nil)
    #expect(try rate("set $picked $binary_remote_addr; limit_req zone=set;").by == .address)
    let text = try rate("set $picked all; limit_req zone=set;")
    #expect(text.by == .all && text.budget == "set-all")
  }

  @Test(arguments: ["0", "65536", "x"]) func numbersOfConnectionsAreBounded(count: String) {
    let conversion = NginxConverter.convert(
      """
      events {} http { limit_conn_zone $binary_remote_addr zone=a:1m;
      server { listen 80; location / { limit_conn a \(count); proxy_pass http://a; } } }
      """, file: "f"
    ) { _ in .failure(IncludeProblem("there is none")) }
    #expect(conversion.hasErrors)
  }

  /// Each key that may be nothing doubles the routes, within the bound of conditions.
  @Test(arguments: [(6, false), (7, true)]) func emptyKeysAreBounded(count: Int, isRefused: Bool) {
    let zones = (0..<count).map { "limit_conn_zone $http_x_\($0) zone=z\($0):1m;" }
    let limits = (0..<count).map { "limit_conn z\($0) 1;" }
    let conversion = NginxConverter.convert(
      """
      events {} http { \(zones.joined())
      server { listen 80; location / { \(limits.joined()) proxy_pass http://a; } } }
      """, file: "f"
    ) { _ in .failure(IncludeProblem("there is none")) }
    #expect(conversion.hasErrors == isRefused)
    if isRefused {
      #expect(conversion.diagnostics.contains { $0.message.contains("make more than 64 routes") })
    } else {
      let text = conversion.yaml().text
      #expect(text.split(separator: "\n").count { $0.contains("kind: http") } == 64)
    }
  }
}
