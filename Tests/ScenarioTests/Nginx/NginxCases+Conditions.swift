extension NginxCases {
  /// What `if` asks, and what comes of it.
  static let conditions: [NginxCase] = [
    NginxCase(
      "who must not come",
      #"location / { if ($http_user_agent ~* "(bot|crawler)") { return 403; } proxy_pass http://TARGET; }"#,
      [
        NginxRequest("/", "User-Agent: Mozilla"), NginxRequest("/", "User-Agent: GoogleBot/1"),
        NginxRequest("/", "User-Agent: a crawler"), "/",
      ]),
    NginxCase(
      "hosts with a prefix",
      #"if ($host ~* ^www\.(.+)$) { return 301 $scheme://$1$request_uri; } location / { proxy_pass http://TARGET; }"#,
      [
        NginxRequest("/a?b", host: "www.a.test"), NginxRequest("/a", host: "a.test"),
        NginxRequest("/", host: "WWW.B.test"),
      ]),
    NginxCase(
      "the name of a host",
      #"if ($host != main.test) { return 301 http://main.test$request_uri; } if ($request_method = TRACE2) { return 405; } location / { proxy_pass http://TARGET; }"#,
      [NginxRequest("/a?b", host: "main.test"), NginxRequest("/x", host: "other.test")]),
    NginxCase(
      "a target or a path",
      #"if ($request_uri ~ "^/[^?]*//") { return 400; } location / { if ($uri ~ ^/a/(.*)/z$) { return 200 "in $1"; } proxy_pass http://TARGET; }"#,
      ["/a/b/z", "/b", "/a//b", "/a?b//c", "/A/b/z"]),
    NginxCase(
      "none of a parameter",
      #"location / { if ($arg_token = "") { return 401; } proxy_pass http://TARGET; }"#,
      ["/", "/?token=", "/?token=x", "/?other=1&token=y"]),
    NginxCase(
      "any of a parameter",
      #"location / { if ($arg_debug) { return 200 debug; } proxy_pass http://TARGET; }"#,
      ["/", "/?debug=", "/?debug=0", "/?debug=1", "/?debug=00"]),
    NginxCase(
      "the whole query",
      #"location / { if ($args ~ (^|&)x=(\d+)) { return 200 "x $2"; } if ($args = "") { return 200 none; } proxy_pass http://TARGET; }"#,
      ["/", "/?", "/?y=1&x=12", "/?xx=1", "/?a"]),
    NginxCase(
      "not one of the methods",
      #"location / { if ($request_method !~ ^(GET|HEAD|POST)$) { return 405; } if ($http_x_a = b) { return 200 b; } proxy_pass http://TARGET; }"#,
      [
        "/", NginxRequest("/", method: "DELETE"), NginxRequest("/", "X-A: b"),
        NginxRequest("/", "X-A: B"),
      ]),
    NginxCase(
      "a cookie",
      #"location / { if ($cookie_beta = "yes") { return 302 /beta; } if ($http_cookie !~ "session=([a-z]+)") { return 401; } proxy_pass http://TARGET; }"#,
      [
        "/", NginxRequest("/", "Cookie: beta=yes"), NginxRequest("/", "Cookie: a=b; session=abc"),
        NginxRequest("/", "Cookie: beta=no; session=1"),
      ]),
    NginxCase(
      "a flag of two conditions",
      #"location / { set $t ""; if ($request_method = POST) { set $t P; } if ($http_x_k = v) { set $t "${t}K"; } if ($t = PK) { return 409 "both"; } proxy_pass http://TARGET; proxy_set_header X-T $t; }"#,
      [
        "/", NginxRequest("/", method: "POST", body: "abc"), NginxRequest("/", "X-K: v"),
        NginxRequest("/", method: "POST", "X-K: v", body: "abc"),
      ]),
    NginxCase(
      "another target",
      #"location / { if ($http_x_version = 2) { proxy_pass http://TARGET; } proxy_pass http://DEAD; }"#,
      [NginxRequest("/a?b", "X-Version: 2"), "/a"]),
    NginxCase(
      "other fields",
      #"location / { proxy_set_header X-A outer; add_header X-C outer; if ($arg_a) { add_header X-C inner; set $x 1; } if ($arg_b) { set $y 2; } proxy_pass http://TARGET;  }"#,
      ["/", "/?a=1", "/?b=1", "/?a=1&b=1"]),
    NginxCase(
      "a map and a condition",
      http: #"""
        map $http_user_agent $bad { default 0; ~*bot 1; "" 1; }
        server { listen 127.0.0.1:PORT; if ($bad) { return 403; } location / { proxy_pass http://TARGET; } }
        """#,
      ["/", NginxRequest("/", "User-Agent: x"), NginxRequest("/", "User-Agent: BOT")]),
    NginxCase(
      "a map of two",
      http: #"""
        map $request_method $w { default 0; POST 1; PUT 1; } map "$w:$http_x_ro" $blocked { default ""; "1:yes" blocked; }
        server { listen 127.0.0.1:PORT; location / { if ($blocked = blocked) { return 503 "read only"; } proxy_pass http://TARGET; } }
        """#,
      [
        "/", NginxRequest("/", method: "POST", body: "abc"),
        NginxRequest("/", method: "POST", "X-Ro: yes", body: "abc"), NginxRequest("/", "X-Ro: yes"),
      ]),
    NginxCase(
      "a geo and a condition",
      http: #"""
        geo $inside { default 0; 127.0.0.0/8 1; }
        server { listen 127.0.0.1:PORT; location /in { if ($inside = 0) { return 403; } proxy_pass http://TARGET; } location /out { if ($inside) { return 403; } proxy_pass http://TARGET; } }
        """#,
      ["/in", "/out"]),
    NginxCase(
      "preflights",
      #"location / { if ($request_method = OPTIONS) { add_header Access-Control-Allow-Origin * always; add_header Access-Control-Max-Age 600; return 204; } add_header Access-Control-Allow-Origin * always; proxy_pass http://TARGET; }"#,
      ["/", NginxRequest("/", method: "OPTIONS"), "/status-404"]),
    NginxCase(
      "a rewrite with a condition",
      #"location / { if ($http_x_new) { rewrite ^/(.*)$ /new/$1 last; } proxy_pass http://TARGET; } location /new/ { proxy_pass http://TARGET/n/; }"#,
      ["/a", NginxRequest("/a?b", "X-New: 1"), "/new/x"]),
    NginxCase(
      "a break with a condition",
      #"location /a/ { if ($arg_v = 2) { rewrite ^/a/(.*)$ /v2/$1 break; } proxy_pass http://TARGET; }"#,
      ["/a/x", "/a/x?v=2"]),
    NginxCase(
      "a break in the middle",
      #"location / { if ($arg_x) { break; } if ($arg_y) { return 200 y; } proxy_pass http://TARGET; }"#,
      ["/", "/?x=1", "/?y=1", "/?x=1&y=1"]),
    NginxCase(
      "methods, conditions and a limit",
      #"location / { limit_except GET POST { deny all; } if ($arg_x = 1) { return 200 one; } proxy_pass http://TARGET; }"#,
      ["/", "/?x=1", NginxRequest("/?x=1", method: "PUT"), NginxRequest("/", method: "PUT")]),
    NginxCase(
      "a constant condition",
      #"set $mode live; location / { if ($mode = test) { return 500; } if ($mode ~ ^l) { return 200 live; } proxy_pass http://TARGET; }"#,
      ["/"]),
    NginxCase(
      "what a field captures",
      #"location / { set $token ""; if ($http_authorization ~* "^Bearer\s+(.+)$") { set $token $1; } proxy_pass http://TARGET; proxy_set_header X-Token $token; }"#,
      ["/", NginxRequest("/", "Authorization: bearer  abc.def")]),
    NginxCase(
      "what a field captures, asked about again",
      #"location / { set $h ""; if ($http_x ~ "^(\w+)-") { set $h $1; } if ($h = a) { return 403; } proxy_pass http://TARGET; }"#,
      ["/", NginxRequest("/", "X: a-b"), NginxRequest("/", "X: c-a"), NginxRequest("/", "X: a")]),
    NginxCase(
      "parameters as they were sent",
      #"location / { if ($arg_debug) { return 403; } if ($arg_url ~* "%0a|%0d") { return 400; } proxy_set_header X-Raw $arg_url; proxy_pass http://TARGET; }"#,
      [
        "/?debug=1", "/?debug=1%", "/?DEBUG=1", "/?debug", "/?debug=0", "/?xdebug=1", "/?a=debug=1",
        "/?a&Debug=2", "/?url=a%0D", "/?url=a%20b", "/?url=%2f%2F", "/?url=1&url=%0a",
      ]),
    NginxCase(
      "one parameter that is or is not",
      #"location /is { if ($arg_k = v) { return 403; } proxy_pass http://TARGET; } location /not { if ($arg_k != v) { return 403; } proxy_pass http://TARGET; }"#,
      ["/is?k=v", "/is?K=v", "/is?k=%76", "/is", "/not?k=v", "/not?K=v", "/not?k=%76", "/not"]),
    NginxCase(
      "the scheme and the port",
      #"location / { if ($scheme != https) { set $p plain; } if ($server_port = 1) { return 500; } return 200 "$p"; }"#,
      ["/"]),
  ]
}
