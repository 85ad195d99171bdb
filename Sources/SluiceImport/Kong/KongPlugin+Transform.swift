import SluiceConfiguration

// Plugins that change requests and responses.

extension KongConversion {
  func requestTransformer(_ plugin: KongPlugin) -> [KongPolicy] {
    let config = plugin.config
    var node = DocumentNode.map([], origin: plugin.origin)
    if let method = config.string("http_method") {
      node.add("method", .text(method.uppercased()), origin: config.origin(of: "http_method"))
    }
    let parts = [("headers", "headers"), ("querystring", "query"), ("body", "body")]
    if let replace = config.object("replace"), let uri = replace.text("uri") {
      node.add("path", template(uri, plugin), origin: uri.origin)
    }
    addRemovals(config, parts, to: &node)
    addRenames(config, parts, to: &node)
    for key in ["replace", "add", "append"] {
      addValues(plugin, key, parts, to: &node, quotesBody: { _ in true })
    }
    return node.isEmpty ? [] : [policy("request-transform", node, plugin)]
  }

  func responseTransformer(_ plugin: KongPlugin) -> [KongPolicy] {
    let config = plugin.config
    var node = DocumentNode.map([], origin: plugin.origin)
    let parts = [("headers", "headers"), ("json", "body")]
    for name in config.object("remove")?.strings("headers") ?? [] where name.text.contains(":") {
      report.error(
        "\(config.title): a header is removed whatever its value is", at: name.origin,
        hint: "write its name alone")
    }
    addRemovals(config, parts, to: &node)
    addRenames(config, parts, to: &node)
    for key in ["replace", "add", "append"] {
      let types = config.object(key)?.strings("json_types")?.map(\.text) ?? []
      addValues(plugin, key, parts, to: &node) { index in
        index >= types.count || types[index] == "string"
      }
    }
    if node.isEmpty { return [] }
    // What Kong itself and its plugins answer passes header_filter, too.
    let changesHeaders = node.entries.contains { $0.value["headers"] != nil }
    if changesHeaders { node.add("own", .boolean(true)) }
    return [policy("response-transform", node, plugin)]
  }

  // MARK: Parts

  private func addRemovals(
    _ config: KongObject, _ parts: [(String, String)], to node: inout DocumentNode
  ) {
    guard let remove = config.object("remove") else { return }
    var section = DocumentNode.map()
    for (key, setting) in parts {
      let names = remove.strings(key) ?? []
      let elements = names.compactMap { name, origin -> DocumentNode? in
        guard !isOwn(name, key, config, origin) else { return nil }
        return .text(setting == "body" ? bodyPath(name, config, origin) : name, origin: origin)
      }
      if !elements.isEmpty { section.add(setting, .list(elements)) }
    }
    remove.finish()
    if !section.isEmpty { node.add("remove", section) }
  }

  private func addRenames(
    _ config: KongObject, _ parts: [(String, String)], to node: inout DocumentNode
  ) {
    guard let rename = config.object("rename") else { return }
    var section = DocumentNode.map()
    for (key, setting) in parts {
      var names = DocumentNode.map()
      for (text, origin) in rename.strings(key) ?? [] {
        guard let (name, new) = split(text, config, origin) else { continue }
        guard !isOwn(name, key, config, origin), !isOwn(new, key, config, origin) else { continue }
        let old = setting == "body" ? bodyPath(name, config, origin) : name
        set(old, .text(new, origin: origin), in: &names, config, origin)
      }
      if !names.isEmpty { section.add(setting, names) }
    }
    rename.finish()
    if !section.isEmpty { node.add("rename", section) }
  }

