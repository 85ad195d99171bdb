extension NginxCases {
  /// Paths that change more than once, or where only a request shows what they become.
  static let chains: [NginxCase] = [
    NginxCase(
      "one after the other",
      #"rewrite ^/a/(.*)$ /b/$1; rewrite ^/b/(.*)$ /c/$1; location /c/ { proxy_pass http://TARGET; proxy_set_header X-Uri $uri; } location / { proxy_pass http://TARGET; }"#,
      ["/a/x?q", "/b/y", "/c/z", "/d"]),
    NginxCase(
      "one after the other in a location",
      #"location /a/ { rewrite ^/a/(.*)$ /t/$1; rewrite ^(.*)x$ $1y last; proxy_pass http://TARGET; } location /t/ { proxy_pass http://TARGET/tt/; }"#,
      ["/a/1", "/a/x", "/t/1", "/a/xx"]),
    NginxCase(
      "where the captures lead",
      #"location /go/ { rewrite ^/go/(.*)$ /$1 last; return 404; } location /one { proxy_pass http://TARGET; proxy_set_header X-L one; } location ~ ^/tw(o+)$ { proxy_pass http://TARGET; proxy_set_header X-L $1; } location = /three { proxy_pass http://TARGET; proxy_set_header X-L three; }"#,
      ["/go/one", "/go/twooo", "/go/three", "/go/four", "/one", "/go/go/one", "/go/go/go/three"]),
    NginxCase(
      "in circles",
      #"location / { rewrite ^/(.*)$ /x$1 last; }"#,
      ["/a"]),
    NginxCase(
      "first that, then a return",
      #"rewrite ^/old/(\w+)$ /new/$1 last; location / { return 410; } location /new/ { proxy_pass http://TARGET; }"#,
      ["/old/a", "/old/a-b", "/x"]),
    NginxCase(
      "several breaks",
      #"location /s/ { rewrite ^/s/a/(.*)$ /a.php?p=$1 break; rewrite ^/s/b/(.*)$ /b?$1 break; proxy_pass http://TARGET; }"#,
      ["/s/a/1?x=y", "/s/b/2", "/s/b/2?z", "/s/c"]),
    NginxCase(
      "a break and a return",
      #"location /s/ { rewrite ^/s/(\d+)$ /n/$1 break; proxy_pass http://TARGET; }"#,
      ["/s/1", "/s/x"]),
    NginxCase(
      "a redirect behind a rewrite",
      #"rewrite ^/a/(.*)$ /b/$1 last; rewrite ^/(x|a)/(.*)$ /c/$2 permanent; location / { proxy_pass http://TARGET; }"#,
      ["/a/1", "/x/1", "/b/1"]),
    NginxCase(
      "of the server, with break",
      #"rewrite ^/a/(.*)$ /b/$1 break; rewrite ^/b/(.*)$ /c/$1 break; location /b/ { proxy_pass http://TARGET; proxy_set_header X-L b; } location / { proxy_pass http://TARGET; }"#,
      ["/a/1", "/b/1"]),
    NginxCase(
      "with a query and without",
      #"location /q/ { rewrite ^/q/(.*)$ /r/$1?x=1 last; } location /w/ { rewrite ^/w/(.*)$ /r/$1?x=1? last; } location ~ ^/r/ { proxy_pass http://TARGET; proxy_set_header X-Args $args; }"#,
      ["/q/a", "/q/a?b=c", "/w/a?b=c", "/w/a"]),
    NginxCase(
      "to a named group",
      #"rewrite ^/(?<lang>de|en)/(?<rest>.*)$ /$rest?lang=$lang last; location ~ ^/(?<what>\w+)$ { proxy_pass http://TARGET; proxy_set_header X-What $what; proxy_set_header X-Lang $arg_lang; } location / { proxy_pass http://TARGET; }"#,
      ["/de/shop?x=1", "/en/", "/fr/shop"]),
    NginxCase(
      "websockets aside",
      #"location /api { rewrite ^/api(/.*)$ $1 last; rewrite ^ /index last; } location ~* \.json$ { proxy_pass http://TARGET; proxy_set_header X-T json; } location / { proxy_pass http://TARGET; proxy_set_header X-T any; }"#,
      ["/api/a.json", "/api/b", "/api", "/c.json"]),
  ]
}

extension NginxCases {
  /// Maps of all kinds, and names that several servers have.
  static let variables: [NginxCase] = [
    NginxCase(
      "hosts",
      http: #"""
        map $host $site { hostnames; default other; example.com exact; *.example.com sub; .dotted.test dotted; www.* start; ~^re(\d)\. re$1; }
        server { listen 127.0.0.1:PORT; location / { return 200 $site; } }
        """#,
      [
        NginxRequest("/", host: "example.com"), NginxRequest("/", host: "a.example.com"),
        NginxRequest("/", host: "A.B.EXAMPLE.com"), NginxRequest("/", host: "dotted.test"),
        NginxRequest("/", host: "x.dotted.test"), NginxRequest("/", host: "www.foo"),
        NginxRequest("/", host: "www.example.com"), NginxRequest("/", host: "re7.x"),
        NginxRequest("/", host: "nothing"),
      ]),
    NginxCase(
      "captures of maps",
      http: #"""
        map $request_uri $id { default none; "~^/u/(?<n>\d+)/(?<m>[a-z]+)" "$m-$n"; ~^/v/(.) $1; }
        server { listen 127.0.0.1:PORT; location / { proxy_pass http://TARGET; proxy_set_header X-Id $id; } }
        """#,
      ["/u/12/ab", "/v/xyz", "/w"]),
    NginxCase(
      "one map in another",
      http: #"""
        map $arg_a $one { default $arg_b; x y; } map $one $two { default "<$one>"; y yes; "" empty; }
        server { listen 127.0.0.1:PORT; location / { proxy_pass http://TARGET; proxy_set_header X-Two $two; } }
        """#,
      ["/?a=x", "/?a=z&b=q", "/", "/?b=y"]),
    NginxCase(
      "volatile and quoted",
      http: #"""
        map $arg_a $one { volatile; default d; \default k; "a b" c;  '' empty; }
        server { listen 127.0.0.1:PORT; location / { return 200 "[$one]"; } }
        """#,
      ["/?a=default", "/", "/?a=q"]),
    NginxCase(
      "a name that another has",
      http:
        #"server { listen 127.0.0.1:PORT; server_name *.a.test b.test b.test; return 200 first; } server { listen 127.0.0.1:PORT default_server; server_name *.a.test .c.test x.a.test; return 200 second; } server { listen 127.0.0.1:PORT; server_name *.test; return 200 third; }"#,
      [
        NginxRequest("/", host: "q.a.test"), NginxRequest("/", host: "x.a.test"),
        NginxRequest("/", host: "b.test"), NginxRequest("/", host: "c.test"),
        NginxRequest("/", host: "z.c.test"), NginxRequest("/", host: "y.test"),
        NginxRequest("/", host: "none"),
      ]),
    NginxCase(
      "the default server with a wildcard",
      http:
        #"server { listen 127.0.0.1:PORT default_server; server_name _ example.test *.example.test; return 200 default; } server { listen 127.0.0.1:PORT; server_name *.test; return 200 other; }"#,
      [
        NginxRequest("/", host: "a.example.test"), NginxRequest("/", host: "example.test"),
        NginxRequest("/", host: "b.test"), NginxRequest("/", host: "none"),
      ]),
  ]
}
