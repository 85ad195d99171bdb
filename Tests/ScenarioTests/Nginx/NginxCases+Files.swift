extension NginxCases {
  /// Whole files, as they are in use.
  static let files: [NginxCase] = [
    NginxCase(
      "microservices",
      http: #"""
          upstream users { server TARGET max_fails=2 fail_timeout=5s; keepalive 16; }
          upstream orders { least_conn; server TARGET; }
          upstream orders_next { server TARGET; }
          upstream pages { server TARGET; }
          upstream auth { server TARGET; }

          # One caller in ten sees the next version, and who asks for it.
          split_clients "${remote_addr}" $lot { 10% orders_next; * orders; }
          map $http_x_release $orders_release { default $lot; next orders_next; stable orders; }
          map $orders_release $orders_upstream { default orders; orders_next orders_next; }

          # Machines of ours are not counted.
          geo $ours { default 0; 10.0.0.0/8 1; }
          map $ours $counted { 0 $binary_remote_addr; 1 ""; }
          limit_req_zone $counted zone=callers:10m rate=50r/s;
          limit_conn_zone $binary_remote_addr zone=connections:10m;

          map $http_user_agent $is_bad { default 0; "~*(sqlmap|nikto)" 1; "" 1; }
          map "$request_method:$http_x_maintenance" $is_closed { default 0; "~^(POST|PUT|DELETE):on$" 1; }

          proxy_set_header Host $host;
          
          proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
          proxy_set_header X-Forwarded-Proto $scheme;
          proxy_intercept_errors on;

          server {
            listen 127.0.0.1:PORT default_server;
            server_name api.example.com;
            client_max_body_size 5m;
            error_page 404 /errors/404;
            error_page 500 502 503 504 /errors/50x;
            error_page 429 = @slow_down;

            if ($is_bad) { return 403; }
            rewrite ^/v1/(.*)$ /$1 last;

            location /users/ {
              auth_request /_auth;
              auth_request_set $user $upstream_http_x_user;
              proxy_set_header Host $host;
              proxy_set_header X-User $user;
              proxy_pass http://users/;
            }
            location /orders/ {
              limit_req zone=callers burst=100 nodelay;
              limit_req_status 429;
              limit_conn connections 50;
              if ($is_closed) { return 503; }
              proxy_pass http://$orders_upstream;
            }
            location ~ "^/reports/(?<year>\d{4})/(?<name>[a-z-]+)\.pdf$" {
              proxy_pass http://orders/render/$name?year=$year;
            }
            location /errors/ { internal; proxy_intercept_errors off; proxy_pass http://pages; }
            location @slow_down { default_type application/json; return 429 '{"error":"slow down"}'; }
            location = /_auth { internal; proxy_pass http://auth/verify; }
            location = /health { access_log off; return 200 "ok\n"; }
          }
        """#,
      [
        NginxRequest("/orders/1?a=b", "User-Agent: curl"),
        NginxRequest("/v1/orders/2", "User-Agent: curl"),
        NginxRequest("/orders/status-404", "User-Agent: curl"),
        NginxRequest("/orders/status-500", "User-Agent: curl"),
        NginxRequest("/reports/2024/year-end.pdf", "User-Agent: curl"),
        NginxRequest("/reports/2024/x.txt", "User-Agent: curl"),
        NginxRequest("/v1/v1/orders/3", "User-Agent: curl"),
        NginxRequest("/errors/404", "User-Agent: curl"),
        NginxRequest("/health", "User-Agent: curl"), NginxRequest("/nowhere", "User-Agent: curl"),
        NginxRequest("/v1/health", "User-Agent: curl"), "/health",
        NginxRequest("/orders/1", "User-Agent: Nikto/2"),
        NginxRequest("/orders/1", method: "DELETE", "User-Agent: c", "X-Maintenance: on"),
        NginxRequest("/orders/1", method: "POST", "User-Agent: c", body: "x"),
        NginxRequest("/orders/9", "User-Agent: c", "X-Release: next"),
      ]),
    NginxCase(
      "maintenance", http: shop(),
      [
        NginxRequest("/a?b", host: "www.example.com"), NginxRequest("/a", host: "shop.example.com"),
        NginxRequest("/status-503", host: "example.com"),
        NginxRequest(
          "/status-302", host: "example.com", "X-Reply: Location: http://shop.internal:80/q",
          "X-Reply: Set-Cookie: a=b; Domain=.shop.internal"),
        NginxRequest("/pages/x", host: "example.com"),
      ]),
    NginxCase(
      "closed", http: shop(isClosed: true),
      [
        NginxRequest("/a", host: "example.com"),
        NginxRequest("/a", host: "example.com", "Cookie: preview=yes"),
        NginxRequest("/b", host: "www.example.com"),
      ]),
    NginxCase(
      "away", http: shop(at: "DEAD"),
      [NginxRequest("/a", host: "example.com"), NginxRequest("/pages/x", host: "example.com")]),
    NginxCase(
      "a websocket front and an SPA",
      http: #"""

        upstream app { server TARGET; keepalive 8; }
        map $http_upgrade $connection_upgrade { default upgrade; '' close; }
        server { listen 127.0.0.1:PORT; server_name _;
          underscores_in_headers on; large_client_header_buffers 4 16k; keepalive_timeout 65; server_tokens off;
          location ~* \.(js|css|png)$ { expires 30d; add_header Cache-Control public; proxy_pass http://app; access_log off; }
          location ^~ /socket.io/ { proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; proxy_set_header Host $host; proxy_pass http://app; proxy_read_timeout 1d; proxy_buffering off; }
          location = / { return 302 /app/; }
          location /app/ { rewrite ^/app/(.*)$ /$1 break; proxy_pass http://app; proxy_set_header X-Script-Name /app; }
          location /api { proxy_pass http://app; }
        }
        """#, ignoring: ["expires"],
      ["/", "/app/x?y", "/app/", "/a.js", "/app/b.png", "/socket.io/?a=b", "/api/x", "/zzz"]),
  ]

  /// A shop that can be closed, with pages for callers meanwhile.
  private static func shop(at target: String = "TARGET", isClosed: Bool = false) -> String {
    #"""
    upstream shop { server \#(target); }
    upstream pages { server TARGET; }

    geo $is_office { default 0; 192.0.2.0/24 1; }

    server {
      listen 127.0.0.1:PORT;
      server_name .example.com;
      set $closed \#(isClosed ? 1 : 0);
      error_page 503 @closed;
      error_page 502 504 =503 /pages/away.html;

      if ($host ~* ^www\.(?<bare>.+)$) { return 301 $scheme://$bare$request_uri; }

      location / {
        set $shut $closed;
        if ($is_office) { set $shut 0; }
        if ($cookie_preview = "yes") { set $shut 0; }
        if ($shut) { return 503; }
        proxy_pass http://shop;
        proxy_set_header Host $host;
        proxy_redirect ~^http://shop\.internal(:\d+)?/(.*)$ $scheme://$host/$2;
        proxy_cookie_domain ~\.?internal$ example.com;
      }
      location /pages/ { internal; proxy_pass http://pages/; }
      location @closed {
        add_header Retry-After 600 always;
        return 503 "Closed for a while.\n";
      }
    }
    """#
  }
}