  private func addValues(
    _ plugin: KongPlugin, _ key: String, _ parts: [(String, String)],
    to node: inout DocumentNode, quotesBody: (Int) -> Bool
  ) {
    guard let values = plugin.config.object(key) else { return }
    var section = DocumentNode.map()
    for (part, setting) in parts {
      var names = DocumentNode.map()
      for (index, text) in (values.texts(part) ?? []).enumerated() {
        guard !text.isReference else {
          report.error(
            "\(plugin.config.title): a reference can't hold a name with its value", at: text.origin)
          continue
        }
        guard let (name, value) = split(text.text, plugin.config, text.origin) else { continue }
        if part == "headers", isAddress(name, value, key, plugin, text.origin) { continue }
        guard !isOwn(name, part, plugin.config, text.origin) else { continue }
        let written = self.value(
          value, plugin, text.origin, isJSON: setting == "body" && quotesBody(index))
        let place = setting == "body" ? bodyPath(name, plugin.config, text.origin) : name
        // The first that is added is there when the second comes.
        if key == "add", names[place] != nil { continue }
        set(place, written, in: &names, plugin.config, text.origin)
      }
      if !names.isEmpty { section.add(setting, names) }
    }
    values.skip("uri", "json_types")
    values.finish()
    if !section.isEmpty { node.add(key, section) }
  }

  private func set(
    _ name: String, _ value: DocumentNode, in names: inout DocumentNode, _ config: KongObject,
    _ origin: Origin
  ) {
    if names[name] != nil {
      report.error(
        "\(config.title): '\(KongText.shown(name))' comes twice, and can only once", at: origin)
      return
    }
    names.add(name, value, origin: origin)
  }

  /// `name:value`.
  private func split(
    _ text: String, _ config: KongObject, _ origin: Origin
  ) -> (name: String, value: String)? {
    guard let colon = text.firstIndex(of: ":") else {
      report.error(
        "\(config.title): '\(KongText.shown(text))' has no colon", at: origin,
        hint: "write name:value")
      return nil
    }
    let name = text[..<colon].trimming { $0 == " " }
    let value = text[text.index(after: colon)...].trimming { $0 == " " }
    if name.contains("$(") {
      report.error("\(config.title): a name can't be made of the request", at: origin)
      return nil
    }
    return (name, value)
  }

  /// Kong's own header for the caller's address: whatever a plugin puts there is written over by what
  /// the gateway knows, here as there.
  private func isAddress(
    _ name: String, _ value: String, _ key: String, _ plugin: KongPlugin, _ origin: Origin
  ) -> Bool {
    guard ["x-forwarded-for", "x-real-ip"].contains(name.lowercased()) else { return false }
    let isMeant = kong.isSnippet && ["$remote_addr", "$(remote_addr)"].contains(value)
    report.warning(
      isMeant
        ? "\(plugin.config.title): the gateway itself adds the caller's address to \(name) of every "
          + "request; in Kong $remote_addr is no variable, and the gateway writes the header anew, too"
        : "\(plugin.config.title): \(name) is the gateway's own, in Kong, too: this has no effect",
      at: origin, hint: isMeant ? "leave it out; Kong does the same by itself" : nil)
    return true
  }

  /// What routes, frames or identifies is the gateway's to write.
  private func isOwn(
    _ name: String, _ part: String, _ config: KongObject, _ origin: Origin
  ) -> Bool {
    guard part == "headers", name.lowercased() == "host" else { return false }
    report.error(
      "\(config.title): Host is the gateway's own", at: origin,
      hint: "set preserve_host of the route, or host of the service in the converted file")
    return true
  }

