// MARK: Consumers

extension ConfigurationValidator {
  mutating func checkConsumers() {
    var keys: [Secret: (name: String, line: Int)] = [:]
    var ids: [String: (name: String, line: Int)] = [:]
    for entry in root["consumers"]?.entries ?? [] {
      guard let consumer = configuration.consumers[entry.key],
        let list = entry.value["credentials"], diagnostics.isSound(list)
      else { continue }
      for (index, element) in list.elements.enumerated() {
        let path = "consumers.\(entry.key).credentials[\(index)]"
        guard element.entries.count == 1, let kind = element.entries.first else {
          diagnostics.error(
            "\(path) must hold exactly one credential", at: element.position,
            hint: "write one '- kind: …' for each")
          continue
        }
        guard let key = consumer.credentials[index].keyAuth else { continue }
        checkUnique(key.key, &keys, "\(path).\(kind.key)", entry.key, kind.value.position, "key")
        if let id = key.id {
          checkUnique(id, &ids, "\(path).\(kind.key)", entry.key, kind.value.position, "id")
        }
      }
    }
  }

  private mutating func checkUnique<Value: Hashable>(
    _ value: Value, _ seen: inout [Value: (name: String, line: Int)], _ path: String,
    _ consumer: String, _ position: Position, _ word: String
  ) {
    if let first = seen[value] {
      diagnostics.error(
        "\(path) has the \(word) that consumer \(first.name) has on line \(first.line)",
        at: position)
    } else {
      seen[value] = (consumer, position.line)
    }
  }
}

// MARK: Policies

extension ConfigurationValidator {
  mutating func checkPolicies() {
    checkCallers("services", configuration.services.mapValues(\.consumers))
    checkCallers("routes", configuration.routes.mapValues(\.consumers))
    for place in configuration.policyPlaces {
      guard let map = node(at: place.path) else { continue }
      for settings in place.policies.all {
        guard let entry = map.entry(type(of: settings).policyName),
          diagnostics.isSound(entry.value)
        else { continue }
        var check = PolicyCheck(
          configuration: configuration,
          path: (place.path + [entry.key]).joined(separator: "."), origin: place.origin,
          entry: entry, diagnostics: diagnostics)
        settings.check(&check)
        diagnostics = check.diagnostics
      }
    }
  }

  /// The consumers that services or routes have policies for must be there.
  private mutating func checkCallers(
    _ kind: String, _ consumers: [String: [String: Configuration.Policies]]
  ) {
    let known = root["consumers"]?.entries.map(\.key) ?? []
    for owner in consumers.keys {
      for entry in root[kind]?[owner]?["consumers"]?.entries ?? []
      where !known.contains(entry.key) {
        diagnostics.error(
          "\(kind).\(owner).consumers: no consumer is named \(quoted(entry.key))",
          at: entry.keyPosition, hint: Suggestion.hint(for: entry.key, among: known))
      }
    }
  }

  private func node(at path: [String]) -> SourceNode? {
    path.reduce(root as SourceNode?) { $0?[$1] }
  }
}
