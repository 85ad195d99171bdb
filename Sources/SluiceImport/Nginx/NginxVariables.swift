import SluiceConfiguration

/// What variables of nginx are here; `docs/guides/from-nginx.md` lists the same.
enum NginxVariables {
  /// A text with this gateway's variables in it.
  static let table: [String: String] = [
    "remote_addr": "${client.address}", "remote_port": "${client.port}",
    "realip_remote_addr": "${client.peer}", "host": "${request.hostname}",
    "http_host": "${request.host}",
    "scheme": "${request.scheme}", "request_method": "${request.method}",
    "request_uri": "${request.target}", "uri": "${request.path}",
    "document_uri": "${request.path}", "args": "${request.query}",
    "query_string": "${request.query}", "is_args": "${request.questionMark}",
    "server_port": "${listener.port}", "server_protocol": "${request.protocol}",
    "request_id": "${request.id}", "proxy_add_x_forwarded_for": "${client.forwardedFor}",
    "content_type": "${request.headers.Content-Type}",
    "request": "${request.method} ${request.target} ${request.protocol}",
    "upstream_addr": "${target.address}",
    "content_length": "${request.header.Content-Length}", "remote_user": "${consumer.name}",
    "ssl_protocol": "${connection.tls.version}", "ssl_cipher": "${connection.tls.cipher}",
    "ssl_server_name": "${connection.tls.serverName}",
    "ssl_alpn_protocol": "${connection.tls.alpn}",
    "ssl_client_verify": "${connection.tls.clientVerify}",
    "ssl_client_s_dn": "${client.certificate.subject}",
    "ssl_client_i_dn": "${client.certificate.issuer}",
    "ssl_client_serial": "${client.certificate.serialNumber}",
    "ssl_client_fingerprint": "${client.certificate.sha1}",
    "ssl_client_v_end": "${client.certificate.notAfter}",
  ]

  /// What to do about variables that people use and nobody knows here.
  static func hint(for name: String) -> String? {
    switch name {
    case _ where name.hasPrefix("ssl_client_") && name.hasSuffix("cert"):
      "$ssl_client_s_dn, $ssl_client_serial and $ssl_client_fingerprint say whose certificate it is"
    case _ where name.hasPrefix("upstream_http_") || name.hasPrefix("upstream_cookie_"),
      _ where name.hasPrefix("sent_http_") || name == "upstream_status":
      "what the target has answered is not known to variables: its fields pass as they are, without add_header"
    case "hostname", "pid", "nginx_version": "write the text itself"
    case "msec", "time_iso8601", "time_local", "request_time", "upstream_response_time":
      "times are in the access log and the metrics"
    case "document_root", "realpath_root", "request_filename", "fastcgi_script_name":
      "no static files are served, and only HTTP targets are spoken to"
    case "server_addr": "$host and $server_port say what was asked for"
    case "invalid_referer": "if ($http_referer !~ …) asks for the field"
    default: nil
    }
  }

  /// The field's name of a variable `http_…`.
  static func fieldName(_ variable: String) -> String {
    String(variable.dropFirst(5)).replacing("_", with: "-")
  }

  static func family(_ name: String) -> String? {
    func rest(_ prefix: String) -> String? {
      name.hasPrefix(prefix) && name.count > prefix.count
        ? String(name.dropFirst(prefix.count)) : nil
    }
    if let field = rest("http_") {
      return "${request.headers.\(field.replacing("_", with: "-"))}"
    }
    if let parameter = rest("arg_") { return "${request.argument.\(parameter)}" }
    if let cookie = rest("cookie_") { return "${request.cookie.\(cookie)}" }
    return nil
  }
}

/// What the variables of one place stand for.
struct NginxVariableContext {
  var constants: [String: String] = [:]
  /// Names of what the location's regular expression captures, digits among them.
  var captures: Set<String> = []
  /// The same of the server's names.
  var hostCaptures: Set<String> = []
  /// Those of the server, whatever the location.
  var serverConstants: [String: String] = [:]
  var serverCaptures: Set<String> = []

  /// What is known before a location is found.
  var base: NginxVariableContext {
    NginxVariableContext(
      constants: serverConstants, captures: [], hostCaptures: serverCaptures,
      serverConstants: serverConstants, serverCaptures: serverCaptures)
  }
}

extension NginxBuilder {
  /// The text with this gateway's variables; nil, with a finding, when one of them is none here.
  func text(_ word: NginxWord, _ context: NginxVariableContext) -> String? {
    guard let template = template(word) else { return nil }
    var result = ""
    for part in template.parts {
      switch part {
      case .text(let text): result += text
      case .variable(let name):
        guard let value = value(of: name, context) else {
          unknown(name, at: word.position)
          return nil
        }
        result += value
      }
    }
    return result
  }

  private func value(of name: String, _ context: NginxVariableContext) -> String? {
    if let constant = context.constants[name] { return constant }
    if context.captures.contains(name) { return "${request.path.\(name)}" }
    if context.hostCaptures.contains(name) { return "${request.hostname.\(name)}" }
    return NginxVariables.table[name] ?? NginxVariables.family(name) ?? defined(name)
      ?? reused(name)
  }

  /// `$ssl_session_reused` is `r` or `.`; nothing without TLS.
  private func reused(_ name: String) -> String? {
    guard name == "ssl_session_reused" else { return nil }
    let (whole, session) = ("ssl-session-reused", "ssl-session")
    if !variables.contains(where: { $0.key == whole }) {
      variables += [
        .init(
          session,
          .map([
            .init("from", .template("${connection.tls.version}")),
            .init("values", .map([.init("", .text(""))])), .init("otherwise", .text(".")),
          ])),
        .init(
          whole,
          .map([
            .init("from", .template("${connection.tls.resumed}")),
            .init("values", .map([.init("true", .text("r"))])),
            .init("otherwise", .template("${variables.\(session)}")),
          ]), comment: "$ssl_session_reused"),
      ]
    }
    return "${variables.\(whole)}"
  }

  /// What a `map` and its kin sets, which then becomes one of the file's variables.
  private func defined(_ name: String) -> String? {
    guard let definition = definitions[name] else { return nil }
    let text = "${variables.\(name)}"
    if variables.contains(where: { $0.key == name }) { return text }
    // In a circle.
    guard !defining.contains(name) else { return nil }
    defining.insert(name)
    defer { defining.remove(name) }
    guard let node = variable(definition) else { return nil }
    variables.append(
      .init(
        name, node, origin: definition.position,
        comment: "\(definition.name.text) (line \(definition.position.line))"))
    return text
  }

  func unknown(_ name: String, at place: Origin) {
    if let definition = definitions[name] {
      error(
        "$\(name) comes from the \(definition.name.text) on line \(definition.position.line), which can't be carried over to here",
        at: place)
    } else {
      error(
        "the variable $\(name) is not known here", at: place,
        hint: (isAnswered(name, http)
          ? "write proxy_set_header and auth_request_set in the location that has auth_request"
          : nil)
          ?? NginxVariables.hint(for: name)
          ?? Suggestion.hint(for: name, among: NginxVariables.table.keys.sorted()))
    }
  }

  /// Whether an `auth_request_set` anywhere sets it.
  private func isAnswered(_ name: String, _ directives: [NginxDirective]) -> Bool {
    directives.contains {
      $0.name.text == "auth_request_set" && $0.words.first?.lowercased() == "$\(name)"
        || isAnswered(name, $0.block ?? [])
    }
  }
}