  /// A field of a JSON body.
  private func bodyPath(_ name: String, _ config: KongObject, _ origin: Origin) -> String {
    let isPlain =
      !name.isEmpty
      && name.utf8.allSatisfy {
        (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || $0 == 95
          || $0 == 46
      }
    if !isPlain {
      report.error(
        "\(config.title): '\(KongText.shown(name))' is no path of a body that is understood",
        at: origin, hint: "a name of letters, digits and _, with dots between")
    }
    return "$.\(name)"
  }

  // MARK: Values

  private func value(
    _ text: String, _ plugin: KongPlugin, _ origin: Origin, isJSON: Bool
  ) -> DocumentNode {
    let parts = variables(in: text, plugin, origin)
    let written = parts.map { part in
      switch part {
      case .literal(let text):
        if text.contains("${") {
          report.error("\(plugin.config.title): ${ can't be written in a value", at: origin)
        }
        let inner = isJSON ? String(Self.json(text).dropFirst().dropLast()) : text
        return DocumentWriter.escapingEvery(inner)
      case .variable(let name): return "${\(name)}"
      }
    }.joined()
    return .template(isJSON ? "\"\(written)\"" : written, origin: origin)
  }

  private func template(_ text: KongText, _ plugin: KongPlugin) -> DocumentNode {
    if text.isReference { return text.node }
    return value(text.text, plugin, text.origin, isJSON: false)
  }

  private enum Part {
    case literal(String)
    case variable(String)
  }

  /// `$(headers.x)` and the like; in a snippet also `$remote_addr`.
  private func variables(in text: String, _ plugin: KongPlugin, _ origin: Origin) -> [Part] {
    var parts: [Part] = []
    var literal = ""
    var rest = Substring(text)
    func flush() {
      if !literal.isEmpty { parts.append(.literal(literal)) }
      literal = ""
    }
    while let character = rest.first {
      if rest.hasPrefix("$("), let end = rest.firstIndex(of: ")") {
        let name = rest[rest.index(rest.startIndex, offsetBy: 2)..<end]
        flush()
        if let variable = Self.variable(String(name)) {
          parts.append(.variable(variable))
        } else {
          report.error(
            "\(plugin.config.title): $(\(KongText.shown(String(name)))) is not understood",
            at: origin,
            hint: "$(headers.name), $(query_params.name) and $(uri_captures.name) are")
        }
        rest = rest[end...].dropFirst()
      } else if rest.hasPrefix("$remote_addr") {
        rest = rest.dropFirst("$remote_addr".count)
        if kong.isSnippet {
          report.warning(
            "\(plugin.config.title): in Kong $remote_addr is no variable, and targets get these very "
              + "characters; here it is the caller's address", at: origin)
          flush()
          parts.append(.variable("client.address"))
        } else {
          report.warning(
            "\(plugin.config.title): $remote_addr is no variable, and targets get these very "
              + "characters, as from Kong", at: origin)
          literal += "$remote_addr"
        }
      } else {
        literal.append(character)
        rest = rest.dropFirst()
      }
    }
    flush()
    return parts
  }

  /// Sluice's name for one of Kong's variables. Names may stand in quotes and brackets.
  private static func variable(_ text: String) -> String? {
    let kinds = [
      ("headers", "request.header"), ("query_params", "request.query"),
      ("uri_captures", "request.path"),
    ]
    for (prefix, variable) in kinds {
      guard text.hasPrefix(prefix) else { continue }
      var name = text.dropFirst(prefix.count)
      if name.hasPrefix(".") {
        name = name.dropFirst()
      } else if (name.hasPrefix("['") && name.hasSuffix("']"))
        || (name.hasPrefix("[\"") && name.hasSuffix("\"]"))
      {
        name = name.dropFirst(2).dropLast(2)
      } else if prefix == "uri_captures", name.hasPrefix("["), name.hasSuffix("]"),
        let number = Int(name.dropFirst().dropLast()), (1...9).contains(number)
      {
        return "\(variable).\(number)"
      } else {
        return nil
      }
      let isName =
        !name.isEmpty
        && name.utf8.allSatisfy {
          (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0)
            || $0 == 45 || $0 == 95
        }
      // In Lua a field of this name has - for _ in requests.
      guard isName else { return nil }
      let shown = prefix == "headers" ? String(name).replacing("_", with: "-") : String(name)
      return "\(variable).\(shown)"
    }
    return nil
  }
}

extension Substring {
  fileprivate func trimming(_ isDropped: (Character) -> Bool) -> String {
    var rest = drop(while: isDropped)
    while let last = rest.last, isDropped(last) { rest.removeLast() }
    return String(rest)
  }
}
