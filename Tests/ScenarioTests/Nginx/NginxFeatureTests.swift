import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// What takes more than the same requests one after the other to compare with nginx.
  @Suite struct NginxFeatureTests {
    private let authority = TestAuthority()

    /// What both do; the real one's first.
    private func both<T>(_ pair: NginxPair, _ body: (UInt16) throws -> T) throws -> (T, T) {
      let results = try pair.ports.map(body)
      return (results[0], results[1])
    }

    private func echoing(_ tls: TestTLSSettings? = nil) throws -> ScriptedUpstream {
      try ScriptedUpstream.answering(tls: tls) { NginxPair.answer(to: $0) }
    }

    /// A file that goes with the test's authority.
    private func file(_ name: String, _ text: String) throws -> String {
      let url = authority.directory.appendingPathComponent(name)
      try text.write(to: url, atomically: true, encoding: .utf8)
      return url.path
    }

    private func get(
      _ port: UInt16, _ target: String, _ fields: String..., tls: TestTLSSettings? = nil
    ) throws -> Message {
      let lines = fields.map { "\($0)\r\n" }.joined()
      return try TestClient(port: port, tls).exchange(
        "GET \(target) HTTP/1.1\r\nHost: localhost\r\n\(lines)\r\n")
    }

    // MARK: TLS

    @Test func callersByTLS() throws {
      let own = authority.issue("localhost", names: ["DNS:localhost"])
      let pair = try NginxPair(
        """
        server { listen 127.0.0.1:PORT ssl; ssl_certificate CERTIFICATE; ssl_certificate_key KEY;
          ssl_protocols TLSv1.2 TLSv1.3;
          location / { proxy_pass http://TARGET; proxy_set_header X-Scheme "$scheme $https"; }
          location /r { return 301 /x; } }
        """, before: echoing(), values: ["CERTIFICATE": own.certificate, "KEY": own.key])
      let caller = TestTLSSettings(trusting: authority)
      for target in ["/a?b", "/r"] {
        let (before, after) = try both(pair) { port in
          let seen = pair.upstream.requests.count
          let response = try get(port, target, tls: caller)
          return NginxExchange(
            requests: Array(pair.upstream.requests.dropFirst(seen)), response: response,
            ignoring: ["location"]
          ).description + (response["Location"]?.hasPrefix("https://localhost") ?? true).description
        }
        #expect(after == before)
        #expect(before.contains("true"))
      }
    }

    /// What variables tell of a caller's TLS.
    @Test func variablesTellOfTLS() throws {
      let own = authority.issue("localhost", names: ["DNS:localhost"])
      let alice = authority.issue("alice")
      let pair = try NginxPair(
        """
        map $ssl_client_s_dn $who { default other; ~CN=alice alice; "" nobody; }
        server { listen 127.0.0.1:PORT ssl; ssl_certificate CERTIFICATE; ssl_certificate_key KEY;
          ssl_protocols TLSv1.2 TLSv1.3; ssl_client_certificate AUTHORITY; ssl_verify_client optional;
          location / { proxy_pass http://TARGET;
            proxy_set_header X-TLS "$ssl_protocol $ssl_cipher $ssl_server_name $ssl_session_reused";
            proxy_set_header X-Name "$ssl_client_verify $ssl_client_s_dn $ssl_client_i_dn $who";
            proxy_set_header X-Numbers "$ssl_client_serial $ssl_client_fingerprint $ssl_client_v_end"; }
          location /closed { if ($ssl_client_verify != SUCCESS) { return 403; } return 204; } }
        """, before: echoing(),
        values: [
          "CERTIFICATE": own.certificate, "KEY": own.key, "AUTHORITY": authority.path,
        ])
      let version12 = Int32(0x0303)
      let callers = [
        TestTLSSettings(trusting: authority), TestTLSSettings(trusting: authority, identity: alice),
        TestTLSSettings(trusting: authority, identity: alice, version: version12),
      ]
      for caller in callers {
        let (before, after) = try both(pair) { port in
          _ = try get(port, "/a", tls: caller)
          let seen = try #require(pair.upstream.requests.last)
          return try ["X-TLS", "X-Name", "X-Numbers"].map { seen[$0] ?? "" }
            + ["\(get(port, "/closed", tls: caller).status)"]
        }
        #expect(after == before)
        #expect(before[0].hasPrefix("TLSv1."))
      }
    }

    /// Also with a certificate that the target asks for.
    @Test func targetsByTLS() throws {
      let own = authority.issue("localhost", names: ["DNS:localhost"])
      let client = authority.issue("gateway")
      let upstream = try echoing(TestTLSSettings(server: own, callersOf: authority))
      let pair = try NginxPair(
        """
        server { listen 127.0.0.1:PORT; proxy_ssl_verify on; proxy_ssl_trusted_certificate AUTHORITY;
          proxy_ssl_name localhost; proxy_ssl_server_name on;
          proxy_ssl_certificate CERTIFICATE; proxy_ssl_certificate_key KEY;
          location / { proxy_pass https://TARGET; }
          location /wrong { proxy_ssl_name other.test; proxy_pass https://TARGET; } }
        """, before: upstream,
        values: ["AUTHORITY": authority.path, "CERTIFICATE": client.certificate, "KEY": client.key])
      let (before, after) = try both(pair) { port in
        [try get(port, "/a"), try get(port, "/wrong")].map(\.status)
      }
      #expect(before == [200, 502] && after == before)
      #expect(upstream.requests.map(\.target) == ["/a", "/a"])
    }

    // MARK: Who calls

    @Test func theCallersAddressComesFromAField() throws {
      let pair = try NginxPair(
        """
        server { listen 127.0.0.1:PORT; set_real_ip_from 127.0.0.0/8; set_real_ip_from 10.0.0.0/8;
          real_ip_header X-Forwarded-For; real_ip_recursive on; deny 192.0.2.66;
          location / { proxy_pass http://TARGET; proxy_set_header X-Real-IP $remote_addr;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; } }
        """, before: echoing())
      for value in [
        "192.0.2.1", "192.0.2.1, 10.0.0.1", "192.0.2.66", "192.0.2.66, 192.0.2.1", "10.1.1.1",
        "nonsense", "192.0.2.1, nonsense", "2001:db8::1",
      ] {
        let (before, after) = try both(pair) { port in
          let seen = pair.upstream.requests.count
          let status = try get(port, "/a", "X-Forwarded-For: \(value)").status
          return ["\(status)"]
            + pair.upstream.requests.dropFirst(seen).map { "\($0["X-Real-IP"] ?? "")" }
        }
        #expect(after == before, "\(value)")
      }
    }

    @Test(arguments: [
      ("real_ip_header X-Real-IP;", "X-Real-IP"), ("", "X-Real-IP"),
      ("real_ip_header X-Real-IP; real_ip_recursive on;", "X-Real-IP"),
      ("real_ip_header X-Caller;", "X-Caller"),
      ("real_ip_header X-Forwarded-For;", "X-Forwarded-For"),
    ])
    func theCallersAddressComesFromAnyField(directives: String, field: String) throws {
      let pair = try NginxPair(
        """
        server { listen 127.0.0.1:PORT; set_real_ip_from 127.0.0.0/8; set_real_ip_from 10.0.0.0/8; \(directives)
          location / { proxy_pass http://TARGET; proxy_set_header X-Seen "$remote_addr $realip_remote_addr"; } }
        """, before: echoing())
      for value in ["", "192.0.2.1", "192.0.2.1, 10.0.0.1", "192.0.2.1,198.51.100.1", "nonsense"] {
        let (before, after) = try both(pair) { port in
          _ = try get(port, "/a", value.isEmpty ? "X-None: 1" : "\(field): \(value)")
          return pair.upstream.requests.last?["X-Seen"]
        }
        #expect(after == before, "\(value)")
      }
    }

    @Test func passwordsAndAddresses() throws {
      let users = try file("users", NginxCase.users)
      let pair = try NginxPair(
        """
        server { listen 127.0.0.1:PORT; auth_basic "who?"; auth_basic_user_file USERS;
          location / { proxy_pass http://TARGET; proxy_set_header X-User $remote_user; }
          location /open { auth_basic off; proxy_pass http://TARGET; }
          location /any { satisfy any; allow 127.0.0.1; deny all; proxy_pass http://TARGET; }
          location /other { satisfy any; allow 10.0.0.1; deny all; proxy_pass http://TARGET; }
          location /all { allow 10.0.0.1; deny all; proxy_pass http://TARGET; } }
        """, before: echoing(), values: ["USERS": users])
      let right = "Authorization: Basic \(Data("alice:secret".utf8).base64EncodedString())"
      let colon = "Authorization: Basic \(Data("bob:hidden:too".utf8).base64EncodedString())"
      let wrong = "Authorization: Basic \(Data("alice:other".utf8).base64EncodedString())"
      for path in ["/a", "/open", "/any", "/other", "/all"] {
        let digests = [
          "carol:sixth", "carol:other", "dave:salted", "dave:later", "erin:secret", "erin:secrets",
          "frank:secret", "frank:", "grace:secret", "grace:secreT",
        ].map {
          "Authorization: Basic \(Data($0.utf8).base64EncodedString())"
        }
        for field in ["X-None: 1", right, colon, wrong, "Authorization: Basic ??"] + digests {
          let (before, after) = try both(pair) { port in
            let seen = pair.upstream.requests.count
            let response = try get(port, path, field)
            let realm = response["WWW-Authenticate"]?.contains("realm=\"who?\"") ?? false
            // nginx asks for the address first, this gateway for the password.
            if path == "/all" { return ["\([401, 403].contains(response.status))"] }
            return ["\(response.status) \(realm)"]
              + pair.upstream.requests.dropFirst(seen).map {
                "\($0["X-User"] ?? "") \($0["Authorization"] ?? "")"
              }
          }
          #expect(after == before, "\(path) \(field)")
        }
      }
    }

    /// Who stands in one of two files comes in where that one counts.
    @Test func severalFilesOfPasswords() throws {
      let one = try file("one", "alice:{PLAIN}secret\nboth:{PLAIN}same\n")
      let two = try file("two", "bob:$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0\nboth:{PLAIN}same\n")
      let pair = try NginxPair(
        """
        server { listen 127.0.0.1:PORT; auth_basic "who?"; auth_basic_user_file ONE;
          location / { proxy_pass http://TARGET; }
          location /two { auth_basic_user_file TWO; proxy_pass http://TARGET; }
          location /any { auth_basic_user_file TWO; satisfy any; allow 127.0.0.1; deny all; proxy_pass http://TARGET; } }
        """, before: echoing(), values: ["ONE": one, "TWO": two])
      for path in ["/a", "/two", "/any"] {
        for user in ["alice:secret", "bob:secret", "both:same", "both:other", "none:secret", ""] {
          let field = "Authorization: Basic \(Data(user.utf8).base64EncodedString())"
          let (before, after) = try both(pair) { port in try get(port, path, field).status }
          #expect(after == before, "\(path) \(user)")
        }
      }
    }

    /// Also with fields that are made of the request, and with names of their own for what it answers.
    @Test func anotherServiceIsAsked() throws {
      let door = try ScriptedUpstream.answering { request in
        let isRight = request["X-Token"] == "right"
        let status = isRight ? 204 : request["X-Token"] == "never" ? 403 : 401
        return "HTTP/1.1 \(status) Said\r\nX-User: somebody\r\nX-Auth-Email: some@body\r\n"
          + "Set-Cookie: renewed=1\r\nX-Asked: \(request["X-Original"] ?? "none")\r\n"
          + (status == 204 ? "\r\n" : "Content-Length: 0\r\n\r\n")
      }
      let pair = try NginxPair(
        """
        server { listen 127.0.0.1:PORT;
          location = /auth { internal; proxy_pass http://DOOR/verify; proxy_pass_request_body off;
            proxy_set_header Content-Length ""; proxy_set_header X-Gone "";
            deny all; proxy_intercept_errors on; error_page 401 403 /page; proxy_hide_header X-User;
            proxy_set_header X-Original "$request_method $scheme://$http_host$request_uri"; }
          location = /page { return 204; }
          location / { auth_request /auth; auth_request_set $who $upstream_http_x_user;
            auth_request_set $email ${upstream_http_x_auth_email}; auth_request_set $set $upstream_http_set_cookie;
            auth_request_set $asked $upstream_http_x_asked; auth_request_set $back $scheme://$http_host$request_uri;
            proxy_set_header X-User $who; proxy_set_header X-Email $email; proxy_set_header X-Asked $asked;
            proxy_set_header X-Back $back; add_header Set-Cookie $set; proxy_pass http://TARGET; } }
        """,
        before: echoing(), values: ["DOOR": "127.0.0.1:\(door.port)"])
      for token in ["right", "never", "wrong"] {
        let (before, after) = try both(pair) { port in
          let seen = pair.upstream.requests.count
          let response = try get(
            port, "/a?b=c", "X-Token: \(token)", "X-User: forged", "X-Email: forged", "X-Gone: 1")
          let cookies = response.status == 200 ? response.values("Set-Cookie") : []
          return ["\(response.status) \(cookies)"]
            + pair.upstream.requests.dropFirst(seen).map { request in
              "\(["X-User", "X-Email", "X-Asked", "X-Back", "X-Gone"].map { request.values($0) })"
            }
        }
        #expect(after == before, "\(token)")
      }
      #expect(Set(door.requests.map(\.target)) == ["/verify"])
      #expect(door.requests.count == 6)
      #expect(door.requests.allSatisfy { $0["X-Gone"] == nil })
    }

    // MARK: gRPC

    /// What the target gets of a call, and the caller of its answer, trailers among it.
    /// What is left of `grpc-timeout` is passed on here, which is not what the caller sent.
    @Test func callsOfGRPC() throws {
      let upstream = try ScriptedUpstream.http2 { peer in
        let request = try peer.request(1)
        let seen = ["te", "content-type", "x-host", "x-gone", "x-kept", "grpc-timeout", ":path"]
          .map { name in
            let value = request[name] ?? "none"
            return "\(name)=\(name == "grpc-timeout" && value != "none" ? "some" : value)"
          }
          .joined(separator: " ")
        try peer.send(
          .headers(
            1, [(":status", "200"), ("content-type", "application/grpc"), ("x-seen", seen)],
            end: false),
          .data(1, request.body),
          .headers(1, [("grpc-status", "5"), ("grpc-message", "none")]))
        try peer.readToEnd()
      }
      let pair = try NginxPair(
        """
        server { listen 127.0.0.1:PORT http2;
          location / { grpc_pass grpc://TARGET; grpc_set_header X-Host $host; grpc_set_header X-Gone ""; } }
        """, before: upstream)
      let message: [UInt8] = [0, 0, 0, 0, 5] + Array("hello".utf8)
      let (before, after) = try both(pair) { port in
        let client = try HTTP2Client(port: port)
        let id = try client.begin(
          "POST", "/demo.Echo/Unary",
          [
            ("content-type", "application/grpc"), ("te", "trailers"), ("grpc-timeout", "9S"),
            ("x-gone", "1"), ("x-kept", "2"),
          ], end: false)
        try client.send(.data(id, message, end: true))
        let response = try client.response(id)
        return [
          response["x-seen"] ?? "nothing", "\(response.body == message)",
          "\(response.heads.last?.map { "\($0.name)=\($0.value)" } ?? [])",
        ]
      }
      #expect(after == before)
      #expect(before[1] == "true" && before[0].contains("x-kept=2"))
    }

    // MARK: Balancing

    @Test(arguments: ["", "least_conn;"]) func weightsAreKept(method: String) throws {
      let others = try (0..<2).map { _ in try echoing() }
      let pair = try NginxPair(
        """
        upstream three { \(method) server TARGET weight=3; server FIRST; server SECOND weight=2; server DEAD down; }
        server { listen 127.0.0.1:PORT; location / { proxy_pass http://three; } }
        """, before: echoing(),
        values: [
          "FIRST": "127.0.0.1:\(others[0].port)", "SECOND": "127.0.0.1:\(others[1].port)",
        ])
      let all = [pair.upstream] + others
      let (before, after) = try both(pair) { port in
        let seen = all.map(\.requests.count)
        let statuses = try (0..<24).map { _ in try get(port, "/a").status }
        #expect(Set(statuses) == [200])
        return zip(all, seen).map { $0.requests.count - $1 }
      }
      #expect(before == [12, 4, 8])
      #expect(after == before)
    }

    /// One that is listed twice gets twice as much.
    @Test func aTargetIsListedTwice() throws {
      let other = try echoing()
      let pair = try NginxPair(
        """
        upstream three { server TARGET; server OTHER; server TARGET; }
        server { listen 127.0.0.1:PORT; location / { proxy_pass http://three; } }
        """, before: echoing(), values: ["OTHER": "127.0.0.1:\(other.port)"])
      let (before, after) = try both(pair) { port in
        let seen = pair.upstream.requests.count
        let statuses = try (0..<12).map { _ in try get(port, "/a").status }
        #expect(Set(statuses) == [200])
        return pair.upstream.requests.count - seen
      }
      #expect(before == 8 && after == before)
    }

    /// How often three targets are asked that all answer in the same way.
    @Test func anotherTargetForSomeStatuses() throws {
      let all = try (0..<3).map { _ in try echoing() }
      let pair = try NginxPair(
        """
        upstream three { server TARGET max_fails=0; server SECOND max_fails=0; server THIRD max_fails=0; }
        server { listen 127.0.0.1:PORT; proxy_next_upstream error timeout http_502 http_404;
          location / { proxy_pass http://three; }
          location /two { proxy_next_upstream_tries 2; proxy_pass http://three; }
          location /off { proxy_next_upstream off; proxy_pass http://three; }
          location /late { proxy_next_upstream_timeout 1m; proxy_pass http://three; }
          location /all { proxy_next_upstream http_502 non_idempotent; proxy_pass http://three; } }
        """, before: all[0],
        values: ["SECOND": "127.0.0.1:\(all[1].port)", "THIRD": "127.0.0.1:\(all[2].port)"])
      let sent = [
        ("GET", "/a"), ("GET", "/status-502"), ("GET", "/status-404"), ("GET", "/status-503"),
        ("GET", "/two/status-502"), ("GET", "/off/status-502"), ("GET", "/late/status-502"),
        ("GET", "/all/status-502"), ("POST", "/status-502"), ("POST", "/all/status-502"),
        ("PUT", "/status-502"), ("DELETE", "/status-502"),
      ]
      let (before, after) = try both(pair) { port in
        try sent.map { method, target in
          let seen = all.map(\.requests.count)
          let response = try TestClient(port: port).exchange(
            "\(method) \(target) HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody")
          let asked = zip(all, seen).flatMap { $0.requests.dropFirst($1) }
          return "\(method) \(target) \(response.status) \(response.text) \(asked.map(\.text))"
        }
      }
      #expect(after == before)
      #expect(before[1].hasSuffix("[\"body\", \"body\", \"body\"]"))
    }

    // MARK: What is remembered

    /// How often the target is asked.
    @Test func theCache() throws {
      let pair = try NginxPair(
        """
        proxy_cache_path FOLDER keys_zone=one:1m;
        server { listen 127.0.0.1:PORT; proxy_cache one; proxy_cache_valid 200 10m; proxy_cache_valid 404 5m;
          proxy_cache_key $scheme$proxy_host$request_uri$http_x_kind; proxy_cache_bypass $http_x_fresh $arg_fresh;
          location / { proxy_pass http://TARGET; }
          location /ruled { proxy_cache_valid 0s; proxy_pass http://TARGET; }
          location /never { proxy_cache off; proxy_pass http://TARGET; } }
        """, before: echoing(),
        values: ["FOLDER": authority.directory.appendingPathComponent("cache").path])
      let (kind, fresh) = ("X-Kind: other", "X-Fresh: 1")
      let (own, short) = ("X-Reply: Cache-Control: private", "X-Reply: Cache-Control: max-age=600")
      // Each twice, so that the second may be answered without the target.
      let sent = [
        ["/a"], ["/a?b"], ["/never"], ["/status-404"], ["/status-500"], ["/a", kind],
        ["/a", fresh],
        ["/a"], ["/a?fresh=1"], ["/private", own], ["/ruled", short],
      ].flatMap { [$0, $0] }
      let (before, after) = try both(pair) { port in
        try sent.map { request in
          let seen = pair.upstream.requests.count
          let response =
            request.count > 1 ? try get(port, request[0], request[1]) : try get(port, request[0])
          return
            "\(request) \(response.status) \(response.text) asked \(pair.upstream.requests.count - seen)"
        }
      }
      #expect(after == before)
      #expect(before.contains { $0.hasSuffix("asked 0") })
    }

    // MARK: Compression

    @Test func compressedBodiesMeanTheSame() throws {
      let pair = try NginxPair(
        """
        server { listen 127.0.0.1:PORT; gzip on; gzip_types text/plain application/json; gzip_min_length 100;
          gzip_vary on; gzip_proxied any; location / { proxy_pass http://TARGET; } }
        """,
        before: try ScriptedUpstream.answering { request in
          let body = String(repeating: "some text ", count: Int(request["X-Count"] ?? "") ?? 1)
          return "HTTP/1.1 200 OK\r\nContent-Type: \(request["X-Type"] ?? "text/plain")\r\n"
            + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
        })
      for accepted in ["gzip", "br, gzip;q=0.5", "identity", "gzip;q=0"] {
        for (count, type) in [
          (100, "text/plain"), (1, "text/plain"), (100, "image/png"),
          (100, "application/json; charset=utf-8"),
        ] {
          let (before, after) = try both(pair) { port in
            let response = try get(
              port, "/a", "Accept-Encoding: \(accepted)", "X-Count: \(count)", "X-Type: \(type)")
            let coding = response["Content-Encoding"]
            let body = coding.map { Decoding.decode(response.body, $0) } ?? response.body
            return ["\(coding ?? "none")", "\(response["Vary"] ?? "none")", "\(body.count)"]
          }
          #expect(after == before, "\(accepted) \(count) \(type)")
        }
      }
    }
  }
}
