import SluiceConfiguration
import SluiceWire

extension NginxBuilder {
  /// Who may, and how often.
  func requestPolicies(_ route: NginxRoute) -> [DocumentNode.Entry] {
    var entries: [DocumentNode.Entry] = []
    let scope = route.scope
    let addresses = addressRules(scope)
    let password = basicAuth(scope)
    let question = authRequest(route)
    let kinds = [addresses, password, question].compactMap { $0 }
    if let satisfy = scope.last("satisfy"), satisfy.words.first == "any",
      kinds.count > 1 || addresses == nil && !addressDirectives(scope).isEmpty && !kinds.isEmpty
    {
      entries += anyOf(addresses, password, question, satisfy)
    } else {
      entries += kinds
    }
    entries += rateLimits(route)
    entries += concurrencyLimits(route)
    return entries
  }

  /// `satisfy any`: who comes from an address that is let in is not asked for more.
  private func anyOf(
    _ addresses: DocumentNode.Entry?, _ password: DocumentNode.Entry?,
    _ question: DocumentNode.Entry?, _ satisfy: NginxDirective
  ) -> [DocumentNode.Entry] {
    let others = [password, question].compactMap { $0 }
    guard let addresses, others.count == 1 else {
      error(
        "satisfy any with a password and a question to others can't be carried over",
        at: satisfy.position, hint: "write a location for each way in")
      return others
    }
    guard let allowed = addresses.value["allow"], addresses.value["deny"] == nil else {
      // Nobody comes in by the address.
      if addresses.value["deny"] == .texts(Self.everywhere) { return others }
      error(
        "satisfy any is carried over with allow … deny all", at: satisfy.position,
        hint: "list who may come in without a password, and deny all")
      return others
    }
    return others + [
      .init("identify", .map([.init("exempt", allowed)]), origin: satisfy.position)
    ]
  }

  // MARK: Addresses

  /// `allow` and `deny` in their order, of which the first that matches decides.
  ///
  /// Here what is denied wins over what is allowed, so an `allow` must not come before a `deny` that it is
  /// an exception of.
  private func addressRules(_ scope: NginxScope) -> DocumentNode.Entry? {
    let rules = addressDirectives(scope)
    guard let first = rules.first else { return nil }
    var allowed: [(String, CIDRSet)] = []
    var denied: [String] = []
    var isClosed = false
    for rule in rules {
      guard let word = rule.arguments.first else { continue }
      if word.text == "all" {
        if rule.name.text == "deny" { isClosed = true }
        // What follows is never reached.
        break
      }
      if word.text == "unix:" {
        if rule.name.text == "deny", listensOnSocket {
          error("deny unix: can't be carried over", at: word.position, hint: "deny all")
        }
        continue
      }
      guard let range = CIDRSet(texts: [word.text]) else {
        error("'\(word.text)' is no range of addresses", at: word.position)
        continue
      }
      if rule.name.text == "allow" {
        allowed.append((word.text, range))
      } else {
        if allowed.contains(where: { Self.overlap($0.0, word.text) }) {
          error(
            "a deny behind an allow for some of its addresses can't be carried over",
            at: word.position, hint: "split the range, so that no address is in both")
        }
        denied.append(word.text)
      }
    }
    var settings: [DocumentNode.Entry] = []
    if isClosed {
      if allowed.isEmpty {
        // Nobody has this one.
        settings.append(.init("deny", .texts(Self.everywhere), origin: first.position))
        // Who comes by a socket has none at all, and no list lets that in.
        if listensOnSocket { settings.append(.init("allow", .texts(["255.255.255.255"]))) }
        return .init("ip-restriction", .map(settings))
      }
      settings.append(.init("allow", .texts(allowed.map(\.0)), origin: first.position))
    }
    if !denied.isEmpty { settings.append(.init("deny", .texts(denied), origin: first.position)) }
    return settings.isEmpty ? nil : .init("ip-restriction", .map(settings))
  }

  /// Some callers come by a Unix-domain socket.
  var listensOnSocket: Bool {
    http.contains { server in
      server.block?.contains {
        $0.name.text == "listen" && $0.words.first?.hasPrefix("unix:") == true
      }
        ?? false
    }
  }

  private static let everywhere = ["0.0.0.0/0", "::/0"]

  /// Those of the innermost level that has any.
  private func addressDirectives(_ scope: NginxScope) -> [NginxDirective] {
    func isRule(_ directive: NginxDirective) -> Bool {
      directive.name.text == "allow" || directive.name.text == "deny"
    }
    return scope.levels.last { $0.contains(where: isRule) }?.filter(isRule) ?? []
  }

  /// Whether two ranges have an address in common: one then holds the first address of the other.
  private static func overlap(_ left: String, _ right: String) -> Bool {
    func start(_ text: String) -> IPAddress? { IPAddress(String(text.prefix { $0 != "/" })) }
    func holds(_ range: String, _ other: String) -> Bool {
      guard let set = CIDRSet(texts: [range]), let address = start(other) else { return true }
      return set.contains(address)
    }
    return holds(left, right) || holds(right, left)
  }

  // MARK: Passwords

