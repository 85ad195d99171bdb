extension ConfigurationValidator {
  /// What says how often or what for, where nothing is tried again. A default may be written down, as it is in
  /// what the gateway writes itself.
  mutating func checkRetries(
    _ service: Configuration.Service, _ node: SourceNode, name: String
  ) {
    guard let place = node["retries"] else { return }
    let retries = service.retries
    let defaults = Configuration.Retries()
    let owner = "services.\(name).retries"
    if retries.statuses.isEmpty, retries.statusAttempts != defaults.statusAttempts,
      diagnostics.isSound(place["statuses"])
    {
      checkRetry("statusAttempts", without: "statuses", place, owner)
    }
    if retries.grpc.isEmpty, retries.grpcAttempts != defaults.grpcAttempts,
      diagnostics.isSound(place["grpc"])
    {
      checkRetry("grpcAttempts", without: "grpc", place, owner)
    }
    if retries.nonIdempotent, retries.statuses.isEmpty, retries.idempotent == 0,
      diagnostics.isSound(place["statuses"]), diagnostics.isSound(place["idempotent"])
    {
      checkRetry("nonIdempotent", without: "idempotent or statuses", place, owner)
    }
  }

  private mutating func checkRetry(
    _ setting: String, without others: String, _ node: SourceNode, _ owner: String
  ) {
    guard let entry = node.entry(setting) else { return }
    diagnostics.error(
      "\(owner).\(setting) has no effect without \(others)", at: entry.keyPosition,
      hint: "set \(others), or remove it")
  }
}
