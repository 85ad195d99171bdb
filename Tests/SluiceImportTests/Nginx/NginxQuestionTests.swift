import SluiceConfiguration
import Testing

@testable import SluiceImport

/// Whom `auth_request` asks, and what is left of limits beside it.
@Suite struct NginxQuestionTests {
  private func convert(_ http: String) -> Conversion {
    NginxConverter.convert("events {} http { \(http) }", file: "f") { _ in
      .failure(IncludeProblem("there is none"))
    }
  }

  private func errors(_ http: String) -> [String] {
    convert(http).diagnostics.filter { $0.severity == .error }.map(\.description)
  }

  private static let asking = "location / { auth_request /auth; proxy_pass http://a; }"

  /// The exact location, wherever it stands.
  @Test func theExactLocationIsAsked() throws {
    let conversion = convert(
      """
      server { listen 80; location /auth { proxy_pass http://web; }
      location = /auth { internal; proxy_pass http://door; } \(Self.asking) }
      """)
    #expect(!conversion.hasErrors, "\(conversion.diagnostics)")
    let result = ConfigurationReader.read(contentsOf: conversion.yaml().text, file: "y")
    let configuration = try #require(result.configuration)
    let asked = configuration.routes.values.compactMap {
      $0.policies[Configuration.ForwardAuth.self]?.service
    }
    #expect(asked.count == 1)
    #expect(configuration.services[asked[0]]?.targets.map(\.url) == ["http://door"])
  }

  @Test(arguments: [
    ("location /auth { proxy_pass http://d; } location ~ th$ { proxy_pass http://w; }", 1),
    ("location ^~ /auth { proxy_pass http://d; } location ~ th$ { proxy_pass http://w; }", 0),
    ("location = /auth { proxy_pass http://d; } location ~ th$ { proxy_pass http://w; }", 0),
    ("location /auth { proxy_pass http://d; }", 0),
  ])
  func anExpressionMayBeWhatIsFound(locations: String, count: Int) {
    let found = errors("server { listen 80; \(locations) \(Self.asking) }")
    #expect(found.count == count, "\(found)")
    #expect(found.allSatisfy { $0.contains("a regular expression may be what nginx finds") })
  }

  @Test(arguments: [
    "if ($http_x_key = \"\") { return 403; }", "return 401;", "rewrite ^ /x break;",
    "set $a b;", "break;", "proxy_method POST;", "proxy_pass_request_headers off;",
  ])
  func whoIsAskedDoesNothingElse(directive: String) {
    let found = errors(
      "server { listen 80; location = /auth { internal; \(directive) proxy_pass http://d; } \(Self.asking) }"
    )
    #expect(found.contains { $0.contains("can't be carried over") }, "\(found)")
  }

  /// What a server answers it has answered before, but for what is asked it may come out in another way.
  @Test(arguments: [
    ("if ($scheme = https) { return 403; }", 0), ("if ($uri = /auth) { return 403; }", 1),
    ("if ($arg_x = 1) { return 403; }", 1), ("rewrite ^/auth$ /other break;", 1),
    ("rewrite ^/v1/(.*)$ /$1 last;", 0),
  ])
  func serversHoldForWhatIsAskedToo(directive: String, count: Int) {
    let found = errors(
      "server { listen 80; \(directive) location = /auth { internal; proxy_pass http://d; } \(Self.asking) }"
    )
    #expect(found.count { $0.contains("holds for what auth_request asks") } == count, "\(found)")
  }

  // MARK: The answer

