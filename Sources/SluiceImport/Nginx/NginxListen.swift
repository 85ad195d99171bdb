import SluiceConfiguration
import SluiceWire

/// One `listen` of one server.
struct NginxListen {
  var address: String
  var isDefault = false
  var isEncrypted = false
  var takesProxyHeader = false
  var speaksHTTP2 = false
  /// HTTP/3, which nobody speaks here.
  var isQUIC = false
  var origin: Origin

  /// - Returns: nil, with a finding, for what is no address.
  init?(_ directive: NginxDirective, _ builder: NginxBuilder) {
    origin = directive.position
    guard let word = directive.arguments.first, let address = Self.address(word.text) else {
      builder.error(
        "'\(directive.arguments.first?.text ?? "")' is no address to listen on",
        at: directive.arguments.first?.position ?? directive.position)
      return nil
    }
    self.address = address
    for option in directive.arguments.dropFirst() {
      switch option.text.prefix(while: { $0 != "=" }) {
      case "default_server", "default": isDefault = true
      case "ssl": isEncrypted = true
      case "http2": speaksHTTP2 = true
      case "quic":
        isQUIC = true
        builder.warning(
          "HTTP/3 is not spoken: callers come by HTTP/2 and 1.1", at: option.position)
      case "proxy_protocol": takesProxyHeader = true
      case "reuseport", "deferred", "bind", "backlog", "rcvbuf", "sndbuf", "fastopen", "setfib",
        "so_keepalive", "accept_filter":
        if option.text != "reuseport" {
          builder.warning(
            "\(option.text) is not carried over: sockets are set up in another way",
            at: option.position)
        }
      case "ipv6only":
        if option.text == "ipv6only=off" {
          builder.error(
            "one socket for IPv6 and IPv4 can't be carried over", at: option.position,
            hint: "write a listen for each")
        }
      default: builder.error("listen has no option '\(option.text)'", at: option.position)
      }
    }
  }

  init(default origin: Origin) {
    address = "0.0.0.0:80"
    self.origin = origin
  }

  private static func address(_ text: String) -> String? {
    if text.hasPrefix("unix:") { return text.count > 5 ? text : nil }
    if let port = Int(text) { return (1...65_535).contains(port) ? "0.0.0.0:\(port)" : nil }
    var host = Substring(text)
    var port = "80"
    if text.hasPrefix("[") {
      guard let end = text.firstIndex(of: "]") else { return nil }
      host = text[...end]
      let rest = text[end...].dropFirst()
      if !rest.isEmpty {
        guard rest.hasPrefix(":") else { return nil }
        port = String(rest.dropFirst())
      }
    } else if let colon = text.lastIndex(of: ":") {
      host = text[..<colon]
      port = String(text[colon...].dropFirst())
    }
    guard let number = Int(port), (1...65_535).contains(number), !host.isEmpty else { return nil }
    if host == "*" { host = "0.0.0.0" }
    if host == "localhost" { host = "127.0.0.1" }
    return "\(host):\(number)"
  }

  /// Its port; nil for a Unix-domain socket.
  var port: Int? {
    address.hasPrefix("unix:")
      ? nil : address.lastIndex(of: ":").flatMap { Int(address[$0...].dropFirst()) }
  }
}

/// What is listened on, with all the servers behind it.
struct NginxListener {
  var name: String
  var listens: [(listen: NginxListen, server: Int)]
  var isEncrypted: Bool { listens.contains { $0.listen.isEncrypted } }
  var takesProxyHeader: Bool { listens.contains { $0.listen.takesProxyHeader } }
  /// A Unix-domain socket.
  var isSocket: Bool { listens[0].listen.port == nil }
  /// The server for names that none has.
  var defaultServer: Int {
    (listens.first { $0.listen.isDefault } ?? listens[0]).server
  }
}

extension NginxBuilder {
  /// The listener's settings, which are those of its default server.
  func convertListener(_ listener: NginxListener, _ servers: [NginxServer]) {
    let scope = servers[listener.defaultServer].scope
    let first = listener.listens[0].listen
    var entries: [DocumentNode.Entry] = [
      .init("address", .text(first.address), origin: first.origin)
    ]
    if listener.listens.count(where: { $0.listen.isDefault }) > 1 {
      error("there are two default servers for \(first.address)", at: first.origin)
    }
    entries += callers(listener, servers)
    // Targets get what the file says, and nothing else.
    entries.append(.init("forwarded", .map([.init("xForwarded", .boolean(false))])))
    // nginx looks for locations by the decoded path.
    entries.append(.init("encodedSlashes", .literal("decode")))
    if scope.isOn("underscores_in_headers") {
      entries.append(
        .init(
          "underscores", .literal("pass"),
          origin: scope.last("underscores_in_headers")?.position))
    }
    if let directive = scope.last("merge_slashes"), directive.words.first == "off" {
      error(
        "merge_slashes off can't be carried over: paths always come with single slashes",
        at: directive.position)
    }
    entries.append(.init("timeouts", timeouts(scope)))
    entries.append(.init("limits", limits(scope)))
    if listener.isEncrypted, let tls = tls(listener, servers) { entries.append(.init("tls", tls)) }
    let http2 =
      listener.listens.contains { $0.listen.speaksHTTP2 } || scope.isOn("http2")
    if !http2 { entries.append(.init("http2", .map([.init("enabled", .boolean(false))]))) }
    listeners.append(.init(listener.name, .map(entries), origin: first.origin))
  }

