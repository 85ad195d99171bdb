import SluiceConfiguration

// What stands in a route of Kong's file.

extension KongConversion {
  func read(_ object: KongObject, into route: inout KongRoute) {
    readProtocols(object, into: &route)
    route.methods = object.strings("methods") ?? []
    readHosts(object, into: &route)
    route.serverNames = (object.strings("snis") ?? []).map { text, origin in
      (text.count > 1 && text.hasSuffix(".") ? String(text.dropLast()) : text, origin)
    }
    if !route.serverNames.isEmpty && !hasTLS {
      report.warning(
        "\(object.title): snis are for callers with TLS, and the file has no certificate for any: "
          + "they are not looked at, as in Kong without TLS", at: object.origin(of: "snis"))
    }
    for (text, origin) in object.strings("paths") ?? [] {
      let hasTilde = text.hasPrefix("~")
      let path = hasTilde ? String(text.dropFirst()) : text
      // Formats before 3.0 have no tilde, and Kong guesses in the same way.
      let isRegex = hasTilde || kong.isBeforeTilde && Self.looksLikeRegex(path)
      if !isRegex && !path.hasPrefix("/") {
        report.error("\(object.title): a path starts with / or ~", at: origin)
      }
      route.paths.append(.init(text: path, isRegex: isRegex, origin: origin))
    }
    readHeaders(object, into: &route)
    route.strips = object.boolean("strip_path", default: !route.isGRPC)
    if route.isGRPC && route.strips {
      report.error(
        "\(object.title): strip_path can't be true for gRPC, in Kong neither",
        at: object.origin(of: "strip_path"))
    }
    route.preservesHost = object.boolean("preserve_host", default: false)
    route.regexPriority = object.integer("regex_priority", default: 0, in: 0...Int(UInt32.max))
    let handling = object.string("path_handling") ?? "v0"
    if let known = KongPathPlan.Handling(rawValue: handling) {
      route.handling = known
    } else {
      report.error(
        "\(object.title): path_handling is v0 or v1", at: object.origin(of: "path_handling"))
    }
    refuseFields(object)
    if route.methods.isEmpty && route.hosts.isEmpty && route.paths.isEmpty
      && route.headers.isEmpty && (route.serverNames.isEmpty || !route.isOnlyEncrypted)
    {
      report.error(
        "\(object.title): it needs one of methods, hosts, headers and paths", at: object.origin)
    }
  }

  private func refuseFields(_ object: KongObject) {
    for key in ["sources", "destinations"] {
      object.refuse(
        key, because: "are for routes of TCP and TLS, which Kong does not take here either",
        hint: key == "sources"
          ? "match.addresses of the converted file asks where callers are"
          : "a listener for each address, and match.listeners, in the converted file do that")
    }
    object.refuse("expression", because: "is for another router of Kong")
    object.refuse("priority", because: "is for another router of Kong")
    object.warn(
      "request_buffering", unless: "true", because: "is not there: bodies are always streamed")
    object.warn(
      "response_buffering", unless: "true", because: "is not there: bodies are always streamed")
  }

  private static func looksLikeRegex(_ path: String) -> Bool {
    !path.utf8.allSatisfy {
      (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0)
        || "-._~/%".utf8.contains($0)
    }
  }

  private func readProtocols(_ object: KongObject, into route: inout KongRoute) {
    let protocols =
      object.strings("protocols") ?? [("http", object.origin), ("https", object.origin)]
    route.protocols = Set(protocols.map(\.text))
    for (name, origin) in protocols where !KongRoute.known.contains(name) {
      report.error(
        "\(object.title): the protocol \(KongText.shown(name)) is not carried over", at: origin,
        hint: "http, https, grpc, grpcs, ws and wss are")
    }
    let status = object.integer("https_redirect_status_code", default: 426, in: 301...426)
    route.upgradeStatus = status
    if ![301, 302, 307, 308, 426].contains(status) {
      report.error(
        "\(object.title): https_redirect_status_code is 301, 302, 307, 308 or 426",
        at: object.origin(of: "https_redirect_status_code"))
    }
    if route.isOnlyEncrypted && !hasTLS {
      report.warning(
        "\(object.title): it is for callers with TLS, and the file has no certificate for any: "
          + "everybody is answered with \(status)", at: object.origin(of: "protocols"),
        hint: "convert, give a listener tls, and take the answer out of the route")
    }
  }

  private func readHosts(_ object: KongObject, into route: inout KongRoute) {
    for (text, origin) in object.strings("hosts") ?? [] {
      guard let colon = text.lastIndex(of: ":"), !text.hasSuffix("]") else {
        route.hosts.append(.init(text: text, isEncrypted: nil, origin: origin))
        continue
      }
      // Kong compares it with the port that the caller has connected to.
      let isEncrypted: Bool
      switch text[text.index(after: colon)...] {
      case "8000", "80": isEncrypted = false
      case "8443", "443": isEncrypted = true
      default:
        report.error(
          "\(object.title): the port of a host is that of Kong's listener, and here there are 8000 "
            + "and 8443", at: origin, hint: "leave the port out, or write one of these")
        continue
      }
      route.hosts.append(
        .init(text: String(text[..<colon]), isEncrypted: isEncrypted, origin: origin))
    }
  }

  private func readHeaders(_ object: KongObject, into route: inout KongRoute) {
    guard let headers = object.object("headers") else { return }
    for entry in headers.node.entries {
      let origin = report.origin(entry.keyPosition)
      let values = headers.strings(entry.key) ?? []
      for (text, origin) in values
      where text.hasPrefix("~*") && !RegexGroups.areClosed(String(text.dropFirst(2))) {
        report.error(
          "\(headers.title): the groups of '\(KongText.shown(text))' do not match", at: origin)
      }
      if values.isEmpty {
        report.error("\(object.title): the header has no value", at: origin)
      }
      route.headers.append((entry.key, values, origin))
    }
    headers.finish()
  }
}

extension KongRoute {
  /// The conditions for header fields: exact ones, and those that need a regular expression.
  ///
  /// Kong compares in lower case; a value behind `~*` is a regular expression that may match anywhere,
  /// and is put into lower case, too.
  func headerConditions() -> (exact: DocumentNode, regex: DocumentNode) {
    var exact = DocumentNode.map()
    var regex = DocumentNode.map()
    for header in headers {
      if header.values.count == 1, let value = header.values.first, value.text != "*",
        !value.text.hasPrefix("~*"), !value.text.utf8.contains(where: { Self.isLetter($0) })
      {
        exact.add(header.name, .text(value.text, origin: value.origin), origin: header.origin)
        continue
      }
      let ways = header.values.map { value in
        value.text.hasPrefix("~*")
          ? ".*(?:\(value.text.dropFirst(2).lowercased())).*" : KongPathPlan.quoted(value.text)
      }
      let pattern = "(?is)" + (ways.count == 1 ? ways[0] : "(?:\(ways.joined(separator: "|")))")
      let origin = header.values.first?.origin ?? header.origin
      regex.add(header.name, .text(pattern, origin: origin), origin: header.origin)
    }
    return (exact, regex)
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    (65...90).contains(byte) || (97...122).contains(byte) || byte >= 0x80
  }
}
