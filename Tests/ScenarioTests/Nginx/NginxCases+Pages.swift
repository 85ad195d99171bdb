extension NginxCases {
  /// Where failures lead.
  static let pages: [NginxCase] = [
    NginxCase(
      "a page that a target makes",
      #"proxy_intercept_errors on; error_page 404 /pages/none.html; error_page 500 502 =200 /pages/broken; location / { proxy_pass http://TARGET; } location /pages/ { proxy_pass http://TARGET; proxy_set_header X-Page $uri; add_header X-Added 1 always; }"#,
      [
        "/status-404", "/status-404?a=b", "/status-500", "/status-502", "/ok",
        NginxRequest("/status-404", method: "HEAD"),
      ]),
    NginxCase(
      "a page without its own location",
      #"proxy_intercept_errors on; error_page 404 /none; location / { proxy_pass http://TARGET; }"#,
      ["/status-404", "/x"]),
    NginxCase(
      "the status of the page",
      #"proxy_intercept_errors on; error_page 404 = /status-418/x; error_page 403 =410 /p; location / { proxy_pass http://TARGET; }"#,
      ["/status-404", "/status-403"]),
    NginxCase(
      "another target for what fails",
      #"location / { proxy_pass http://DEAD; error_page 502 504 = @next; } location @next { proxy_pass http://TARGET; proxy_set_header X-Next 1; }"#,
      ["/a?b=c", NginxRequest("/a", method: "POST", body: "abc"), "/status-404"]),
    NginxCase(
      "another target keeps the status",
      #"location / { proxy_pass http://DEAD; error_page 502 @next; } location @next { proxy_pass http://TARGET; }"#,
      ["/a", NginxRequest("/a", method: "POST", body: "abc")]),
    NginxCase(
      "what fails asks another target",
      #"location / { proxy_pass http://TARGET; proxy_intercept_errors on; error_page 404 = @next; } location @next { proxy_pass http://TARGET; proxy_set_header X-Next $request_method; }"#,
      [
        "/status-404", NginxRequest("/status-404", method: "DELETE"),
        NginxRequest("/status-404", method: "POST", body: "some body"),
        NginxRequest("/status-404", method: "PUT", "Content-Type: a/b", body: "x"),
        NginxRequest("/status-404", method: "POST"),
      ]),
    NginxCase(
      "a failing page",
      #"error_page 502 /page; location / { proxy_pass http://DEAD; } location /page { proxy_pass http://DEAD; }"#,
      ["/a"]),
    NginxCase(
      "a page with a query",
      #"proxy_intercept_errors on; error_page 404 /none?of=$arg_x&kind=page; location / { proxy_pass http://TARGET; } location /none { proxy_pass http://TARGET; proxy_set_header X-Args $args; proxy_set_header X-From $arg_of; }"#,
      ["/status-404?x=1"]),
    NginxCase(
      "a page with a path of its own",
      #"proxy_intercept_errors on; error_page 404 /errors/404; location / { proxy_pass http://TARGET; } location /errors/ { internal; proxy_pass http://TARGET/static/; }"#,
      ["/status-404", "/errors/404"]),
    NginxCase(
      "a page by a regular expression",
      #"proxy_intercept_errors on; error_page 404 /e/404.html; location / { proxy_pass http://TARGET; } location ~ ^/e/(\d+)\.html$ { internal; proxy_pass http://TARGET/code/$1; }"#,
      ["/status-404", "/e/404.html"]),
    NginxCase(
      "a page for who may not",
      #"error_page 403 /denied; location /x { deny all; proxy_pass http://TARGET; } location = /denied { proxy_pass http://TARGET; }"#,
      ["/x/y"]),
    NginxCase(
      "a page for too much",
      #"client_max_body_size 4; error_page 413 /large; location / { proxy_pass http://TARGET; } location = /large { proxy_pass http://TARGET; }"#,
      [NginxRequest("/x", method: "POST", body: "12345"), "/x"]),
    NginxCase(
      "a text with variables",
      #"error_page 404 = @none; proxy_intercept_errors on; location / { proxy_pass http://TARGET; } location @none { return 200 "no $uri for $remote_addr"; }"#,
      ["/status-404"]),
    NginxCase(
      "a redirect of what is missing",
      #"proxy_intercept_errors on; error_page 404 @home; error_page 401 = @login; location / { proxy_pass http://TARGET; } location @home { return 302 /home; } location @login { return 302 /login?next=$request_uri; }"#,
      ["/status-404", "/status-401?x"]),
    NginxCase(
      "a refusal of what is missing",
      #"proxy_intercept_errors on; error_page 404 @no; location / { proxy_pass http://TARGET; } location @no { return 403; }"#,
      ["/status-404"]),
    NginxCase(
      "a page with a condition",
      #"proxy_intercept_errors on; error_page 404 = @none; location / { proxy_pass http://TARGET; } location @none { if ($http_accept ~ json) { return 404 "{}"; } return 404 "text"; }"#,
      ["/status-404", NginxRequest("/status-404", "Accept: application/json")]),
    NginxCase(
      "where nothing is",
      #"error_page 404 /none; location /a { proxy_pass http://TARGET; } location = /none { proxy_pass http://TARGET; }"#,
      ["/x", "/a"]),
    NginxCase(
      "what the server returns",
      #"error_page 503 @down; location /a { return 503; } location @down { proxy_pass http://TARGET; }"#,
      ["/a"]),
    NginxCase(
      "closed for a while",
      #"error_page 503 @closed; set $closed 1; location / { if ($closed) { return 503; } proxy_pass http://TARGET; } location @closed { add_header Retry-After 120 always; return 503 "closed for a while"; }"#,
      ["/a"]),
  ]
}
