import SluiceConfiguration
import Testing

@testable import SluiceImport

/// Who is believed to say who calls.
@Suite struct NginxCallerTests {
  private func convert(_ http: String, files: [String: String] = [:]) -> Conversion {
    NginxConverter.convert("events {} http { \(http) }", file: "f") { name in
      files[name].map { .success([IncludedFile(name: name, text: $0)]) }
        ?? .failure(IncludeProblem("there is no such file"))
    }
  }

  private func configuration(
    _ http: String, files: [String: String] = [:]
  ) throws -> Configuration {
    let conversion = convert(http, files: files)
    #expect(!conversion.hasErrors, "\(conversion.diagnostics)")
    let result = ConfigurationReader.read(contentsOf: conversion.yaml().text, file: "y")
    return try #require(result.configuration, "\(result.diagnostics)\n\(conversion.yaml().text)")
  }

  private func listener(_ server: String, http: String = "") throws -> Configuration.Listener {
    let configuration = try configuration(
      "\(http) server { \(server) location / { proxy_pass http://a; } }")
    return try #require(configuration.listeners.values.first)
  }

  @Test func behindAPROXYHeaderNoFieldIsBelieved() throws {
    let open = try listener("listen 80 proxy_protocol;")
    #expect(open.proxyProtocol && open.trustedProxies == ["0.0.0.0/0", "::/0"])
    #expect(open.clientAddress.field == "none")
    let named = try listener(
      "listen 80 proxy_protocol; set_real_ip_from 10.0.0.0/8; real_ip_header proxy_protocol;")
    #expect(named.proxyProtocol && named.trustedProxies == ["10.0.0.0/8"])
    #expect(named.clientAddress.field == "none")
    // What is a socket's only is nobody's here.
    let socket = try listener(
      "listen 80 proxy_protocol; set_real_ip_from unix:; real_ip_header proxy_protocol;")
    #expect(socket.clientAddress.field == "none" && socket.trustedProxies.count == 2)
  }

