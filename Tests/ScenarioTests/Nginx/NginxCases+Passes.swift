extension NginxCases {
  /// What targets are asked for.
  static let passes: [NginxCase] = [
    NginxCase(
      "a URI replaces the prefix", "location /api/ { proxy_pass http://TARGET/v2/; }",
      ["/api/", "/api/x", "/api/x/y?q=1", "/api/%20x"]),
    NginxCase(
      "a URI of one slash", "location /api/ { proxy_pass http://TARGET/; }",
      ["/api/", "/api/x", "/api/x/y?q=1", "/api"]),
    NginxCase(
      "neither has a slash", "location /api { proxy_pass http://TARGET/v2; }",
      ["/api", "/api/x", "/apix", "/api/x?y"]),
    NginxCase(
      "the same URI", "location /api { proxy_pass http://TARGET/api; }", ["/api", "/api/x"]),
    NginxCase(
      "an exact location with a URI", "location = /time { proxy_pass http://TARGET/now; }",
      ["/time", "/time?zone=utc", "/times"]),
    NginxCase(
      "no URI passes the path on", "location /api/ { proxy_pass http://TARGET; }",
      ["/api/", "/api/x?y=z", "/api/~user"]),
    NginxCase(
      "captures of a location",
      "location ~ ^/users/([0-9]+)/(.*)$ { proxy_pass http://TARGET/u/$1/$2; }",
      ["/users/12/a", "/users/12/a/b", "/users/x/a"]),
    NginxCase(
      "named captures",
      "location ~ ^/(?<kind>[a-z]+)/(?<id>[0-9]+)$ { proxy_pass http://TARGET; proxy_set_header X-Id $kind-$id; }",
      ["/book/7", "/book/x"]),
    NginxCase(
      "the request as it came", "location / { proxy_pass http://TARGET$request_uri; }",
      ["/a?b=c", "/a/b"]),
    NginxCase(
      "a URI with variables takes the query itself",
      "location /q { proxy_pass http://TARGET/fixed?who=$arg_who; }", ["/q?who=me&x=1"]),
    NginxCase(
      "an upstream",
      http: """
        upstream group { server TARGET; }
        server { listen 127.0.0.1:PORT; location / { proxy_pass http://group; } }
        """, ["/", "/a?b"]),
    NginxCase(
      "an upstream with options",
      http: """
        upstream group { least_conn; keepalive 8; server TARGET weight=2 max_fails=2 fail_timeout=5s; server DEAD down; }
        server { listen 127.0.0.1:PORT; location / { proxy_pass http://group/base/; } }
        """, ["/a", "/a", "/b/c"]),
    NginxCase(
      "a target that is dead is left for another",
      http: """
        upstream group { server DEAD; server TARGET; }
        server { listen 127.0.0.1:PORT; location / { proxy_pass http://group; } }
        """, ["/a", "/b", "/c"]),
    NginxCase(
      "a rewrite in a location",
      "location /old/ { rewrite ^/old/(.*)$ /new/$1 break; proxy_pass http://TARGET; }",
      ["/old/a", "/old/a/b?c=d"]),
    NginxCase(
      "a rewrite that does not match",
      "location / { rewrite ^/v1/([a-z]+)$ /$1.json break; proxy_pass http://TARGET; }",
      ["/v1/cats", "/v1/CATS", "/other?x"]),
    NginxCase(
      "the method", "location / { proxy_method POST; proxy_pass http://TARGET; }", ["/a"]),
    NginxCase(
      "a constant from set", "set $base /v3; location / { proxy_pass http://TARGET$base/x; }",
      ["/a"]),
    NginxCase(
      "methods and bodies", "location / { proxy_pass http://TARGET; }",
      [
        NginxRequest("/a", method: "PUT", body: "content"), NginxRequest("/a", method: "DELETE"),
        NginxRequest("/a", method: "HEAD"), NginxRequest("/a", method: "OPTIONS"),
        NginxRequest("/a", method: "PATCH", "Content-Type: application/json", body: "{}"),
      ]),
    NginxCase(
      "statuses pass", "location / { proxy_pass http://TARGET; }",
      ["/status-201", "/status-204", "/status-304", "/status-404", "/status-500", "/status-503"]),
    NginxCase(
      "locations of redirects", "location /app/ { proxy_pass http://TARGET/inner/; }",
      [
        NginxRequest("/app/status-302", "X-Reply: Location: http://TARGET/inner/x"),
        NginxRequest("/app/status-302", "X-Reply: Location: http://elsewhere.test/x"),
        NginxRequest("/app/status-301", "X-Reply: Location: https://secure.test/"),
      ]),
  ]
}