  private func basicAuth(_ scope: NginxScope) -> DocumentNode.Entry? {
    guard let directive = scope.last("auth_basic"), let realm = directive.arguments.first,
      realm.text != "off"
    else { return nil }
    if realm.text.contains("$") {
      error("the realm is a fixed text here", at: realm.position)
    }
    guard let file = scope.last("auth_basic_user_file")?.arguments.first else {
      error("auth_basic needs auth_basic_user_file", at: directive.position)
      return nil
    }
    passwords(file)
    return .init(
      "basic-auth",
      .map([
        .init("realm", .text(realm.text), origin: realm.position),
        .init("hide", .boolean(false)),
      ]))
  }

  /// The users of a file become consumers; what a password is kept as has to be something that is checked here, too.
  private func passwords(_ file: NginxWord) {
    guard passwordFiles.insert(file.text).inserted else { return }
    if passwordFiles.count > 1 {
      error(
        "a second file of passwords can't be carried over: every consumer may come in everywhere",
        at: file.position, hint: "give the consumers groups, and use the policy acl")
    }
    guard case .success(let files) = readInclude(file.text), files.count == 1 else {
      return error("the file of passwords can't be read", at: file.position)
    }
    var users: Set<String> = []
    let lines = files[0].text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    for (index, line) in lines.enumerated() {
      if line.isEmpty || line.hasPrefix("#") { continue }
      let place = Origin(file: files[0].name, line: index + 1, column: 1)
      let parts = line.split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count >= 2 else {
        error("a line of a file of passwords is name:password", at: place)
        continue
      }
      let user = String(parts[0])
      guard users.insert(user).inserted else {
        warning("'\(user)' stands above already, and that line counts", at: place)
        continue
      }
      let secret: DocumentNode.Entry
      if parts[1].hasPrefix("{PLAIN}") {
        secret = .init("password", .text(String(parts[1].dropFirst(7))))
      } else {
        do throws(TextProblem) {
          _ = try PasswordDigest(parsing: String(parts[1]))
        } catch {
          self.error(
            "the password of '\(user)' is kept in a way that can't be checked here: \(error.reason)",
            at: place,
            hint: "sluice hash-password makes a new digest; write it behind the colon")
          continue
        }
        secret = .init("digest", .text(String(parts[1])))
      }
      consumers.append(
        .init(
          name("consumer", user),
          .map([
            .init(
              "credentials",
              .list([
                .map([.init("basic-auth", .map([.init("username", .text(user)), secret]))])
              ]))
          ]), origin: place))
    }
  }

  // MARK: Asking somebody else

  private func authRequest(_ route: NginxRoute) -> DocumentNode.Entry? {
    guard let directive = route.scope.last("auth_request"), let path = directive.arguments.first,
      path.text != "off"
    else { return nil }
    let all = locations(in: route.server.scope)
    let asked = all.first {
      switch $0.pattern {
      case .exact(let text), .prefix(let text, _): text == path.text
      default: false
      }
    }
    guard let asked, let pass = asked.scope.own("proxy_pass").first?.arguments.first,
      let text = text(pass, route.variables),
      let url = NginxPass.reading(text, origin: pass.position)
    else {
      error(
        "auth_request needs a location with that path and a proxy_pass", at: path.position)
      return nil
    }
    warning(
      "the service that is asked gets X-Forwarded-Method and X-Forwarded-Uri, and its answers below 500 are the caller's",
      at: directive.position)
    let service = service(url, asked.scope, host: url.host)
    var entries: [DocumentNode.Entry] = [
      .init("service", .text(service), origin: directive.position),
      .init("path", .text(url.uri ?? path.text)),
    ]
    let fields = answeredFields(route.scope)
    let passed = route.scope.all("proxy_set_header").filter { isAnswered($0, fields) }
    if !passed.isEmpty {
      entries.append(.init("responseHeaders", .texts(passed.map { $0.words[0] })))
    }
    return .init("forward-auth", .map(entries))
  }

  /// Variables that `auth_request_set` takes out of an answer, with the names of its fields as variables
  /// have them.
  func answeredFields(_ scope: NginxScope) -> [String: String] {
    var fields: [String: String] = [:]
    for directive in scope.all("auth_request_set") where directive.arguments.count == 2 {
      let (name, value) = (directive.words[0], directive.words[1])
      guard name.hasPrefix("$"), value.hasPrefix("$upstream_http_") else {
        error(
          "auth_request_set is carried over for $upstream_http_… only", at: directive.position)
        continue
      }
      fields[name.dropFirst().lowercased()] = String(value.dropFirst(15)).lowercased()
    }
    return fields
  }

  /// Whether a field for targets is the answer's of the same name.
  func isAnswered(_ directive: NginxDirective, _ fields: [String: String]) -> Bool {
    guard directive.arguments.count == 2, directive.words[1].hasPrefix("$"),
      let field = fields[directive.words[1].dropFirst().lowercased()]
    else { return false }
    return field == directive.words[0].lowercased().replacing("-", with: "_")
  }
}

extension NginxPass {
  /// A URL without variables.
  static func reading(_ text: String, origin: Origin) -> NginxPass? {
    let isEncrypted = text.hasPrefix("https://")
    guard isEncrypted || text.hasPrefix("http://"), !text.contains("${") else { return nil }
    let rest = text.dropFirst(isEncrypted ? 8 : 7)
    let authority = rest.prefix { $0 != "/" }
    let uri = rest[authority.endIndex...]
    return authority.isEmpty
      ? nil
      : NginxPass(
        isEncrypted: isEncrypted, authority: String(authority),
        uri: uri.isEmpty ? nil : String(uri), origin: origin)
  }
}
