import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// How many at a time and how early, before nginx and before this gateway.
  @Suite struct NginxLimitTests {
    private func echoing() throws -> ScriptedUpstream {
      try ScriptedUpstream.answering { NginxPair.answer(to: $0) }
    }

    private func get(
      _ port: UInt16, _ target: String, _ fields: String..., host: String = "localhost"
    ) throws -> Message {
      let lines = fields.map { "\($0)\r\n" }.joined()
      return try TestClient(port: port).exchange(
        "GET \(target) HTTP/1.1\r\nHost: \(host)\r\n\(lines)\r\n")
    }

    /// Answers when the gate opens, but at once where `/free` is asked for; sessions are echoed.
    private func waiting(at gate: Gate) throws -> ScriptedUpstream {
      try ScriptedUpstream { peer in
        while let request = try peer.readRequest() {
          if let key = request["Sec-WebSocket-Key"] {
            try peer.send(WebSocketPeer.accept(key))
            return try WebSocketPeer(peer.socket, peer.reader, masks: false).echo()
          }
          if !request.target.hasPrefix("/free") { gate.wait() }
          try peer.send(NginxPair.answer(to: request))
        }
      }
    }

    /// Two at a time from one address.
    @Test func manyAtOnce() throws {
      let gate = Gate()
      let upstream = try ScriptedUpstream { peer in
        while let request = try peer.readRequest() {
          if request.target != "/free" { gate.wait() }
          try peer.send(NginxPair.answer(to: request))
        }
      }
      let pair = try NginxPair(
        """
        limit_conn_zone $binary_remote_addr zone=addr:1m;
        server { listen 127.0.0.1:PORT; location / { limit_conn addr 2; proxy_pass http://TARGET; }
          location /free { proxy_pass http://TARGET; } }
        """, before: upstream)
      for port in pair.ports {
        let seen = upstream.requests.count
        let waiting = try (0..<2).map { _ in try TestClient(port: port) }
        for client in waiting { try client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n") }
        try waitUntil("both are with the target") { upstream.requests.count == seen + 2 }
        #expect(try get(port, "/wait").status == 503)
        #expect(try get(port, "/free").status == 200)
      }
      gate.open()
    }

    /// One in a minute: what comes of four requests at once.
    @Test(arguments: [
      ("burst=2", 1, 2), ("burst=2 delay=1", 2, 1), ("burst=2 nodelay", 3, 0),
      ("burst=1 delay=9", 2, 0),
    ])
    func whatIsTooEarlyWaits(options: String, answered: Int, waiting: Int) throws {
      let pair = try NginxPair(
        """
        limit_req_zone $binary_remote_addr zone=slow:1m rate=1r/m;
        server { listen 127.0.0.1:PORT; limit_req zone=slow \(options); location / { proxy_pass http://TARGET; } }
        """, before: echoing())
      for port in pair.ports {
        var clients = try (0..<4).map { _ in try TestClient(port: port) }
        for client in clients { try client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n") }
        var statuses: [Int] = []
        try waitUntil("all that do not wait are answered") {
          for (index, client) in clients.enumerated().reversed()
          where client.socket.isReadable(within: 0) {
            statuses.append(try client.reader.readResponse().status)
            clients.remove(at: index)
          }
          return clients.count <= waiting
        }
        #expect(statuses.count { $0 == 200 } == answered, "\(port) \(statuses)")
        #expect(statuses.count { $0 == 503 } == 4 - answered - waiting, "\(port) \(statuses)")
        #expect(clients.count == waiting)
      }
    }

    /// Two at a time from one address, three in all.
    @Test func manyAtOnceByTwoKeys() throws {
      let gate = Gate()
      let upstream = try ScriptedUpstream { peer in
        while let request = try peer.readRequest() {
          gate.wait()
          try peer.send(NginxPair.answer(to: request))
        }
      }
      let pair = try NginxPair(
        """
        limit_conn_zone $http_x_who zone=who:1m; limit_conn_zone $server_name zone=all:1m;
        server { listen 127.0.0.1:PORT; server_name a.test;
          location / { limit_conn who 2; limit_conn all 3; proxy_pass http://TARGET; } }
        """, before: upstream)
      var held: [TestClient] = []
      for port in pair.ports {
        let seen = upstream.requests.count
        for who in ["a", "a", "b"] {
          let client = try TestClient(port: port)
          try client.send("GET /wait HTTP/1.1\r\nHost: a\r\nX-Who: \(who)\r\n\r\n")
          held.append(client)
        }
        try waitUntil("all are with the target") { upstream.requests.count == seen + 3 }
        for who in ["a", "b", "c"] {
          #expect(try get(port, "/wait", "X-Who: \(who)").status == 503)
        }
      }
      gate.open()
    }

    /// One zone counts what all its locations and servers have, each up to its own number.
    @Test(arguments: ["$binary_remote_addr", "everybody"]) func aZoneIsOneCount(key: String) throws
    {
      let gate = Gate()
      let upstream = try waiting(at: gate)
      let pair = try NginxPair(
        """
        limit_conn_zone \(key) zone=all:1m;
        server { listen 127.0.0.1:PORT; server_name a.test;
          location /a { limit_conn all 2; proxy_pass http://TARGET; }
          location /wide { limit_conn all 4; proxy_pass http://TARGET; }
          location /free/ { limit_conn all 9; proxy_pass http://TARGET; } }
        server { listen 127.0.0.1:PORT; server_name b.test; limit_conn all 3;
          location / { proxy_pass http://TARGET; } }
        """, before: upstream)
      var held: [TestClient] = []
      for port in pair.ports {
        let seen = upstream.requests.count
        func status(_ host: String, _ path: String) throws -> Int {
          try get(port, path, host: host).status
        }
        func hold(_ host: String, _ path: String) throws {
          let client = try TestClient(port: port)
          try client.send("GET \(path) HTTP/1.1\r\nHost: \(host)\r\n\r\n")
          held.append(client)
        }
        try hold("a.test", "/a")
        try hold("a.test", "/wide")
        try waitUntil("two are with the target") { upstream.requests.count == seen + 2 }
        #expect(try status("a.test", "/a") == 503)
        try hold("b.test", "/a")
        try waitUntil("three are with the target") { upstream.requests.count == seen + 3 }
        #expect(try status("b.test", "/a") == 503)
        #expect(try status("a.test", "/free/") == 200)
        #expect(upstream.requests.count == seen + 4)
      }
      gate.open()
    }

    /// Servers are told apart by their first names; one without a name has an empty key and counts nobody.
    @Test func serversCountByName() throws {
      let gate = Gate()
      let upstream = try waiting(at: gate)
      let pair = try NginxPair(
        """
        limit_conn_zone $server_name zone=servers:1m; limit_conn servers 1;
        server { listen 127.0.0.1:PORT default_server; location / { proxy_pass http://TARGET; } }
        server { listen 127.0.0.1:PORT; server_name a.test; location / { proxy_pass http://TARGET; }
          location /x { proxy_pass http://TARGET; } }
        server { listen 127.0.0.1:PORT; server_name b.test; location / { proxy_pass http://TARGET; } }
        """, before: upstream)
      var held: [TestClient] = []
      for port in pair.ports {
        let seen = upstream.requests.count
        for host in ["a.test", "b.test", "none.test", "none.test"] {
          let client = try TestClient(port: port)
          try client.send("GET /wait HTTP/1.1\r\nHost: \(host)\r\n\r\n")
          held.append(client)
        }
        try waitUntil("all are with the target") { upstream.requests.count == seen + 4 }
        for path in ["/", "/x"] {
          #expect(try get(port, path, host: "a.test").status == 503, "\(port)")
        }
        #expect(try get(port, "/free", host: "none.test").status == 200)
      }
      gate.open()
    }

    /// A session counts until it ends, together with requests.
    @Test func sessionsAreConnections() throws {
      let gate = Gate()
      gate.open()
      let pair = try NginxPair(
        """
        limit_conn_zone $binary_remote_addr zone=addr:1m;
        server { listen 127.0.0.1:PORT; limit_conn addr 2;
          location /socket { proxy_pass http://TARGET; proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }
          location / { proxy_pass http://TARGET; } }
        """, before: try waiting(at: gate))
      for port in pair.ports {
        let first = try TestClient(port: port).open(path: "/socket")
        let second = try TestClient(port: port).open(path: "/socket")
        try first.send(text: "hello")
        #expect(try first.text() == "hello")
        #expect(try get(port, "/").status == 503)
        try second.sendClose(1000)
        while try second.read() != nil {}
        try waitUntil("a place") { try get(port, "/").status == 200 }
        try first.send(text: "still here")
        #expect(try first.text() == "still here")
      }
    }

    /// Keys that are made of several texts, or of any variable; what is nothing is not counted.
    @Test func anyTextMayBeCounted() throws {
      let pair = try NginxPair(
        """
        map $http_x_key $client { default ""; one client_one; two client_two; three $http_x_who; }
        limit_req_zone $client zone=client:1m rate=1r/m; limit_req_zone $binary_remote_addr$uri zone=uri:1m rate=1r/m;
        limit_req_zone $arg_a$cookie_b zone=both:1m rate=1r/m; limit_req_zone "$arg_a-$cookie_b" zone=text:1m rate=1r/m;
        limit_conn_zone $request_method$uri zone=conn:1m;
        server { listen 127.0.0.1:PORT; server_name a.test; limit_conn conn 5;
          location /client { limit_req zone=client; proxy_pass http://TARGET; }
          location /uri { limit_req zone=uri; proxy_pass http://TARGET; }
          location /both { limit_req zone=both; proxy_pass http://TARGET; }
          location /text { limit_req zone=text; proxy_pass http://TARGET; } }
        """, before: try echoing())
      let none = "X-None: 1"
      let sent = [
        ("/client", none), ("/client", none), ("/client", "X-Key: one"), ("/client", "X-Key: one"),
        ("/client", "X-Key: two"), ("/client", "X-Key: two"), ("/client", "X-Key: other"),
        ("/client", "X-Key: other"), ("/client", "X-Key: three"), ("/client", "X-Key: three"),
        ("/client", "X-Key: three\r\nX-Who: client_one"), ("/client", "X-Key: three\r\nX-Who: me"),
        ("/client", "X-Key: three\r\nX-Who: me"), ("/uri/a", none), ("/uri/a", none),
        ("/uri/b", none), ("/uri/b?c", none), ("/both", none), ("/both", none),
        ("/both?a=1", none), ("/both?a=1", none),
        ("/both", "Cookie: b=1"), ("/both?a=1", "Cookie: b=1"), ("/both?a=1", "Cookie: b=1"),
        ("/text", none), ("/text", none), ("/text?a=1", none), ("/text?a=1", "Cookie: b="),
      ]
      let statuses = try pair.ports.map { port in
        try sent.map { "\($0) \($1) \(try get(port, $0, $1).status)" }
      }
      #expect(statuses[0] == statuses[1])
      #expect(statuses[0].contains { $0.hasSuffix("503") })
    }

    /// Who has no such field has no key, and is not counted.
    @Test func withoutAFieldNobodyCounts() throws {
      let pair = try NginxPair(
        """
        limit_req_zone $http_x_who zone=who:1m rate=1r/m; limit_req_zone $server_name zone=names:1m rate=1r/m;
        server { listen 127.0.0.1:PORT; location / { limit_req zone=who burst=1 nodelay; proxy_pass http://TARGET; }
          location /names { limit_req zone=names; proxy_pass http://TARGET; } }
        """, before: try echoing())
      for port in pair.ports {
        let none = try (0..<5).map { _ in try get(port, "/").status }
        #expect(none == [200, 200, 200, 200, 200])
        let empty = try (0..<4).map { _ in try get(port, "/", "X-Who:").status }
        #expect(empty == [200, 200, 200, 200])
        let named = try (0..<4).map { _ in try get(port, "/", "X-Who: a").status }
        #expect(named == [200, 200, 503, 503])
        #expect(try get(port, "/", "X-Who: b").status == 200)
        let nameless = try (0..<3).map { _ in try get(port, "/names").status }
        #expect(nameless == [200, 200, 200])
      }
    }

    /// Wrong passwords count: nobody guesses faster than the limit.
    @Test func wrongPasswordsAreCounted() throws {
      let users = FileManager.default.temporaryDirectory
        .appendingPathComponent("sluice-\(UUID().uuidString).users")
      try "alice:{PLAIN}secret\n".write(to: users, atomically: true, encoding: .utf8)
      defer { try? FileManager.default.removeItem(at: users) }
      let pair = try NginxPair(
        """
        limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m;
        server { listen 127.0.0.1:PORT; location / { auth_basic x; auth_basic_user_file USERS;
          limit_req zone=one burst=2 nodelay; proxy_pass http://TARGET; } }
        """, before: try echoing(), values: ["USERS": users.path])
      for port in pair.ports {
        let statuses = try (0..<6).map { _ in
          try get(port, "/", "Authorization: Basic YWxpY2U6d3Jvbmc=").status
        }
        #expect(statuses == [401, 401, 401, 503, 503, 503], "\(port)")
      }
    }
  }
}
