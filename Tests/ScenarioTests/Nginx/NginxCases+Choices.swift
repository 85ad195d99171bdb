extension NginxCases {
  /// Variables that decide about a whole route.
  static let choices: [NginxCase] = [
    NginxCase(
      "one of two groups",
      http: #"""
        upstream a { server TARGET; } upstream b { server DEAD; }
        split_clients $arg_id $to { 50% a; * b; }
        server { listen 127.0.0.1:PORT; location / { proxy_pass http://$to; } }
        """#,
      [
        "/x?id=0", "/x?id=1", "/x?id=2", "/x?id=3", "/x?id=4", "/x?id=5", "/x?id=6", "/x?id=7",
        "/x?id=8", "/x?id=9", "/x?id=10", "/x?id=11",
      ]),
    NginxCase(
      "a map of addresses",
      http: #"""
        map $http_x_env $env { default TARGET; dead DEAD; none ""; }
        server { listen 127.0.0.1:PORT; location / { proxy_pass http://$env; proxy_set_header X-Env $env; proxy_set_header Host h; } }
        """#,
      [
        "/a?b", NginxRequest("/a", "X-Env: dead"), NginxRequest("/a", "X-Env: none"),
        NginxRequest("/a", "X-Env: other"),
      ]),
    NginxCase(
      "a map of URLs with a path",
      http: #"""
        upstream api_one { server TARGET; } map $arg_v $v { default one; }
        server { listen 127.0.0.1:PORT; location /api { proxy_pass http://api_$v/base$uri; } location /raw { proxy_pass http://api_$v/base$request_uri; } location ~ ^/c(/.*)$ { proxy_pass http://TARGET$1; } }
        """#,
      ["/api/a?b", "/raw/a?b", "/raw/a", "/c/d/e?f"]),
    NginxCase(
      "a constant address",
      #"set $up "http://TARGET"; location / { proxy_pass $up; } location /p { proxy_pass $up/q$uri; }"#,
      ["/a?b", "/p/x"]),
    NginxCase(
      "a limit for some",
      http: #"""
        geo $limit { default 1; 127.0.0.1 0; } map $limit $key { 0 ""; 1 $binary_remote_addr; } limit_req_zone $key zone=z:1m rate=1r/m;
        server { listen 127.0.0.1:PORT; location / { limit_req zone=z; proxy_pass http://TARGET; } }
        """#,
      [NginxRequest("/a", count: 3)]),
    NginxCase(
      "a limit for others",
      http: #"""
        map $http_x_vip $key { default $binary_remote_addr; yes ""; } limit_req_zone $key zone=z:1m rate=1r/m;
        server { listen 127.0.0.1:PORT; location / { limit_req zone=z; proxy_pass http://TARGET; } }
        """#,
      [
        NginxRequest("/a", count: 2), NginxRequest("/a", "X-Vip: yes"),
        NginxRequest("/a", "X-Vip: no"),
      ]),
  ]
}

extension NginxCases {
  /// Expressions for what targets say.
  static let expressions: [NginxCase] = [
    NginxCase(
      "expressions for cookies",
      #"location / { proxy_pass http://TARGET; proxy_cookie_domain ~\.?internal\.(\w+)$ $1.example.com; proxy_cookie_path ~^/app/(.*)$ /$1; proxy_cookie_path ~*^/API /v; proxy_cookie_flags ~^sess secure httponly; proxy_cookie_flags other samesite=lax; }"#,
      [
        NginxRequest("/", "X-Reply: Set-Cookie: session=1; Domain=a.INTERNAL.de; Path=/app/x"),
        NginxRequest("/", "X-Reply: Set-Cookie: Other=2; Path=/api/y; domain=b.de"),
        NginxRequest("/", "X-Reply: Set-Cookie: third=2; Path=/app"),
      ]),
    NginxCase(
      "expressions for redirects",
      #"location /x/ { proxy_pass http://TARGET; proxy_redirect ~^http://[^/]+:(\d+)/(.*)$ https://public.test/$2?from=$1; proxy_redirect ~*^/LOCAL(.*)$ /here$1; proxy_redirect http://fixed/ /f/; }"#,
      [
        NginxRequest("/x/status-301", "X-Reply: Location: http://in:8080/a/b"),
        NginxRequest("/x/status-302", "X-Reply: Location: /local/z"),
        NginxRequest("/x/status-302", "X-Reply: Location: http://fixed/q"),
        NginxRequest("/x/status-302", "X-Reply: Location: /elsewhere"),
      ]),
    NginxCase(
      "the address of the target",
      http:
        #"upstream u { server TARGET; } server { listen 127.0.0.1:PORT; location / { proxy_pass http://u; add_header X-Up-Addr $upstream_addr; } }"#,
      ["/a"]),
    NginxCase(
      "attributes behind the path of cookies",
      #"location / { proxy_pass http://TARGET; proxy_cookie_path / "/; Secure; HttpOnly; SameSite=Lax"; }"#,
      [NginxRequest("/", "X-Reply: Set-Cookie: a=b; Path=/")]),
    NginxCase(
      "the request line",
      #"location / { proxy_pass http://TARGET; proxy_set_header X-Line $request; }"#,
      ["/a?b"]),
  ]
}
