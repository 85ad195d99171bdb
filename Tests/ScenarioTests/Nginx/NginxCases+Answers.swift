extension NginxCases {
  /// What is answered without a target.
  static let answers: [NginxCase] = [
    NginxCase(
      "a text", "location / { return 200 \"hello\\n\"; }",
      ["/", "/a", NginxRequest("/", method: "POST", body: "x")]),
    NginxCase(
      "a text with variables",
      "location / { return 200 \"$request_method $request_uri $remote_addr $arg_x\"; }",
      ["/a?x=1", "/"]),
    NginxCase(
      "a type", "default_type application/json; location / { return 200 '{\"ok\":true}'; }", ["/"]),
    NginxCase(
      "no content", "location / { return 204; }", ["/", NginxRequest("/", method: "DELETE")]),
    NginxCase("refused", "location /no { return 403; } location / { return 404; }", ["/no", "/"]),
    NginxCase(
      "a redirect to a URL", "location / { return 301 https://new.test$request_uri; }",
      ["/", "/a/b?c=d"]),
    NginxCase(
      "a redirect to a path", "location /old { return 302 /new?x=$arg_y; }", ["/old?y=1", "/other"]),
    NginxCase("a redirect without a status", "location / { return https://new.test/; }", ["/"]),
    NginxCase(
      "other redirects",
      "location /a { return 303 /x; } location /b { return 307 /x; } location /c { return 308 /x; }",
      ["/a", "/b", "/c"]),
    NginxCase(
      "the whole server", "return 301 https://$host$request_uri; location / { return 500; }",
      ["/a?b", NginxRequest("/", host: "Other.Test")]),
    NginxCase(
      "a rewrite that redirects", "location / { rewrite ^/(.*)$ https://new.test/$1 permanent; }",
      ["/a/b", "/a?b=c"]),
    NginxCase(
      "a rewrite that redirects everything", "rewrite ^ https://new.test$request_uri? redirect;",
      ["/a/b?c=d"]),
    NginxCase(
      "fields of answers",
      "location / { add_header X-A 1; add_header X-B 2 always; return 200 ok; } location /no { add_header X-A 1; add_header X-B 2 always; return 403; }",
      ["/", "/no"]),
    NginxCase(
      "access is not asked where something is returned",
      "location / { deny all; return 200 open; }", ["/"]),
    NginxCase(
      "if a method",
      "location / { if ($request_method = POST) { return 405; } proxy_pass http://TARGET; }",
      ["/a", NginxRequest("/a", method: "POST", body: "x"), NginxRequest("/a", method: "PUT")]),
    NginxCase(
      "if not a method",
      "location / { if ($request_method !~ ^(GET|HEAD)$) { return 403; } proxy_pass http://TARGET; }",
      ["/a", NginxRequest("/a", method: "POST", body: "x"), NginxRequest("/a", method: "HEAD")]),
    NginxCase(
      "if a field",
      "location / { if ($http_x_debug = on) { return 200 debug; } proxy_pass http://TARGET; }",
      ["/a", NginxRequest("/a", "X-Debug: on"), NginxRequest("/a", "X-Debug: off")]),
    NginxCase(
      "if a parameter",
      "if ($arg_stop = 1) { return 410; } location / { proxy_pass http://TARGET; } location /b { proxy_pass http://TARGET; }",
      ["/a", "/a?stop=1", "/b?x=2&stop=1", "/b?stop=2"]),
    NginxCase(
      "if the scheme",
      "if ($scheme = http) { return 301 https://$host$request_uri; } location / { return 500; }",
      ["/a"]),
    NginxCase(
      "limit_except", "location / { limit_except GET { deny all; } proxy_pass http://TARGET; }",
      ["/a", NginxRequest("/a", method: "HEAD"), NginxRequest("/a", method: "POST", body: "x")]),
  ]
}
