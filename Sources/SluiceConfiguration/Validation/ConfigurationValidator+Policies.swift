// MARK: Consumers

extension ConfigurationValidator {
  mutating func checkConsumers() {
    var seen: [String: (name: String, line: Int)] = [:]
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
        checkUnique(
          consumer.credentials[index], kind, "\(path).\(kind.key)", consumer: entry.key, &seen)
      }
    }
  }

  /// What a credential is found by must lead to one consumer only.
  private mutating func checkUnique(
    _ credential: Configuration.Credential, _ kind: SourceNode.Entry, _ path: String,
    consumer: String, _ seen: inout [String: (name: String, line: Int)]
  ) {
    for (word, value) in credential.uniqueValues {
      let key = "\(kind.key) \(word) \(value)"
      if let first = seen[key] {
        diagnostics.error(
          "\(path) has the \(word) that consumer \(first.name) has on line \(first.line)",
          at: kind.value.position)
      } else {
        seen[key] = (consumer, kind.value.position.line)
      }
    }
    if let password = credential.basicAuth, (password.password == nil) == (password.digest == nil) {
      diagnostics.error(
        "\(path) needs either 'password' or 'digest'", at: kind.keyPosition)
    }
    if let problem = credential.mtlsAuth?.problem {
      diagnostics.error("\(path) \(problem)", at: kind.keyPosition)
    }
    if let problem = credential.jwt?.signing.problem {
      diagnostics.error("\(path): \(problem)", at: kind.keyPosition)
    }
  }
}

extension Configuration.Credential {
  /// With the word that a message calls each.
  fileprivate var uniqueValues: [(word: String, value: String)] {
    var values: [(word: String, value: String)] = []
    if let keyAuth {
      values.append(("key", keyAuth.key.reveal()))
      if let id = keyAuth.id { values.append(("id", id)) }
    }
    if let hmacAuth { values.append(("username", hmacAuth.username)) }
    if let jwt { values.append(("key", jwt.key)) }
    if let mtlsAuth { values += mtlsAuth.uniqueValues }
    if let basicAuth { values.append(("username", basicAuth.username)) }
    return values
  }
}

// MARK: Policies

extension ConfigurationValidator {
  mutating func checkPolicies() {
    checkCallers("services", configuration.services.mapValues(\.consumers))
    checkCallers("routes", configuration.routes.mapValues(\.consumers))
    let stageRule = PolicyStageRule(configuration)
    let survey = PolicySurvey(configuration)
    for place in configuration.policyPlaces {
      guard let map = node(at: place.path) else { continue }
      for settings in place.policies.all {
        guard let entry = map.entry(type(of: settings).policyName),
          diagnostics.isSound(entry.value)
        else { continue }
        var check = PolicyCheck(
          configuration: configuration,
          path: (place.path + [entry.key]).joined(separator: "."), origin: place.origin,
          survey: survey, entry: entry, diagnostics: diagnostics)
        settings.check(&check)
        check.requireStage(settings, by: stageRule)
        diagnostics = check.diagnostics
      }
    }
  }

  /// The consumers that services or routes have policies for must be there.
  private mutating func checkCallers(
    _ kind: String, _ consumers: [String: [String: Configuration.Policies]]
  ) {
    let known = root["consumers"]
    for owner in consumers.keys {
      for entry in root[kind]?[owner]?["consumers"]?.entries ?? []
      where known?.entry(entry.key) == nil {
        diagnostics.error(
          "\(kind).\(owner).consumers: no consumer is named \(quoted(entry.key))",
          at: entry.keyPosition,
          hint: Suggestion.hint(for: entry.key, among: known?.entries.map(\.key) ?? []))
      }
    }
  }

  private func node(at path: [String]) -> SourceNode? {
    path.reduce(root as SourceNode?) { $0?[$1] }
  }
}
