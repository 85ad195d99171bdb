extension NginxCases {
  private static func fields(_ directives: String) -> String {
    "location / { \(directives) proxy_pass http://TARGET; }"
  }

  /// What stands in fields.
  static let headers: [NginxCase] = [
    NginxCase(
      "nobody is asked, and nobody says who calls",
      "auth_request /auth; auth_request_set $user $upstream_http_x_up; proxy_set_header X-User $user; location = /auth { internal; proxy_pass http://TARGET; } location /public { auth_request off; proxy_pass http://TARGET; }",
      [NginxRequest("/public/", "X-User: admin")]),
    NginxCase("Host is the target's", fields(""), ["/a"]),
    NginxCase(
      "Host of a group",
      http: """
        upstream group_one { server TARGET; }
        server { listen 127.0.0.1:PORT; location / { proxy_pass http://group_one; } }
        """, ["/a"]),
    NginxCase(
      "Host of the caller", fields("proxy_set_header Host $host;"),
      [NginxRequest("/a", host: "Some.Test")]),
    NginxCase(
      "Host with its port", fields("proxy_set_header Host $http_host;"),
      [NginxRequest("/a", host: "Some.Test")]),
    NginxCase("Host as a text", fields("proxy_set_header Host inner.test;"), ["/a"]),
    NginxCase(
      "what is usual",
      fields(
        "proxy_set_header Host $host; proxy_set_header X-Real-IP $remote_addr; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;"
      ),
      [
        "/a", NginxRequest("/a", "X-Forwarded-For: 192.0.2.1"),
        NginxRequest(
          "/a", "X-Forwarded-For: 192.0.2.1, 192.0.2.2", "X-Real-IP: 192.0.2.9",
          "X-Forwarded-Proto: https"),
      ]),
    NginxCase(
      "what callers say of others passes", fields(""),
      [
        NginxRequest(
          "/a", "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Host: x", "Forwarded: for=x",
          "X-Real-IP: 1.2.3.4")
      ]),
    NginxCase(
      "other fields pass", fields(""),
      [
        NginxRequest(
          "/a", "Accept: */*", "User-Agent: test", "Cookie: a=b; c=d", "X-Custom: 1", "X-Custom: 2",
          "Authorization: Basic eDp5")
      ]),
    NginxCase(
      "an empty value takes the field away",
      fields("proxy_set_header Accept-Encoding \"\"; proxy_set_header X-Secret '';"),
      [NginxRequest("/a", "Accept-Encoding: gzip", "X-Secret: 1", "X-Other: 2")]),
    NginxCase(
      "fields with underscores are dropped", fields(""),
      [NginxRequest("/a", "X_Under: 1", "X-Dash: 2")]),
    NginxCase(
      "or not", "underscores_in_headers on; " + fields(""), [NginxRequest("/a", "X_Under: 1")]),
    NginxCase(
      "variables",
      fields(
        "proxy_set_header X-A \"$request_method [$args] $request_uri\"; proxy_set_header X-B $arg_x; proxy_set_header X-C $cookie_session; proxy_set_header X-D $http_user_agent; proxy_set_header X-E ${scheme}_$server_protocol; proxy_set_header X-F $uri$is_args$args; proxy_set_header X-G $content_type; proxy_set_header X-H $server_name;"
      ),
      [
        NginxRequest("/a/b?x=1&y=2", "Cookie: session=abc; other=d", "User-Agent: me"), "/a/b",
        NginxRequest("/a", method: "POST", "Content-Type: text/x", body: "b"),
      ]),
    NginxCase(
      "inherited by a location that sets none",
      "proxy_set_header X-Level server; location /own/ { proxy_set_header X-Own 1; proxy_pass http://TARGET; } location / { proxy_pass http://TARGET; }",
      [NginxRequest("/own/a", "X-Level: caller"), NginxRequest("/a", "X-Level: caller")]),
    NginxCase(
      "inherited from http",
      http: """
        proxy_set_header X-Level http; proxy_set_header Host outer.test;
        server { listen 127.0.0.1:PORT;
          location /a { proxy_pass http://TARGET; } location /b { proxy_set_header X-B 1; proxy_pass http://TARGET; } }
        """, ["/a", "/b"]),
    NginxCase(
      "added fields",
      fields("add_header X-Added yes; add_header X-Always \"yes $request_method\" always;"),
      ["/a", "/status-404", "/status-204", "/status-500", "/status-302"]),
    NginxCase(
      "added fields are inherited as a whole",
      "add_header X-Server 1; location /own { add_header X-Own 1; proxy_pass http://TARGET; } location / { proxy_pass http://TARGET; }",
      ["/own", "/a"]),
    NginxCase(
      "hidden fields", fields("proxy_hide_header X-Up; proxy_hide_header X-Gone;"),
      [NginxRequest("/a", "X-Reply: X-Gone: 1"), NginxRequest("/a", "X-Reply: X-Stays: 1")]),
    NginxCase(
      "what nginx keeps for itself", fields(""),
      [NginxRequest("/a", "X-Reply: X-Accel-Buffering: no", "X-Reply: X-Pad: 1")]),
    NginxCase(
      "cookies of targets pass", fields(""),
      [NginxRequest("/a", "X-Reply: Set-Cookie: a=b; Path=/", "X-Reply: Set-Cookie: c=d")]),
    NginxCase(
      "Location is left alone", fields("proxy_redirect off;"),
      [NginxRequest("/status-302", "X-Reply: Location: http://TARGET/x")]),
    NginxCase(
      "Location is replaced", fields("proxy_redirect http://old.test/ https://new.test/;"),
      [
        NginxRequest("/status-302", "X-Reply: Location: http://old.test/a?b"),
        NginxRequest("/status-302", "X-Reply: Location: http://older.test/"),
      ]),
    NginxCase(
      "Location of the target", fields(""),
      [NginxRequest("/status-302", "X-Reply: Location: http://TARGET/deep/x")]),
  ]
}
