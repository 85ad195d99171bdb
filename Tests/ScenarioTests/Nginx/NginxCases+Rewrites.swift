extension NginxCases {
  private static let ends =
    "location / { proxy_pass http://TARGET; proxy_set_header X-Mark root; }\n"

  /// Paths that become others, and where they lead.
  static let rewrites: [NginxCase] = [
    NginxCase(
      "some paths are redirected",
      "rewrite ^/old/(.*)$ /new/$1 permanent; rewrite \"^/(\\w{2})/x$\" https://x.test/$1?lang=$1? redirect; "
        + ends,
      ["/old/a/b", "/old/a?b=c", "/older", "/de/x", "/de/x?q=1", "/deu/x", "/x"]),
    NginxCase(
      "some paths of a location are redirected",
      "location /docs/ { rewrite ^/docs/v1-(.*)$ https://x.test/$1 redirect; proxy_pass http://TARGET; } location /docs/v1-keep { proxy_pass http://TARGET; } "
        + ends,
      ["/docs/v1-a", "/docs/v2", "/docs/v1-keep", "/docs", "/docs/"]),
    NginxCase(
      "a condition comes before a redirect",
      "if ($request_method = POST) { return 405; } rewrite ^/a$ /b permanent; " + ends,
      ["/a", NginxRequest("/a", method: "POST", body: "x"), "/b"]),
    NginxCase(
      "another location",
      """
      rewrite ^/short$ /long/path last; rewrite ^/u/(\\d+)$ /users/$1?by=id last;
      rewrite ^/q$ /long/q? last;
      location /long/ { proxy_pass http://TARGET; proxy_set_header X-Uri $uri; }
      location /users/ { proxy_pass http://TARGET/api/; }
      """ + ends,
      ["/short", "/short?a=b", "/u/12?x", "/u/x", "/long/path", "/users/12", "/q?a=b", "/shorter"]),
    NginxCase(
      "from one location to another",
      """
      location /a/ { rewrite ^/a/x/(.*)$ /b/$1 last; proxy_pass http://TARGET; }
      location /b/ { proxy_pass http://TARGET/bb/; proxy_set_header X-Uri $uri; }
      location = /home { rewrite ^ /b/home last; }
      """,
      ["/a/x/1", "/a/x/b?q", "/a/y/1", "/b/1", "/home", "/home?a=b", "/a", "/c"]),
    NginxCase(
      "from a regular expression",
      """
      location ~ ^/r/(.*)\\.php$ { rewrite ^/r/(\\w+)\\.php$ /s/$1/x last; return 404; }
      location ^~ /s/ { proxy_pass http://TARGET;  }
      """, ["/r/a.php", "/r/a/b.php", "/s/x", "/r/x"]),
    NginxCase(
      "to an internal location",
      "rewrite ^/door/(.*)$ /inner/$1 last; location /inner/ { internal; proxy_pass http://TARGET; } "
        + ends, ["/door/a", "/inner/a", "/door"]),
    NginxCase(
      "the URI of proxy_pass is ignored behind a break",
      "location /api/ { rewrite ^/api/(.*)$ /v2/$1 break; proxy_pass http://TARGET/ignored/; }",
      ["/api/a", "/api/a?b=c"]),
  ]

  /// Names of servers that are more than names.
  static let names: [NginxCase] = [
    NginxCase(
      "a regular expression that captures",
      http: """
        server { listen 127.0.0.1:PORT; return 200 default; }
        server { listen 127.0.0.1:PORT; server_name ~^(?<sub>[a-z]+)\\.(?<Zone>com|net)$;
          location / { return 200 "$sub|$zone|$1|$2"; }
          location ~ ^/(x)(y) { return 200 "$sub|$1|$2"; }
          location /up { proxy_pass http://TARGET; proxy_set_header X-Sub $sub; } }
        """,
      ["www.com", "WWW.NET", "a1.com", "www.org", "com"].flatMap { host in
        ["/", "/xy", "/up"].map { NginxRequest($0, host: host) }
      }),
    NginxCase(
      "the order of names",
      http: """
        server { listen 127.0.0.1:PORT; return 200 default; }
        server { listen 127.0.0.1:PORT; server_name ~^www\\.; return 200 first; }
        server { listen 127.0.0.1:PORT; server_name ~test; return 200 second; }
        server { listen 127.0.0.1:PORT; server_name www.a.*; return 200 end; }
        server { listen 127.0.0.1:PORT; server_name www.*; return 200 shorter; }
        server { listen 127.0.0.1:PORT; server_name *.test; return 200 begin; }
        server { listen 127.0.0.1:PORT; server_name www.exact.test; return 200 exact; }
        """,
      [
        "www.exact.test", "www.a.test", "www.a.org", "www.b.org", "www.", "atest.org", "x.test",
        "other", "www", "awww.b",
      ].map { NginxRequest("/", host: $0) }),
    NginxCase(
      "the default has an expression, too",
      http: """
        server { listen 127.0.0.1:PORT default_server; server_name ~^(?<who>a+)$ b; return 200 "default $who"; }
        server { listen 127.0.0.1:PORT; server_name ~a; return 200 other; }
        """,
      ["aa", "b", "ab", "c"].map { NginxRequest("/", host: $0) }),
    NginxCase(
      "the default's own name before an expression",
      http: """
        server { listen 127.0.0.1:PORT default_server; server_name a.test; return 200 default; }
        server { listen 127.0.0.1:PORT; server_name ~a; return 200 other; }
        """,
      ["a.test", "ab.test", "c"].map { NginxRequest("/", host: $0) }),
    NginxCase(
      "if not the host",
      "server_name a.test www.a.test; if ($host != a.test) { return 301 https://a.test$request_uri; } "
        + ends, ["a.test", "www.a.test"].map { NginxRequest("/x?y", host: $0) }),
    NginxCase(
      "if not the host, whatever it is",
      "if ($host != a.test) { return 301 https://a.test$request_uri; } " + ends,
      ["a.test", "A.test", "b.test"].map { NginxRequest("/x?y", host: $0) }),
    NginxCase(
      "if not a field",
      "if ($http_x_forwarded_proto != \"https\") { return 301 https://$host$request_uri; } " + ends,
      [
        "/a", NginxRequest("/a", "X-Forwarded-Proto: https"),
        NginxRequest("/a", "X-Forwarded-Proto: http"),
      ]),
    NginxCase(
      "if there is no field, or an empty one, or a parameter",
      "location / { if ($http_x_key = \"\") { return 401; } proxy_pass http://TARGET; } location /p { if ($arg_debug = 1) { return 200 debug; } proxy_pass http://TARGET; }",
      [
        "/a", NginxRequest("/a", "X-Key: 1"), NginxRequest("/a", "X-Key:"), "/p", "/p?debug=1",
        "/p?other",
      ]),
  ]

  private static func cookies(_ directives: String, _ values: [String]) -> NginxCase {
    NginxCase(
      "cookies: \(directives)", "location /c/ { \(directives) proxy_pass http://TARGET/; }",
      values.map { NginxRequest("/c/a", "X-Reply: Set-Cookie: \($0)") })
  }

  /// What becomes of responses.
  static let responses: [NginxCase] = [
    cookies(
      "proxy_cookie_domain old.test new.test; proxy_cookie_domain .b.test $host;",
      [
        "a=b; Domain=old.test", "a=b; domain=.OLD.test; Path=/", "a=b; Domain=www.old.test", "a=b",
        "a=b; Domain=b.test; Secure",
      ]),
    cookies(
      "proxy_cookie_path / /c/; proxy_cookie_path /never /x;",
      ["a=b; Path=/", "a=b; Path=/x/y; HttpOnly", "a=b; Path=x", "a=b"]),
    cookies("proxy_cookie_path off;", ["a=b; Path=/"]),
    cookies(
      "proxy_cookie_flags session secure httponly samesite=lax; proxy_cookie_flags ~ nosecure;",
      [
        "session=1", "Session=1; Path=/; SameSite=None", "other=1; Secure; Path=/", "other=1",
        "session=1; secure; httponly; samesite=LAX",
      ]),
    NginxCase(
      "an age",
      "location /a { expires 1h; proxy_pass http://TARGET; } location /r { expires 30d; return 200 ok; }",
      ignoring: ["expires"],
      [
        "/a", NginxRequest("/a", "X-Reply: Cache-Control: private", "X-Reply: Expires: 0"),
        "/a/status-404", NginxRequest("/a/status-404", "X-Reply: Cache-Control: private"), "/r",
      ]),
    NginxCase(
      "no age",
      "location /e { expires epoch; proxy_pass http://TARGET; } location /m { expires max; add_header Cache-Control public; proxy_pass http://TARGET; } location /o { expires off; proxy_pass http://TARGET; }",
      [
        NginxRequest("/e", "X-Reply: Expires: Thu, 01 Jan 2099 00:00:00 GMT"), "/m",
        NginxRequest("/o", "X-Reply: Cache-Control: private"),
      ]),
    NginxCase(
      "an age in the past", "location / { expires -1; proxy_pass http://TARGET; }",
      ignoring: ["expires"], ["/a"]),
  ]

  /// Targets that are only there for when others fail.
  static let backups: [NginxCase] = [
    NginxCase(
      "a backup",
      http: """
        upstream two { server DEAD; server TARGET backup; }
        server { listen 127.0.0.1:PORT; location / { proxy_pass http://two; } }
        """, [NginxRequest("/a", count: 3), NginxRequest("/b", method: "POST", body: "x")]),
    NginxCase(
      "a backup that is not needed",
      http: """
        upstream two { server TARGET; server DEAD backup; }
        server { listen 127.0.0.1:PORT; location / { proxy_pass http://two; } }
        """, [NginxRequest("/a", count: 3)]),
    NginxCase(
      "no target is left for some statuses",
      http: """
        upstream two { server TARGET max_fails=0; server DEAD max_fails=0 backup; }
        server { listen 127.0.0.1:PORT; proxy_next_upstream error timeout http_502 http_404;
          location /off { proxy_next_upstream off; proxy_pass http://two; }
          location /one { proxy_pass http://TARGET; } }
        """,
      ["/off/status-502", "/one/status-502", "/one/status-404", "/one/status-200"]),
  ]
}
