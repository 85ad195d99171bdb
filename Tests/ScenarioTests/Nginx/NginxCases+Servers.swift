extension NginxCases {
  private static func server(_ directives: String, _ mark: String) -> String {
    "server { listen 127.0.0.1:PORT\(directives) location / { return 200 \(mark); } }\n"
  }

  private static let hosts: [NginxRequest] = [
    NginxRequest("/", host: "a.test"), NginxRequest("/", host: "A.Test"),
    NginxRequest("/", host: "www.a.test"), NginxRequest("/", host: "deep.www.a.test"),
    NginxRequest("/", host: "b.test"), NginxRequest("/", host: "unknown.test"),
  ]

  /// Which server is taken.
  static let servers: [NginxCase] = [
    NginxCase(
      "the first is the default",
      http: server("; server_name a.test;", "a") + server("; server_name b.test;", "b"), hosts),
    NginxCase(
      "another default",
      http: server("; server_name a.test;", "a")
        + server(" default_server; server_name b.test;", "b"),
      hosts),
    NginxCase(
      "wildcards",
      http: server("; server_name _;", "default") + server("; server_name *.a.test;", "wild")
        + server("; server_name www.a.test;", "exact"), hosts),
    NginxCase(
      "the default's own name below a wildcard",
      http: server(" default_server; server_name www.a.test;", "default")
        + server("; server_name *.a.test;", "wild"), hosts),
    NginxCase(
      "a name and all below it",
      http: server(" default_server; server_name _;", "default")
        + server("; server_name .a.test;", "a"),
      hosts),
    NginxCase(
      "several names",
      http: server(" default_server;", "default") + server("; server_name a.test b.test;", "both"),
      hosts),
    NginxCase(
      "a server has its own locations only",
      http: """
        server { listen 127.0.0.1:PORT default_server; location /x { return 200 default; } }
        server { listen 127.0.0.1:PORT; server_name a.test; location /y { return 200 a; } }
        """,
      [NginxRequest("/x", host: "a.test"), NginxRequest("/y", host: "a.test"), "/x", "/y"]),
    NginxCase(
      "if the host",
      "server_name a.test b.test; if ($host = b.test) { return 301 https://a.test$request_uri; } location / { proxy_pass http://TARGET; }",
      [NginxRequest("/x", host: "a.test"), NginxRequest("/x?y", host: "b.test")]),
    NginxCase(
      "a map for Connection",
      http: """
        map $http_upgrade $connection_upgrade { default upgrade; '' close; }
        server { listen 127.0.0.1:PORT; location / { proxy_http_version 1.1; proxy_pass http://TARGET;
          proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; } }
        """, ["/a", NginxRequest("/a", method: "POST", body: "x")]),
  ]

  /// Who may, and how much.
  static let limits: [NginxCase] = [
    NginxCase(
      "nobody, where nothing is",
      "location ~ /\\.ht { deny all; } location / { proxy_pass http://TARGET; }",
      ["/.htaccess", "/a/.ht", "/ht"]),
    NginxCase("nobody", "location / { deny all; proxy_pass http://TARGET; }", ["/a"]),
    NginxCase("one", "location / { allow 127.0.0.1; deny all; proxy_pass http://TARGET; }", ["/a"]),
    NginxCase(
      "another", "location / { allow 10.0.0.0/8; deny all; proxy_pass http://TARGET; }", ["/a"]),
    NginxCase(
      "all but one", "location / { deny 127.0.0.1; allow all; proxy_pass http://TARGET; }", ["/a"]),
    NginxCase(
      "a deny that is none of its", "location / { deny 10.0.0.0/8; proxy_pass http://TARGET; }",
      ["/a"]),
    NginxCase(
      "inherited",
      "deny all; location /open { allow all; proxy_pass http://TARGET; } location / { proxy_pass http://TARGET; }",
      ["/open", "/a"]),
    NginxCase(
      "a body that is too large",
      "client_max_body_size 10; location / { proxy_pass http://TARGET; }",
      [
        NginxRequest("/a", method: "POST", body: "0123456789"),
        NginxRequest("/a", method: "POST", body: "0123456789x"),
      ]),
    NginxCase(
      "a rate",
      http: """
        limit_req_zone $binary_remote_addr zone=slow:1m rate=1r/m;
        server { listen 127.0.0.1:PORT; location / { limit_req zone=slow burst=2 nodelay; proxy_pass http://TARGET; } }
        """, [NginxRequest("/a", count: 5)]),
    NginxCase(
      "a rate without a burst, and a status",
      http: """
        limit_req_zone $binary_remote_addr zone=slow:1m rate=1r/m;
        server { listen 127.0.0.1:PORT; limit_req_status 429; location / { limit_req zone=slow; proxy_pass http://TARGET; } }
        """, [NginxRequest("/a", count: 3)]),
    NginxCase(
      "two locations with one zone",
      http: """
        limit_req_zone $binary_remote_addr zone=slow:1m rate=1r/m;
        server { listen 127.0.0.1:PORT; limit_req zone=slow burst=1 nodelay;
          location /a { proxy_pass http://TARGET; } location /b { proxy_pass http://TARGET; } }
        """, ["/a", "/b", "/a", "/b"]),
    NginxCase(
      "two rates in one place",
      http: """
        limit_req_zone $binary_remote_addr zone=callers:1m rate=1r/m;
        limit_req_zone $server_name zone=server:1m rate=2r/m;
        limit_req_zone $http_x_who zone=who:1m rate=1r/m;
        server { listen 127.0.0.1:PORT; server_name a.test;
          location /a { limit_req zone=callers burst=3 nodelay; limit_req zone=who burst=1 nodelay; proxy_pass http://TARGET; }
          location /b { limit_req zone=server burst=4 nodelay; proxy_pass http://TARGET; }
          location /c { limit_req zone=server burst=5 nodelay; proxy_pass http://TARGET; } }
        """,
      [
        NginxRequest("/a", "X-Who: 1", count: 4), NginxRequest("/a", "X-Who: 2", count: 4),
        NginxRequest("/a", "X-Who: 3", count: 2), NginxRequest("/b", count: 3),
        NginxRequest("/c", count: 2), NginxRequest("/b", count: 1), NginxRequest("/c", count: 2),
      ]),
    NginxCase(
      "a rate by host",
      http: """
        limit_req_zone $host zone=hosts:1m rate=1r/m;
        server { listen 127.0.0.1:PORT; limit_req zone=hosts burst=1 nodelay;
          location /a { proxy_pass http://TARGET; } location /b { proxy_pass http://TARGET; } }
        """,
      [
        NginxRequest("/a", host: "a.test", count: 2), NginxRequest("/b", host: "a.test"),
        NginxRequest("/b", host: "b.test", count: 3),
      ]),
    NginxCase(
      "a rate that is only tried out",
      http: """
        limit_req_zone $binary_remote_addr zone=slow:1m rate=1r/m;
        server { listen 127.0.0.1:PORT; limit_req zone=slow; limit_req_dry_run on;
          location /a { proxy_pass http://TARGET; }
          location /b { limit_req_dry_run off; proxy_pass http://TARGET; } }
        """, [NginxRequest("/a", count: 3)]),
  ]

  /// What goes wrong.
  static let failures: [NginxCase] = [
    NginxCase("nobody listens", "location / { proxy_pass http://DEAD; }", ["/a"]),
    NginxCase(
      "a page for it",
      "error_page 502 = @down; location / { proxy_pass http://DEAD; } location @down { return 503 \"back soon\"; }",
      ["/a"]),
    NginxCase(
      "a redirect for it",
      "error_page 403 https://login.test/; location / { deny all; proxy_pass http://TARGET; }",
      ["/a"]),
    NginxCase(
      "targets' own failures pass",
      "error_page 404 = @none; location / { proxy_pass http://TARGET; } location @none { return 200 none; }",
      ["/status-404", "/a"]),
    NginxCase(
      "or are replaced",
      "proxy_intercept_errors on; error_page 404 = @none; location / { proxy_pass http://TARGET; } location @none { return 200 none; }",
      ["/status-404", "/status-500", "/a"]),
    NginxCase(
      "compression only where it is wanted",
      "gzip on; gzip_types text/plain; gzip_min_length 1; location / { proxy_pass http://TARGET; }",
      ignoring: ["vary"], ["/a"]),
  ]
}
