import Foundation
import SluiceConfiguration
import Testing

@testable import SluiceImport

/// What becomes of a file as a whole, and what is said about it.
@Suite struct NginxConverterTests {
  private func convert(_ text: String, files: [String: String] = [:]) -> Conversion {
    NginxConverter.convert(text, file: "f") { name in
      files[name].map { .success([IncludedFile(name: name, text: $0)]) }
        ?? .failure(IncludeProblem("there is no such file"))
    }
  }

  private func read(_ text: String) throws -> Configuration {
    let conversion = convert(text)
    #expect(!conversion.hasErrors, "\(conversion.diagnostics)")
    let result = ConfigurationReader.read(contentsOf: conversion.yaml().text, file: "y")
    return try #require(result.configuration, "\(result.diagnostics)\n\(conversion.yaml().text)")
  }

  private func server(_ text: String) -> String {
    "events {} http { server { listen 80;\n\(text)\n} }"
  }

  @Test func theFileOfTheExample() throws {
    let configuration = try read(
      """
      http {
        upstream websocket_backend { server websocket-service.internal:9000; }
        server {
          listen 80;
          server_name example.com;
          location /stocks {
            proxy_pass http://websocket_backend;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
            proxy_set_header Host $host;
            proxy_set_header X-Real-IP $remote_addr;
            proxy_read_timeout 86400; # Keep connection alive for a long time
            proxy_connect_timeout 7s;
          }
        }
      }
      """)
    #expect(configuration.listeners.values.map(\.address) == ["0.0.0.0:80"])
    let sockets = configuration.routes.values.filter { $0.kind == .websocket }
    #expect(sockets.count == 1)
    let socket = try #require(sockets.first)
    #expect(socket.match.startsWith == "/stocks")
    #expect(socket.match.headers == ["Upgrade": "websocket"])
    #expect(socket.connection?.idleTimeout == .seconds(86_400))
    #expect(socket.connection?.connectTimeout == .seconds(7))
    #expect(socket.origins == ["*"])
    let service = try #require(configuration.services[socket.service])
    #expect(service.targets.map(\.url) == ["http://websocket-service.internal:9000"])
    let headers = try #require(socket.policies[Configuration.TargetHeaders.self])
    #expect(headers.set == ["Host": "${request.hostname}", "X-Real-IP": "${client.address}"])
    // Plain requests go the same way, and all else is answered as nginx does without files.
    #expect(
      configuration.routes.values.count { $0.match.startsWith == "/stocks" && $0.kind == .http }
        == 1)
    #expect(
      configuration.routes.values.contains { $0.policies[Configuration.Mock.self]?.status == 404 })
  }

  /// Errors: what would change an answer.
  @Test(arguments: [
    ("location / { root /var/www; try_files $uri =404; }", 2, "static files are out"),
    ("location / { root /var/www; }", 2, "static files are out"),
    ("location / { fastcgi_pass a; }", 2, "only HTTP targets"),
    ("location / { proxy_pas http://a; }", 2, "no directive"),
    ("location / { proxy_pass http://$http_x; }", 2, "comes from the request"),
    ("location / { proxy_pass ftp://a; }", 2, "http:// or https://"),
    (
      "location / { proxy_set_header X $nothing; proxy_pass http://a; }", 2, "$nothing is not known"
    ),
    ("location /a { rewrite ^/a /b quick; proxy_pass http://a; }", 2, "no flag of rewrite"),
    ("location ~ a { proxy_pass http://a/b; }", 2, "prefix or exact"),
    ("location a { return 200; }", 2, "location takes a path"),
    ("location ~ \\s { return 200; }", 2, "'\\s' can't be carried over"),
    ("location ~ \"^/\u{E9}\" { return 200; }", 2, "beyond ASCII"),
    ("location ~ \"[a-\u{E9}]\" { return 200; }", 2, "the range"),
    ("location ~ \"[[:alpha:]]\" { return 200; }", 2, "named class"),
    ("location ~ \"(?<!a)b\" { return 200; }", 2, "'(?<!)' can't be carried over"),
    ("location ~ \"[a\" { return 200; }", 2, "no end"),
    (
      "location / { if (-f $request_filename) { return 405; } proxy_pass http://a; }", 2, "no files"
    ),
    (
      "location / { if ($arg_a = $arg_b) { return 405; } proxy_pass http://a; }", 2,
      "another variable"
    ),
    ("location / { if ($arg_a == b) { return 405; } proxy_pass http://a; }", 2, "compares nothing"),
    (
      "location / { if ($arg_a ~ \"a)|(b\") { return 405; } proxy_pass http://a; }", 2,
      "do not match"
    ),
    (
      "location / { if ($uri ~ \\s) { return 405; } proxy_pass http://a; }", 2,
      "can't be carried over"
    ),
    (
      "location / { if ($nothing) { return 405; } proxy_pass http://a; }", 2,
      "$nothing is not known"
    ),
    (
      "if ($arg_a ~ b) { proxy_pass http://a; } location / { proxy_pass http://a; }", 2,
      "an if of a server"
    ),
    (
      "location / { rewrite ^/a /b; if ($uri ~ c) { return 405; } proxy_pass http://a; }", 2,
      "rewrite before it has changed"
    ),
    (
      "location / { rewrite ^/a /b; rewrite ^/c /d permanent; proxy_pass http://a; }", 2,
      "a redirect of a path"
    ),
    ("location / { rewrite ^/a /b; rewrite ^/c /d break; proxy_pass http://a; }", 2, "a break for"),
    (
      "location / { if ($arg_x ~ y) { proxy_pass http://a/b; } proxy_pass http://a; }", 2,
      "within an if has no URI"
    ),
    ("location / { proxy_pass http://api-$arg_x; }", 2, "comes from the request"),
    ("location / { error_page 404 @none; proxy_pass http://a; }", 2, "no location '@none'"),
    ("location / { error_page 404 none; proxy_pass http://a; }", 2, "a path, a location"),
    (
      "location / { proxy_intercept_errors on; error_page 404 /e; proxy_pass http://a; } location /e { proxy_pass http://b$request_uri; }",
      2, "is the first path"
    ),
    ("location =~ /a { return 200; }", 2, "no modifier"),
    ("location /a { return 200; } location /a { return 200; }", 2, "already"),
    (
      "location / { allow 10.0.0.1; deny 10.0.0.0/8; proxy_pass http://a; }", 2,
      "deny behind an allow"
    ),
    ("location / { allow 10.0.0.300; deny all; proxy_pass http://a; }", 2, "no range of addresses"),
    ("location / { proxy_next_upstream http_418; proxy_pass http://a; }", 2, "no reason to try"),
    ("location / { limit_req zone=none; proxy_pass http://a; }", 2, "no limit_req_zone"),
    (
      "location / { auth_basic x; auth_basic_user_file nothing; proxy_pass http://a; }", 2,
      "can't be read"
    ),
    ("location / { auth_request /auth; proxy_pass http://a; }", 2, "auth_request needs"),
    ("location / { proxy_read_timeout soon; proxy_pass http://a; }", 2, "no time"),
    ("location / { proxy_read_timeout 0; proxy_pass http://a; }", 2, "time of 0"),
    ("client_max_body_size 1x; location / { proxy_pass http://a; }", 2, "no size"),
    ("listen nowhere:x;", 2, "no address to listen on"), ("listen 81 quick;", 2, "no option"),
    ("server_name ~;", 2, "expression is empty"),
    ("listen 443 ssl;", 2, "no ssl_certificate"), ("return;", 2, "return takes"),
    ("return 42;", 2, "no status"),
    ("merge_slashes off;", 2, "merge_slashes off"),
    ("location / { limit_except GET { allow all; } proxy_pass http://a; }", 2, "limit_except"),
    ("location / { grpc_pass grpc://a/b; }", 2, "without a path"),
    (
      "location / { proxy_pass_request_headers off; proxy_pass http://a; }", 2,
      "proxy_pass_request_headers off"
    ),
    ("location / { expires modified +1h; proxy_pass http://a; }", 2, "in this form"),
    ("location / { expires @15h; proxy_pass http://a; }", 2, "in this form"),
    (
      "location / { auth_basic x; deny 10.0.0.0/8; allow all; satisfy any; auth_basic_user_file u; proxy_pass http://a; }",
      2, "allow … deny all"
    ),
    (
      "location / { auth_basic x; allow 10.0.0.0/8; satisfy any; auth_basic_user_file u; proxy_pass http://a; }",
      2, "satisfy any"
    ),
    ("location / { proxy_cookie_flags a fast; proxy_pass http://a; }", 2, "no flag of a cookie"),
    (
      "location / { proxy_cache c; proxy_cache_key $cookie_x$request_uri; proxy_pass http://a; }",
      2,
      "key of the cache"
    ),
    (
      "location / { proxy_cache c; proxy_no_cache $nothing; proxy_pass http://a; }", 2,
      "$nothing is not known"
    ),
    ("location / { proxy_cache c; proxy_cache_methods POST; proxy_pass http://a; }", 2, "POST"),
  ])
  func whatCanNotBeCarriedOver(text: String, line: Int, message: String) {
    let conversion = convert(server(text))
    let errors = conversion.diagnostics.filter { $0.severity == .error }
    #expect(
      errors.contains { $0.message.contains(message) && $0.line == line },
      "\(conversion.diagnostics)")
  }

  /// Warnings: what is another way here.
  @Test(arguments: [
    ("location / { proxy_buffering off; proxy_pass http://a; }", "bounded memory"),
    ("location / { proxy_pass https://a; }", "not verified"),
    (
      "location / { proxy_set_header Connection upgrade; proxy_pass http://a; }",
      "only a WebSocket handshake"
    ),
    ("location / { return 444; }", "403"),
    (
      "location / { proxy_cache c; add_header X-Cache $upstream_cache_status always; proxy_pass http://a; }",
      "Cache-Status says"
    ),
    ("location / { root /srv; proxy_pass http://a; }", "no static files"),
    ("location / { }", "serves files"),
    ("error_page 500 /50x.html; location = /50x.html { root html; }", "serves files"),
    (
      "error_page 502 /50x.html; location / { proxy_pass http://a; } location = /50x.html { root html; }",
      "static file"
    ),
    ("listen 443 quic; location / { proxy_pass http://a; }", "HTTP/3"),
    ("location / { recursive_error_pages on; proxy_pass http://a; }", "looked at again"),
  ])
  func whatIsSaid(text: String, message: String) {
    let conversion = convert(server(text))
    #expect(!conversion.hasErrors, "\(conversion.diagnostics)")
    #expect(
      conversion.diagnostics.contains { $0.message.contains(message) && $0.line == 2 },
      "\(conversion.diagnostics)")
  }

  @Test(arguments: [
    "", "events {}", "http {}", "http;", "http { server; }", "stream { }",
    "http { upstream; server { } }",
  ])
  func filesWithoutAServer(text: String) {
    let conversion = convert(text)
    #expect(conversion.hasErrors || conversion.document != nil)
    for diagnostic in conversion.diagnostics {
      #expect(diagnostic.line >= 1 && diagnostic.column >= 1)
    }
  }

  @Test func passwordsBecomeConsumers() throws {
    let conversion = NginxConverter.convert(
      server(
        "location / { auth_basic \"who?\"; auth_basic_user_file users; proxy_pass http://a; }"),
      file: "f"
    ) { _ in
      .success([IncludedFile(name: "users", text: "# none\nalice:{PLAIN}secret\nbob:$apr1$x$y\n")])
    }
    let errors = conversion.diagnostics.filter { $0.severity == .error }
    #expect(errors.count == 1)
    #expect(errors.first?.file == "users" && errors.first?.line == 3)
    #expect(errors.allSatisfy { !$0.description.contains("$apr1") })
    #expect(conversion.yaml().text.contains("alice"))
  }

  @Test func whoIsAskedSaysMore() throws {
    let configuration = try read(
      server(
        """
        location = /auth { internal; proxy_pass http://login:1/verify; }
        location / { auth_request /auth; auth_request_set $who $upstream_http_x_user;
          proxy_set_header X-User $who; proxy_pass http://a; }
        """))
    let asked = configuration.routes.values.compactMap {
      $0.policies[Configuration.ForwardAuth.self]
    }
    #expect(
      asked.map(\.path) == ["/verify"] && asked.map(\.targetHeaders) == [["X-User": "x-user"]])
    #expect(
      configuration.services[asked.first?.service ?? ""]?.targets.map(\.url) == ["http://login:1"])
  }

  /// Nobody is left alone for no time.
  @Test func aTargetIsNeverLeftAlone() throws {
    let configuration = try read(
      """
      upstream g { server a:1 fail_timeout=0; server b:1 backup; }
      server { location / { proxy_pass http://g; } }
      """)
    #expect(configuration.services["g"]?.health.failures == 0)
  }

  /// The example of the guide.
  @Test func theExampleIsCarriedOver() throws {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../../examples/nginx/reverse-proxy.conf").standardized
    let configuration = try read(try String(contentsOf: file, encoding: .utf8))
    #expect(configuration.services["app"]?.targets.map(\.backup) == [false, false, true])
    #expect(configuration.routes.values.contains { !$0.match.hosts.isEmpty })
  }

  @Test func callsOfGRPC() throws {
    let configuration = try read(
      """
      upstream calls { server a:1; server b:1; }
      server { listen 80 http2; grpc_read_timeout 5m; proxy_read_timeout 9s;
        location / { grpc_pass grpcs://calls; grpc_ssl_name inner.test; grpc_set_header X-A $host;
          proxy_set_header X-B 1; grpc_connect_timeout 3s; grpc_next_upstream off; }
        location /one { grpc_pass localhost:9000; } }
      """)
    let service = try #require(configuration.services["calls"])
    #expect(service.protocol == .http2)
    #expect(service.targets.map(\.url) == ["https://a:1", "https://b:1"])
    #expect(service.tls?.verify == false && service.tls?.serverName == "inner.test")
    #expect(service.timeouts.connect == .seconds(3) && service.retries.connect == 0)
    let route = try #require(configuration.routes.values.first { $0.service == "calls" })
    #expect(route.timeouts?.response == .seconds(300) && route.timeouts?.idle == .seconds(300))
    #expect(
      route.policies[Configuration.TargetHeaders.self]?.set == ["X-A": "${request.hostname}"])
    let one = configuration.services.values.first {
      $0.targets.map(\.url) == ["http://localhost:9000"]
    }
    #expect(one?.protocol == .http2 && one?.host == .literal("localhost:9000"))
  }

  /// What many files have though they have no cache.
  @Test func theCacheIsPassedBy() throws {
    let idle = try read(
      server(
        "location / { proxy_cache_bypass $http_upgrade $cookie_x; proxy_no_cache $cookie_x; proxy_pass http://a; }"
      ))
    #expect(idle.routes.values.allSatisfy { $0.policies[Configuration.Cache.self] == nil })
    let used = try read(
      server(
        "location / { proxy_cache c; proxy_cache_key $host$uri$is_args$args$http_x_kind; proxy_cache_bypass $http_upgrade $arg_fresh; proxy_pass http://a; }"
      ))
    let caches = used.routes.values.compactMap { $0.policies[Configuration.Cache.self] }
    #expect(caches.map(\.key.headers) == [["x-kind"]])
    #expect(caches.map(\.status) == [""])
    let told = try read(
      server(
        "location / { proxy_cache c; add_header X-Cache $upstream_cache_status; proxy_pass http://a; }"
      ))
    #expect(
      told.routes.values.compactMap { $0.policies[Configuration.Cache.self]?.status } == ["sluice"])
    let past = used.routes.values.filter { $0.match.variables.values.contains("1") }
    #expect(past.count == 1)
    #expect(used.variables.values.map(\.from) == ["${request.argument.fresh}"])
    #expect(past.allSatisfy { $0.policies[Configuration.Cache.self] == nil })
  }

  /// The port of the listener that a request comes by, where a server has several.
  @Test func portsAreThoseOfTheRequest() throws {
    let condition = "location / { if ($server_port = 8080) { return 403; } proxy_pass http://a; }"
    let several = try read("http { server { listen 80; listen 8080; \(condition) } }")
    #expect(several.variables.values.map(\.from) == ["${listener.port}"])
    #expect(
      several.routes.values.contains {
        $0.match.variables.values.contains("1")
          && $0.policies[Configuration.Mock.self]?.status == 403
      })
    let one = try read("http { server { listen 8080; listen [::]:8080; \(condition) } }")
    #expect(one.variables.isEmpty)
    #expect(
      one.routes.values.allSatisfy { $0.policies[Configuration.Mock.self]?.status != nil })
  }

  /// nginx joins fields of one name (since 1.23): what is forbidden in the second is found.
  @Test func fieldsOfOneNameAreOne() throws {
    let configuration = try read(
      server("location / { if ($http_x_a ~ evil) { return 403; } proxy_pass http://a; }"))
    #expect(configuration.variables.values.map(\.from) == ["${request.headers.x-a}"])
  }

  @Test func servicesAreSharedWhereTheyAreTheSame() throws {
    let configuration = try read(
      server(
        "location /a { proxy_pass http://t:1; } location /b { proxy_pass http://t:1; } location /c { proxy_read_timeout 5s; proxy_pass http://t:1; }"
      ))
    #expect(configuration.services.values.count { $0.targets.map(\.url) == ["http://t:1"] } == 1)
    #expect(configuration.routes.values.count { $0.timeouts?.response == .seconds(5) } == 1)
  }

  @Test func groupsOfServers() throws {
    let configuration = try read(
      """
      upstream g { ip_hash; server a:1 weight=3 max_fails=2 fail_timeout=30s; server b:1 down; server c:1 backup; keepalive 4; keepalive_timeout 10s; }
      server { location / { proxy_pass http://g; proxy_next_upstream off; } }
      """)
    let service = try #require(configuration.services["g"])
    #expect(
      service.targets == [
        .init(url: "http://a:1", weight: 3), .init(url: "http://b:1", weight: 0),
        .init(url: "http://c:1", backup: true),
      ])
    #expect(service.balance == .consistentHash && service.hash == .address)
    #expect(service.health.failures == 2 && service.health.pause == .seconds(30))
    #expect(service.connections.maxIdle == 4 && service.connections.idleTimeout == .seconds(10))
    #expect(service.retries.connect == 0 && service.host == .literal("g"))
  }

  /// A file with any one byte in the place of another is converted or is told where it is wrong, and what
  /// was converted is read, or its reader says what is wrong.
  @Test(arguments: Array("{};\"'$\\#~(= 0"))
  func oneByteIsAnother(byte: Character) throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../../Fuzz/Corpus/nginx").standardized
    let text = Array(
      try String(contentsOf: folder.appendingPathComponent("many"), encoding: .utf8))
    for place in stride(from: 0, to: text.count, by: 3) {
      var changed = text
      changed[place] = byte
      let conversion = convert(String(changed))
      for diagnostic in conversion.diagnostics {
        #expect(diagnostic.line > 0 && diagnostic.column > 0 && !diagnostic.message.isEmpty)
      }
      if conversion.document == nil { #expect(conversion.hasErrors) }
      if conversion.hasErrors { continue }
      let converted = conversion.yaml()
      let result = ConfigurationReader.read(contentsOf: converted.text, file: "y")
      for diagnostic in result.diagnostics { #expect(converted.placed(diagnostic).file == "f") }
    }
  }

  /// Directives with too few and too many words, of all kinds.
  @Test func everyDirectiveWithAnyWords() {
    for name in NginxDirectiveTable.names {
      for words in ["", "a", "a b c", "$a", "always", "~a b", "=1 a", "10 a=b"] {
        for ending in [";", " { a b; }"] {
          let text = "\(name) \(words)\(ending)"
          for file in [
            text, "http { \(text) server { } }", "http { server { \(text) } }",
            "http { server { location / { \(text) proxy_pass http://a; } } }",
            "http { upstream a { server b; \(text) } server { location / { proxy_pass http://a; } } }",
          ] {
            let conversion = convert(file)
            #expect(conversion.document != nil || conversion.hasErrors, "\(file)")
          }
        }
      }
    }
  }
}
