extension ConfigurationValidator {
  mutating func checkHealth(
    _ service: Configuration.Service, _ node: SourceNode, name: String
  ) {
    guard let health = node["health"] else { return }
    if diagnostics.isSound(health["pause"]), diagnostics.isSound(health["maxPause"]),
      service.health.maxPause < service.health.pause
    {
      diagnostics.error(
        "services.\(name).health.maxPause (\(service.health.maxPause.text)) is less than "
          + "pause (\(service.health.pause.text))",
        at: (health["maxPause"] ?? health["pause"] ?? health).position)
    }
    guard let check = service.health.check, let place = health["check"],
      diagnostics.isSound(place["type"])
    else { return }
    let owner = "services.\(name).health.check"
    checkMeans("path", of: .http, check, place, owner)
    checkMeans("statuses", of: .http, check, place, owner)
    checkMeans("service", of: .grpc, check, place, owner)
    if check.type == .grpc, service.protocol == .http1, let type = place["type"],
      diagnostics.isSound(node["protocol"])
    {
      diagnostics.error(
        "\(owner).type: grpc needs targets that speak HTTP/2", at: type.position,
        hint: "set the service's protocol to http2")
    }
  }

  private mutating func checkMeans(
    _ setting: String, of type: Configuration.HealthCheckType, _ check: Configuration.HealthCheck,
    _ node: SourceNode, _ owner: String
  ) {
    guard check.type != type, let entry = node.entry(setting) else { return }
    diagnostics.error(
      "\(owner).\(setting) has no effect with type \(check.type.rawValue)", at: entry.keyPosition,
      hint: "set type: \(type.rawValue), or remove it")
  }
}