  @Test func fieldsOfSocketsAreBelievedIfTheFileSaysSo() throws {
    #expect(try listener("listen unix:/a;").clientAddress.field == "none")
    #expect(
      try listener("listen unix:/a; set_real_ip_from 10.0.0.0/8;").clientAddress.field == "none")
    let believed = try listener(
      "listen unix:/a; set_real_ip_from unix:; set_real_ip_from 10.0.0.0/8;")
    #expect(
      believed.clientAddress.field == "X-Real-IP" && believed.trustedProxies == ["10.0.0.0/8"])
    let plain = try listener("listen 80; set_real_ip_from unix:;")
    #expect(plain.trustedProxies.isEmpty)
    #expect(
      convert("server { listen 80; set_real_ip_from unix:; }").diagnostics.contains {
        $0.message.contains("nobody comes by a Unix-domain socket here")
      })
  }

  @Test func denyAllIsForSocketsToo() throws {
    let configuration = try configuration(
      "server { listen unix:/a; location / { deny all; proxy_pass http://a; } }")
    let route = try #require(configuration.routes.values.first)
    let settings = try #require(route.policies[Configuration.IPRestriction.self])
    #expect(!settings.allow.isEmpty && settings.deny == ["0.0.0.0/0", "::/0"])
  }

  private static let proxied = "listen 80 proxy_protocol;"
  private static let real =
    "listen 80 proxy_protocol; set_real_ip_from 10.0.0.0/8; real_ip_header proxy_protocol;"
  private static let balancers = "asks for the balancer's address in nginx"

  @Test(arguments: [
    "\(proxied) allow 10.0.0.0/8; deny all;", "\(proxied) location /a { deny 10.0.0.1; }",
    "\(proxied) if ($remote_addr = 10.0.0.1) { return 403; }",
    "\(proxied) location / { proxy_set_header X-Real-IP ${remote_addr}; proxy_pass http://a; }",
    "\(proxied) location / { proxy_set_header X-F $proxy_add_x_forwarded_for; proxy_pass http://a; }",
    "\(real) if ($realip_remote_addr != 10.0.0.1) { return 403; }",
    "\(proxied) real_ip_header proxy_protocol; allow 10.0.0.0/8; deny all;",
    // The other server of the address takes the header, and with it this one.
    "listen 80; deny 10.0.0.1; } server { listen 80 proxy_protocol; server_name b;",
  ])
  func theBalancersAddressIsNotKnown(server: String) {
    let diagnostics = convert("server { \(server) }").diagnostics
    #expect(
      diagnostics.contains { $0.severity == .error && $0.message.contains(Self.balancers) },
      "\(diagnostics)")
  }

  @Test(arguments: [
    "limit_req_zone $binary_remote_addr zone=z:1m rate=1r/s;",
    "geo $x { default 1; 10.0.0.0/8 0; }",
    "map $remote_addr $x { default 1; 10.0.0.1 0; }", "deny 10.0.0.1;",
  ])
  func norIsItInHTTP(http: String) {
    let diagnostics = convert("\(http) server { \(Self.proxied) }").diagnostics
    #expect(diagnostics.contains { $0.message.contains(Self.balancers) }, "\(diagnostics)")
    #expect(
      !convert("\(http) server { \(Self.real) }").diagnostics.contains {
        $0.message.contains(Self.balancers)
      })
  }

  @Test func whatEverybodyMayIsNoQuestion() throws {
    _ = try listener(
      "\(Self.proxied) deny all;", http: "log_format a '$remote_addr'; access_log off;")
  }

  @Test(arguments: [
    ("set_real_ip_from 10.0.0.0/8;", ""), ("", "set_real_ip_from 10.0.0.0/8;"),
    ("set_real_ip_from 10.0.0.0/8;", "set_real_ip_from 10.0.0.0/9;"),
    (
      "set_real_ip_from 10.0.0.0/8;",
      "set_real_ip_from 10.0.0.0/8; real_ip_header X-Forwarded-For;"
    ),
    ("set_real_ip_from 10.0.0.0/8; real_ip_recursive on;", "set_real_ip_from 10.0.0.0/8;"),
  ])
  func serversOfOneAddressAreAlike(first: String, second: String) {
    let servers = "server { listen 80; \(first) } server { listen 80; server_name b; \(second) }"
    let found = convert(servers).diagnostics.filter {
      $0.message.contains("differs from the default one of its address")
    }
    #expect(found.count == 1)
    let apart = servers.replacing("listen 80; server_name", with: "listen 81; server_name")
    #expect(!convert(apart).hasErrors)
  }

  @Test func likeServersAndThoseOfHTTPAreTaken() throws {
    let real = "set_real_ip_from 10.0.0.0/8; set_real_ip_from 192.0.2.1;"
    let turned =
      "real_ip_header x-real-ip; set_real_ip_from 192.0.2.1; set_real_ip_from 10.0.0.0/8;"
    #expect(
      !convert("server { listen 80; \(real) } server { listen 80; server_name b; \(turned) }")
        .hasErrors)
    #expect(
      !convert("\(real) server { listen 80; } server { listen 80; server_name b; }").hasErrors)
  }

  @Test(arguments: [
    ("location /a { set_real_ip_from 10.0.0.0/8; }", "in a location can't be carried over"),
    (
      "location /a { location /a/b { real_ip_header X-A; } }", "in a location can't be carried over"
    ),
    ("set_real_ip_from 10.0.0.0/8; real_ip_header None;", "can't be read"),
    ("listen unix:/a; deny unix:;", "deny unix: can't be carried over"),
    ("set_real_ip_from 10.0.0.0/8; real_ip_header proxy_protocol;", "there is no PROXY header"),
    ("listen 80 proxy_protocol; set_real_ip_from 10.0.0.0/8;", "is the one in it"),
  ])
  func isRefused(server: String, message: String) {
    let diagnostics = convert("server { \(server) location / { proxy_pass http://a; } }")
      .diagnostics
    #expect(
      diagnostics.contains { $0.severity == .error && $0.message.contains(message) },
      "\(diagnostics)")
  }

  // MARK: Passwords

  private func passwords(_ users: String) -> Conversion {
    convert(
      """
      server { listen 80; auth_basic a; auth_basic_user_file users;
        location / { proxy_pass http://a; } }
      """, files: ["users": users])
  }

  @Test func passwordsAreTakenAsTheyAreKept() {
    let six =
      "$6$saltsalt$B4hCqgm17uiIay2FV5/DrsuGN0WEXmz61IWsUbmpWC0TYLIpIuLgjWvrzR82GnH9XWbOCl1rt5U1REfd0V7uC."
    let salted = "{SSHA}ldrVauEXtzDihoJUlBfeLGTYCtRhYmNkMTIzNA=="
    let conversion = passwords("a:{PLAIN}x\r\nb:\(six)\r\n# c\nc:\(salted)\na:{PLAIN}second\n")
    #expect(!conversion.hasErrors, "\(conversion.diagnostics)")
    let text = conversion.yaml().text
    #expect(text.contains(six) && text.contains(salted) && !text.contains("second"))
    #expect(conversion.diagnostics.contains { $0.message.contains("'a' stands above already") })
  }

  @Test func usersOfSeveralFilesAreTakenApart() {
    func users(_ two: String) -> Conversion {
      convert(
        """
        server { listen 80; auth_basic a; auth_basic_user_file conf/one; location / { proxy_pass http://a; }
          location /two { auth_basic_user_file conf/two; proxy_pass http://a; } }
        """, files: ["conf/one": "a:{PLAIN}x\nb:{PLAIN}y\n", "conf/two": two])
    }
    let good = users("b:{PLAIN}y\nc:{PLAIN}z\n")
    #expect(!good.hasErrors, "\(good.diagnostics)")
    let result = ConfigurationReader.read(contentsOf: good.yaml().text, file: "y")
    let groups = result.configuration?.consumers.mapValues { $0.groups.sorted() }
    #expect(groups == ["a": ["one"], "b": ["one", "two"], "c": ["two"]], "\(result.diagnostics)")
    let asked = result.configuration?.routes.values.compactMap {
      $0.policies[Configuration.BasicAuth.self]?.groups.first
    }
    #expect(asked?.sorted() == ["one", "two"])
    // One file is everybody's, without groups.
    #expect(!passwords("a:{PLAIN}x").yaml().text.contains("groups"))
  }

  /// A name has one way to be checked here, and whether two digests are of one password nobody can know.
  @Test(arguments: [
    "a:{PLAIN}y", "a:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
    "a:$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0", "a:$apr1$other$LrttParrLPdxvgutaSXWJ0",
  ])
  func oneNameHasOnePassword(first: String) {
    func messages(_ second: String) -> [String] {
      convert(
        """
        server { listen 80; auth_basic a; auth_basic_user_file conf/one; location / { proxy_pass http://a; }
          location /two { auth_basic_user_file conf/two; proxy_pass http://a; } }
        """, files: ["conf/one": "# staff\n\(first)\n", "conf/two": "b:{PLAIN}y\n\(second)\n"]
      ).diagnostics.filter { $0.severity == .error }.map(\.description)
    }
    #expect(messages(first) == [])
    for second in ["a:{PLAIN}x", "a:{SSHA}ldrVauEXtzDihoJUlBfeLGTYCtRhYmNkMTIzNA=="] {
      #expect(
        messages(second) == [
          """
          conf/one:2:1: error: 'a' has another password or another digest of it in another file, and a name has one here
            hint: copy the line from one file to the other, or give one of them another name
          """
        ])
    }
  }

  /// They are taken, with one warning for all of a file.
  @Test func weakPasswordsAreTakenWithAWarning() {
    let apache = "$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0"
    let plain = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="
    let conversion = passwords("a:{PLAIN}x\nb:\(apache)\nc:\(plain)\n")
    #expect(!conversion.hasErrors, "\(conversion.diagnostics)")
    let text = conversion.yaml().text
    #expect(text.contains(apache) && text.contains(plain))
    let warnings = conversion.diagnostics.filter { $0.message.contains("quick to guess") }
    #expect(warnings.count == 1 && warnings.first?.line == 2)
    #expect(warnings.first?.message.hasPrefix("2 passwords are") == true)
    let strong = passwords("a:{PLAIN}x\n").diagnostics
    #expect(!strong.contains { $0.message.contains("quick to guess") })
  }

  @Test(arguments: [
    "$apr1$abcdefgh$012345678901234567890", "{SHA}abc=", "abJnggxhB/yWI", "$6$a$b",
  ])
  func otherPasswordsAreRefused(password: String) {
    let diagnostics = passwords("a:\(password)").diagnostics
    #expect(diagnostics.contains { $0.message.contains("can't be checked here") })
    // Nothing of it is shown.
    #expect(!diagnostics.contains { "\($0)".contains(password) })
  }
}