  private func timeouts(_ scope: NginxScope) -> DocumentNode {
    var entries: [DocumentNode.Entry] = []
    for (key, name) in [
      ("head", "client_header_timeout"), ("body", "client_body_timeout"),
      ("write", "send_timeout"),
    ] {
      let directive = scope.last(name)
      let time = time(directive, default: "1m") ?? "1m"
      entries.append(.init(key, .literal(time), origin: directive?.position))
    }
    let directive = scope.last("keepalive_timeout")
    if let word = directive?.arguments.first, NginxValue.milliseconds(word.text) == 0 {
      entries.append(.init("idle", .literal("1s"), origin: word.position))
    } else {
      let time = time(directive, default: "75s") ?? "75s"
      entries.append(.init("idle", .literal(time), origin: directive?.position))
    }
    return .map(entries)
  }

  private func limits(_ scope: NginxScope) -> DocumentNode {
    var (count, size) = (4, 8_192)
    let buffers = scope.last("large_client_header_buffers")
    if let buffers, buffers.arguments.count == 2, let number = number(buffers.arguments[0]),
      let bytes = bytes(buffers.arguments[1])
    {
      (count, size) = (max(1, min(number, 64)), max(512, min(bytes, 1 << 20)))
    }
    let head = max(1_024, min(count * size, 1 << 20))
    var entries: [DocumentNode.Entry] = [
      .init("head", .literal(NginxValue.shownBytes(head)), origin: buffers?.position),
      .init("uri", .literal(NginxValue.shownBytes(min(size, head))), origin: buffers?.position),
    ]
    var requests = 1_000
    let directive = scope.last("keepalive_requests")
    if let word = directive?.arguments.first, let number = number(word) { requests = number }
    if let word = scope.last("keepalive_timeout")?.arguments.first,
      NginxValue.milliseconds(word.text) == 0
    {
      requests = 1
    }
    entries.append(
      .init("requestsPerConnection", .integer(requests), origin: directive?.position))
    return .map(entries)
  }

  private func tls(_ listener: NginxListener, _ servers: [NginxServer]) -> DocumentNode? {
    var certificates: [DocumentNode] = []
    let order = [listener.defaultServer] + listener.listens.map(\.server)
    var seen: Set<Int> = []
    for index in order where seen.insert(index).inserted {
      let scope = servers[index].scope
      let keys = scope.all("ssl_certificate_key")
      for (place, certificate) in scope.all("ssl_certificate").enumerated() {
        guard let file = certificate.arguments.first, place < keys.count,
          let key = keys[place].arguments.first
        else {
          error("ssl_certificate has no ssl_certificate_key", at: certificate.position)
          continue
        }
        if file.text.contains("$") || file.text.hasPrefix("data:") {
          error("certificates are files with fixed names here", at: file.position)
        }
        let node = DocumentNode.map(
          [
            .init("certificate", .text(file.text), origin: file.position),
            .init("key", .text(key.text), origin: key.position),
          ])
        if !certificates.contains(node) { certificates.append(node) }
      }
    }
    guard !certificates.isEmpty else {
      error("there is no ssl_certificate for this listen", at: listener.listens[0].listen.origin)
      return nil
    }
    let scope = servers[listener.defaultServer].scope
    var entries: [DocumentNode.Entry] = [.init("certificates", .list(certificates))]
    if let protocols = scope.last("ssl_protocols") {
      let versions = Set(protocols.words)
      if versions.contains("TLSv1") || versions.contains("TLSv1.1") {
        warning("TLS before 1.2 is not spoken", at: protocols.position)
      }
      if versions == ["TLSv1.3"] {
        entries.append(.init("minVersion", .text("1.3"), origin: protocols.position))
      }
      if versions.isDisjoint(with: ["TLSv1.2", "TLSv1.3"]) {
        error("none of these versions of TLS is spoken here", at: protocols.position)
      }
    }
    if let tickets = scope.last("ssl_session_tickets"), tickets.words.first == "off" {
      entries.append(.init("sessionTickets", .boolean(false), origin: tickets.position))
    }
    if let verify = scope.last("ssl_verify_client"), verify.words.first != "off" {
      if let clients = clientCertificates(verify, scope) {
        entries.append(.init("clientCertificates", clients, origin: verify.position))
      }
    }
    let modes = Set(seen.map { servers[$0].scope.last("ssl_verify_client")?.words ?? ["off"] })
    if modes.count > 1 {
      error(
        "the servers on one address differ in ssl_verify_client, which is the listener's here",
        at: listener.listens[0].listen.origin)
    }
    return .map(entries)
  }

  private func clientCertificates(_ verify: NginxDirective, _ scope: NginxScope) -> DocumentNode? {
    guard let mode = ["on": "require", "optional": "request"][verify.words.first ?? ""] else {
      error(
        "certificates of callers are always verified", at: verify.position, hint: "on or optional")
      return nil
    }
    guard let ca = scope.last("ssl_client_certificate")?.arguments.first else {
      error("ssl_verify_client needs ssl_client_certificate", at: verify.position)
      return nil
    }
    var entries: [DocumentNode.Entry] = [
      .init("mode", .literal(mode), origin: verify.position),
      .init("ca", .text(ca.text), origin: ca.position),
    ]
    if let crl = scope.last("ssl_crl")?.arguments.first {
      entries.append(.init("crl", .text(crl.text), origin: crl.position))
    }
    return .map(entries)
  }
}