  /// An answer decides by the status that its target gave it. Without `proxy_intercept_errors` only nginx's own
  /// failures have pages; each row was tried with nginx, where the first ones let everybody in.
  @Test(arguments: [
    ("", "error_page 502 =200 /empty;", 1), ("error_page 500 502 504 =200 /empty;", "", 1),
    ("", "error_page 502 = /empty;", 1), ("", "error_page 504 http://x/;", 0),
    ("", "error_page 413 =204 @page;", 1), ("", "error_page 401 =200 /empty;", 0),
    ("", "proxy_intercept_errors on; error_page 401 =200 /empty;", 1),
    ("proxy_intercept_errors on; error_page 401 =200 /empty;", "", 1),
    ("proxy_intercept_errors on;", "error_page 401 http://x/;", 1),
    ("proxy_intercept_errors on; error_page 401 = /empty;", "error_page 403 /empty;", 0),
    ("", "proxy_intercept_errors on; error_page 401 403 /empty;", 0),
    ("error_page 500 502 503 504 /empty;", "", 0), ("error_page 404 = @page;", "", 0),
    ("error_page 503 =200 /empty;", "", 0), ("", "error_page 502 =401 /empty;", 1),
    ("proxy_intercept_errors on; error_page 429 = @slow;", "", 0),
    ("proxy_intercept_errors on; error_page 401 = @slow;", "", 1),
    ("proxy_intercept_errors on; error_page 429 = /proxied;", "", 1),
    ("proxy_intercept_errors on; error_page 429 404 =503 /empty;", "", 0),
    ("error_page 500 502 504 =503 /empty;", "", 0), ("", "error_page 502 504 https://x/;", 0),
    ("", "error_page 502 =200 http://x/;", 0), ("", "error_page 502 =401 http://x/;", 0),
    ("", "error_page 502 =302 /empty;", 0), ("", "error_page 502 =403 /empty;", 1),
    ("", "error_page 502 = @slow;", 0),
    ("", "proxy_intercept_errors on; error_page 404 http://x/;", 0),
  ])
  func noPageDecides(server: String, location: String, count: Int) {
    let found = errors(
      """
      server { listen 80; \(server) location = /empty { return 204; } location @page { return 204; }
      location @slow { return 429; } location = /proxied { proxy_pass http://p; }
      location = /auth { internal; \(location) proxy_pass http://d; } \(Self.asking) }
      """)
    #expect(found.count == count, "\(found)")
    #expect(
      found.allSatisfy { $0.contains("makes another decision of the answer to auth_request") })
  }

  @Test func whereAPageDecidesIsSaidOnce() {
    let found = errors(
      """
      server { listen 80; location = /empty { return 204; }
      error_page 502 =200 /empty; location = /auth { internal; proxy_pass http://d; }
      \(Self.asking) location /b { auth_request /auth; proxy_pass http://b; } }
      """)
    #expect(
      found == [
        """
        f:2:1: error: error_page makes another decision of the answer to auth_request, which can't be carried over
          hint: write it in the locations for callers, or without '=' and for a path
        """
      ])
  }

  /// What nginx would remember is asked anew: a difference that is said where it is written.
  @Test(arguments: [
    ("", "proxy_cache c;", "f:3:30"), ("proxy_cache c;", "", "f:2:21"),
    ("proxy_cache c;", "proxy_cache off;", nil), ("", "proxy_cache_valid 200 1m;", nil),
  ])
  func answersAreNotRemembered(server: String, location: String, place: String?) {
    let conversion = convert(
      """
      proxy_cache_path /var/c keys_zone=c:1m;
      server { listen 80; \(server)
      location = /auth { internal; \(location) proxy_pass http://d; }
      \(Self.asking) location /b { auth_request /auth; proxy_pass http://b; } }
      """)
    #expect(!conversion.hasErrors, "\(conversion.diagnostics)")
    let found = conversion.diagnostics.map(\.description).filter { $0.contains("remembered:") }
    #expect(
      found
        == (place.map {
          [
            """
            \($0): warning: answers to auth_request are not remembered: the service is asked about every request, and nobody passes while it can't be reached
              hint: write proxy_cache off in the location that is asked
            """
          ]
        } ?? []))
  }

  @Test(arguments: [
    ("", "", "1m"), ("", "proxy_read_timeout 7;", "7s"), ("proxy_read_timeout 90;", "", "90s"),
    ("proxy_read_timeout 90;", "proxy_read_timeout 250ms;", "250ms"),
  ])
  func anAnswerHasTheTimeOfItsLocation(server: String, location: String, time: String) throws {
    let conversion = convert(
      "server { listen 80; \(server) location = /auth { internal; \(location) proxy_pass http://d; } \(Self.asking) }"
    )
    #expect(!conversion.hasErrors, "\(conversion.diagnostics)")
    let result = ConfigurationReader.read(contentsOf: conversion.yaml().text, file: "y")
    let asked = try #require(result.configuration).routes.values.compactMap {
      $0.policies[Configuration.ForwardAuth.self]?.timeout
    }
    #expect(asked == [Timespan(text: time)])
  }

  /// nginx does not look at these for what it asks itself, and fields of an answer are seen by nobody.
  @Test func whatDecidesNothingIsNoError() {
    let found = errors(
      """
      server { listen 80; location = /auth { internal; deny all; add_header X-A b; expires 1h;
      proxy_hide_header X-B; proxy_cookie_path / /b; proxy_redirect off; client_max_body_size 1;
      proxy_pass http://d; } \(Self.asking) }
      """)
    #expect(found == [])
  }

  @Test func whereAnswersAreKnownIsSaid() {
    let found = errors(
      """
      server { listen 80; location = /auth { internal; proxy_pass http://d; }
      location / { auth_request /auth; auth_request_set $who $upstream_http_x_user; proxy_pass http://a; }
      location /b { proxy_set_header X-User $who; proxy_pass http://a; } }
      """)
    #expect(found.count == 1 && found[0].contains("in the location that has auth_request"))
  }

  /// A word that is no zone is not taken for one.
  @Test func anOptionIsNoZone() {
    let yaml = convert(
      """
      limit_req_zone $binary_remote_addr zone=one:1m rate=1r/s;
      limit_req_zone $http_x_a zone=ay:1m rate=1r/s;
      server { listen 80; location / { limit_req zone=one burst=5 nodelay; limit_req zone=ay;
      proxy_pass http://a; } }
      """
    ).yaml().text
    // With the second limit and without it.
    #expect(yaml.split(separator: "budget: one", omittingEmptySubsequences: false).count == 3)
  }

  @Test func twoZonesAreTwoBudgets() {
    let yaml = convert(
      """
      limit_req_zone $server_name zone=a:1m rate=1r/s; limit_req_zone all zone=a-b:1m rate=1r/s;
      server { listen 80; server_name b; location / { limit_req zone=a; limit_req zone=a-b;
      proxy_pass http://a; } }
      """
    ).yaml().text
    let budgets = yaml.split(separator: "\n").filter { $0.contains("budget: ") }
      .map { $0.drop { $0 == " " || $0 == "-" } }
    #expect(budgets.count == 2 && Set(budgets).count == 2, "\(budgets)")
  }

  @Test(arguments: ["$remote_user", "$who"]) func whoCallsIsFoundOutLater(key: String) {
    let found = errors(
      """
      map $remote_user $who { default $remote_user; }
      limit_req_zone \(key) zone=a:1m rate=1r/s;
      server { listen 80; location / { limit_req zone=a; proxy_pass http://a; } }
      """)
    #expect(found.count == 1 && found[0].contains("who calls is found out later"), "\(found)")
    #expect(found.first?.hasPrefix("f:2:") == true)
  }

  /// nginx counts before it asks who calls.
  @Test(arguments: ["deny 10.0.0.1;", "auth_request /auth;", ""])
  func limitsCountBeforeAnybodyIsAsked(access: String) {
    let conversion = convert(
      """
      limit_req_zone $binary_remote_addr zone=one:1m rate=1r/s;
      server { listen 80; location = /auth { internal; proxy_pass http://d; }
      location / { \(access)
      limit_req zone=one; proxy_pass http://a; } }
      """)
    #expect(!conversion.hasErrors)
    let isFirst = conversion.yaml().text.contains("before: identify")
    #expect(isFirst == !access.isEmpty)
  }
}
