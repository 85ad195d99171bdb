extension NginxCases {
  private static func server(_ directives: String) -> String {
    "\nserver { listen 127.0.0.1:PORT; location / { \(directives) proxy_pass http://TARGET; } }"
  }

  /// Variables that a file makes itself.
  static let maps: [NginxCase] = [
    NginxCase(
      "a map of a field",
      http: """
        map $http_x_kind $kind { default none; one first; "two words" second; '' empty; }
        """ + server("proxy_set_header X-Made $kind;"),
      [
        "/", NginxRequest("/", "X-Kind: one"), NginxRequest("/", "X-Kind: ONE"),
        NginxRequest("/", "X-Kind: two words"), NginxRequest("/", "X-Kind: three"),
      ]),
    NginxCase(
      "a map with expressions",
      http: """
        map $request_uri $area { default out; ~^/in/ inside; ~*\\.PNG$ picture; /exact exactly; }
        """ + server("proxy_set_header X-Area $area;"),
      ["/in/a", "/a.png", "/in/a.png", "/exact", "/other", "/x/in/"]),
    NginxCase(
      "a map to a variable",
      http: """
        map $arg_who $name { default $remote_addr; me "$request_method me"; }
        """ + server("proxy_set_header X-Name $name; add_header X-Also $name;"),
      ["/?who=me", "/?who=you", "/"]),
    NginxCase(
      "without a default", http: "map $arg_a $b { x y; }" + server("proxy_set_header X-B $b;"),
      ["/?a=x", "/?a=z"]),
    NginxCase(
      "in a redirect",
      http: """
        map $host $home { default example.test; a.test b.test; }
        server { listen 127.0.0.1:PORT; location / { return 302 https://$home$request_uri; } }
        """, [NginxRequest("/x", host: "a.test"), NginxRequest("/x?y", host: "c.test")]),
    NginxCase(
      "places of addresses",
      http: """
        geo $place { default far; 127.0.0.0/8 near; 127.0.0.1 here; 10.0.0.0/8 lan; }
        """ + server("proxy_set_header X-Place $place;"), ["/"]),
    NginxCase(
      "shares of callers",
      http: """
        split_clients $arg_id $variant { 20% a; 30.5% b; * c; }
        """ + server("proxy_set_header X-Variant $variant;"),
      (0..<24).map { NginxRequest("/?id=caller-\($0)") }),
  ]
}
