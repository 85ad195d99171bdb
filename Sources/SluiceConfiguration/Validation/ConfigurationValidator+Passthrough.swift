extension ConfigurationValidator {
  mutating func checkPassthrough(
    _ listener: Configuration.Listener, _ node: SourceNode, name: String
  ) {
    guard let passthrough = listener.passthrough, let entry = node.entry("passthrough"),
      diagnostics.isSound(entry.value)
    else { return }
    let path = "listeners.\(name).passthrough"
    if listener.redirectToHTTPS != nil {
      diagnostics.error(
        "\(path) is for TLS, and redirectToHTTPS for callers without it", at: entry.keyPosition,
        hint: "put them on different listeners")
    }
    for pair in entry.value["names"]?.entries ?? [] {
      guard let reference = passthrough.names[pair.key] else { continue }
      checkPassthrough(to: reference, pair, "\(path).names.\(pair.key)")
    }
  }

  private mutating func checkPassthrough(
    to reference: String, _ pair: SourceNode.Entry, _ path: String
  ) {
    guard let service = configuration.services[reference] else {
      diagnostics.error(
        "\(path): no service is named \(quoted(reference))", at: pair.value.position,
        hint: Suggestion.hint(for: reference, among: configuration.services.keys.sorted()))
      return
    }
    for target in service.targets {
      guard let url = TargetURL(target.url) else { continue }
      if !url.isEncrypted || !url.basePath.isEmpty {
        diagnostics.error(
          "\(path): a target of service \(reference) is no https://host:port, so it would not "
            + "understand what is passed on",
          at: pair.value.position, hint: "write its targets as https://host:port, without a path")
        return
      }
    }
  }
}
