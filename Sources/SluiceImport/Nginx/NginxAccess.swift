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
    let limits = rateLimits(route) + concurrencyLimits(route)
    return entries + (kinds.isEmpty ? limits : limits.map { countingFirst($0, route) })
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
    var settings: [DocumentNode.Entry] = [
      .init("realm", .text(realm.text), origin: realm.position),
      .init("hide", .boolean(false)),
    ]
    let group = passwordGroup(file)
    if let group { settings.append(.init("groups", .texts([group]), origin: file.position)) }
    passwords(file, group)
    return .init("basic-auth", .map(settings))
  }

  /// The group of the users of a file, where there are several files; nil where there is one.
  private func passwordGroup(_ file: NginxWord) -> String? {
    func files(_ directives: [NginxDirective]) -> Set<String> {
      directives.reduce(into: []) { found, directive in
        if directive.name.text == "auth_basic_user_file" { found.formUnion(directive.words) }
        found.formUnion(files(directive.block ?? []))
      }
    }
    if let known = passwordGroups[file.text] { return known }
    guard files(http).count > 1 else { return nil }
    let group = name("group", String(file.text.split(separator: "/").last ?? ""))
    passwordGroups[file.text] = group
    return group
  }

  /// The users of a file become consumers; what a password is kept as has to be something that is checked here, too.
  private func passwords(_ file: NginxWord, _ group: String?) {
    guard passwordFiles.insert(file.text).inserted else { return }
    guard case .success(let files) = readInclude(file.text), files.count == 1 else {
      return error("the file of passwords can't be read", at: file.position)
    }
    var users: Set<String> = []
    var (weak, firstWeak) = (0, Origin?.none)
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
          if try PasswordDigest(parsing: String(parts[1])).isWeak {
            weak += 1
            firstWeak = firstWeak ?? place
          }
        } catch {
          self.error(
            "the password of '\(user)' is kept in a way that can't be checked here: \(error.reason)",
            at: place,
            hint: "sluice hash-password makes a new digest; write it behind the colon")
          continue
        }
        secret = .init("digest", .text(String(parts[1])))
      }
      add(user, secret, in: group, at: place)
    }
    if let firstWeak {
      warning(
        "\(weak) \(weak == 1 ? "password is" : "passwords are") kept by MD5 or SHA-1, which is quick to guess for whoever has the file",
        at: firstWeak, hint: "sluice hash-password and htpasswd -B make better digests")
    }
  }

  /// A user of one file, or of several with one password.
  private func add(
    _ user: String, _ secret: DocumentNode.Entry, in group: String?, at place: Origin
  ) {
    let credential = DocumentNode.map([
      .init("basic-auth", .map([.init("username", .text(user)), secret]))
    ])
    if let index = passwordUsers[user], let group {
      guard consumers[index].value["credentials"] == .list([credential]) else {
        return error(
          "'\(user)' has another password or another digest of it in another file, and a name has one here",
          at: place,
          hint: "copy the line from one file to the other, or give one of them another name")
      }
      var groups = [DocumentNode.text(group)]
      if case .sequence(let former)? = consumers[index].value["groups"]?.content {
        groups = former + groups
      }
      consumers[index].value["groups"] = .list(groups)
      return
    }
    var entries: [DocumentNode.Entry] = []
    if let group { entries.append(.init("groups", .texts([group]))) }
    entries.append(.init("credentials", .list([credential])))
    passwordUsers[user] = consumers.count
    consumers.append(.init(name("consumer", user), .map(entries), origin: place))
  }
}
