import SluiceConfiguration
import Testing

extension Scenarios {
  /// What callers could say of themselves, beside nginx.
  @Suite struct NginxProxyProtocolTests {
    private func echoing() throws -> ScriptedUpstream {
      try ScriptedUpstream.answering { NginxPair.answer(to: $0) }
    }

    /// Behind a PROXY header forged fields say nothing, whatever address it has.
    @Test(arguments: [
      ("", "$proxy_protocol_addr"),
      (
        "set_real_ip_from 127.0.0.0/8; real_ip_header proxy_protocol; deny 192.0.2.66;",
        "$remote_addr $proxy_protocol_addr"
      ),
      (
        "set_real_ip_from 127.0.0.0/8; real_ip_header proxy_protocol; allow 192.0.2.1; deny all;",
        "$remote_addr"
      ),
    ])
    func callersDoNotNameThemselves(directives: String, seen: String) throws {
      let pair = try NginxPair(
        """
        server { listen 127.0.0.1:PORT proxy_protocol; \(directives)
          location / { proxy_pass http://TARGET; proxy_set_header X-Seen "\(seen)"; } }
        """, before: echoing())
      let fields = [
        "X-None: 1", "X-Real-IP: 192.0.2.1", "X-Forwarded-For: 192.0.2.1",
        "X-Forwarded-For: 192.0.2.66", "None: 192.0.2.1",
      ]
      for source in ["192.0.2.1", "192.0.2.66", "127.0.0.9"] {
        for field in fields {
          let results = try pair.ports.map { port in
            let count = pair.upstream.requests.count
            let client = try TestClient(port: port)
            try client.send("PROXY TCP4 \(source) 192.0.2.2 4711 80\r\n")
            let response = try client.exchange("GET / HTTP/1.1\r\nHost: a\r\n\(field)\r\n\r\n")
            return ["\(response.status)"]
              + pair.upstream.requests.dropFirst(count).map { $0["X-Seen"] ?? "none" }
          }
          #expect(results[1] == results[0], "\(source) \(field)")
          #expect(results[0].count == (results[0][0] == "200" ? 2 : 1))
        }
      }
    }

    /// One in a minute for a name, however it is written.
    @Test func aHostIsCountedOnce() throws {
      let pair = try NginxPair(
        """
        limit_req_zone $host zone=host:1m rate=1r/m;
        server { listen 127.0.0.1:PORT; limit_req zone=host; location / { proxy_pass http://TARGET; } }
        """, before: echoing())
      let hosts = [
        "example.test", "eXample.test", "example.test:1", "example.test:8080", "EXAMPLE.TEST.",
        "other.test:1", "other.test",
      ]
      let results = try pair.ports.map { port in
        try hosts.map { host in
          try TestClient(port: port).exchange("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n").status
        }
      }
      #expect(results[0] == [200, 503, 503, 503, 503, 200, 503])
      #expect(results[1] == results[0])
    }

    /// A zone with one text for everybody is one for all servers, one by the server's name is not.
    @Test func oneTextIsCountedOverAllServers() throws {
      let pair = try NginxPair(
        """
        map $http_x_free $all { default everybody; 1 ""; }
        limit_req_zone $all zone=all:1m rate=1r/m; limit_req_zone $server_name zone=each:1m rate=1r/m;
        server { listen 127.0.0.1:PORT; server_name a.test;
          location / { limit_req zone=all; proxy_pass http://TARGET; }
          location /each { limit_req zone=each; proxy_pass http://TARGET; } }
        server { listen 127.0.0.1:PORT; server_name b.test;
          location / { limit_req zone=all; proxy_pass http://TARGET; }
          location /each { limit_req zone=each; proxy_pass http://TARGET; } }
        """, before: echoing())
      let sent = [
        ("/", "a.test", ""), ("/", "b.test", ""), ("/", "a.test", "1"), ("/", "b.test", "1"),
        ("/each", "a.test", ""), ("/each", "b.test", ""), ("/each", "b.test", ""),
      ]
      let results = try pair.ports.map { port in
        try sent.map { path, host, free in
          try TestClient(port: port).exchange(
            "GET \(path) HTTP/1.1\r\nHost: \(host)\r\nX-Free: \(free)\r\n\r\n"
          ).status
        }
      }
      #expect(results[0] == [200, 503, 200, 200, 200, 200, 503])
      #expect(results[1] == results[0])
    }
  }
}
