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
      "places of other addresses, of which the narrowest counts",
      http: """
        geo $arg_ip $place { default far; 10.0.0.0/8 lan; 10.1.0.0/16 inner; 10.1.2.3 one; 192.0.2.0/24 doc;
          198.51.100.0/24 twice; 198.51.100.0/24 again; 2001:db8::/32 six; 203.0.113.0/24 gone; delete 203.0.113.0/24;
          10.7.0.1 first; 10.7.0.1/32 second; }
        """ + server("proxy_set_header X-Place $place;"),
      [
        "/?ip=10.9.9.9", "/?ip=10.1.9.9", "/?ip=10.1.2.3", "/?ip=192.0.2.255", "/?ip=192.0.3.0",
        "/?ip=198.51.100.1", "/?ip=2001:db8::9", "/?ip=2001:db9::9", "/?ip=203.0.113.1",
        "/?ip=nonsense", "/", "/?ip=10.1.2.3:80", "/?ip=[2001:db8::9]", "/?ip=10.7.0.1",
      ]),
    NginxCase(
      "places by ranges",
      http: """
        geo $arg_ip $place { ranges; default far; 10.0.0.3-10.0.1.200 lan; 10.0.0.100-10.0.0.120 inner;
          10.0.0.110-10.0.0.110 one; 127.0.0.0-127.255.255.255 near; 192.0.2.0-192.0.2.255 doc;
          192.0.2.64-192.0.2.127 quarter; delete 127.0.0.0-127.255.255.255;
          198.51.100.0-198.51.100.255 outer; 198.51.100.128-198.51.100.255 cut; delete 198.51.100.128-198.51.100.255;
          203.0.113.0-203.0.113.255 kept; delete 203.0.113.0-203.0.113.9; }
        """ + server("proxy_set_header X-Place $place;"),
      [
        "/?ip=10.0.0.2", "/?ip=10.0.0.3", "/?ip=10.0.0.99", "/?ip=10.0.0.100", "/?ip=10.0.0.120",
        "/?ip=10.0.0.121", "/?ip=10.0.0.110", "/?ip=10.0.1.200", "/?ip=10.0.1.201",
        "/?ip=127.0.0.1",
        "/?ip=192.0.2.63", "/?ip=192.0.2.64", "/?ip=192.0.2.128", "/?ip=192.0.3.0", "/",
        "/?ip=198.51.100.1", "/?ip=198.51.100.200", "/?ip=203.0.113.1", "/?ip=203.0.113.99",
        "/?ip=10.0.0.110:80",
      ]),
    NginxCase(
      "places behind proxies",
      http: """
        geo $last { default far; proxy 127.0.0.0/8; proxy 10.0.0.0/8; 10.0.0.0/8 lan; 127.0.0.0/8 near; 192.0.2.0/24 doc; }
        geo $first { default far; proxy 127.0.0.0/8; proxy 10.0.0.0/8; proxy_recursive; 10.0.0.0/8 lan; 127.0.0.0/8 near; 192.0.2.0/24 doc; }
        geo $none { default far; proxy 192.0.2.0/24; 10.0.0.0/8 lan; 127.0.0.0/8 near; }
        """ + server("proxy_set_header X-Place \"$last $first $none\";"),
      [
        "/", NginxRequest("/", "X-Forwarded-For: 192.0.2.1"),
        NginxRequest("/", "X-Forwarded-For: 192.0.2.1, 10.0.0.1"),
        NginxRequest("/", "X-Forwarded-For: 192.0.2.1, 198.51.100.1, 10.0.0.1"),
        NginxRequest("/", "X-Forwarded-For: nonsense"),
        NginxRequest("/", "X-Forwarded-For: nonsense, 10.0.0.1"),
        NginxRequest("/", "X-Forwarded-For: 10.0.0.1"),
      ]),
    NginxCase(
      "shares of callers",
      http: """
        split_clients $arg_id $variant { 20% a; 30.5% b; * c; }
        """ + server("proxy_set_header X-Variant $variant;"),
      (0..<24).map { NginxRequest("/?id=caller-\($0)") }),
  ]
}
