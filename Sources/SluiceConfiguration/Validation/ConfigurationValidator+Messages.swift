extension ConfigurationValidator {
  /// What the settings of a `websocket` route's messages say together.
  mutating func checkMessages(
    _ route: Configuration.Route, _ node: SourceNode, name: String
  ) {
    let connection = route.connection ?? Configuration.ConnectionSettings()
    for (key, limit) in [
      ("rateLimit", route.messages?.rateLimit),
      ("rateLimitFromUpstream", route.messages?.rateLimitFromUpstream),
    ] {
      guard let limit, let entry = node["messages"]?.entry(key),
        diagnostics.isSound(entry.value)
      else { continue }
      checkRate(limit, entry, at: "routes.\(name).messages.\(key)")
    }
    checkRefresh(connection, node, name: name)
    checkGrantedActions(route, node, name: name)
    checkPressure(connection, node, name: name)
    if let entry = node["connection"]?.entry("labels"), connection.labels.count > 16 {
      diagnostics.error(
        "routes.\(name).connection.labels has \(connection.labels.count) labels, and a session has "
          + "room for 16", at: entry.keyPosition)
    }
    if let entry = node["messages"]?.entry("maxFragments"),
      !configuration.messageUses(ofRoute: name, ofAnyCaller: usesOfAnyCaller).isInspected,
      route.messages?.maxFragments != Configuration.MessageSettings().maxFragments
    {
      diagnostics.warning(
        "routes.\(name).messages.maxFragments has no effect on messages that are not inspected",
        at: entry.keyPosition, hint: "set inspect: true")
    }
  }

  private mutating func checkRefresh(
    _ connection: Configuration.ConnectionSettings, _ node: SourceNode, name: String
  ) {
    if let entry = node["connection"]?.entry("refresh"), let refresh = connection.refresh,
      diagnostics.isSound(entry.value)
    {
      let identifies = configuration.policies(ofRoute: name).contains {
        $0.stage == .identify && !($0.settings is Configuration.Anonymous)
          && !($0.settings is Configuration.Identify)
      }
      if !identifies {
        diagnostics.error(
          "routes.\(name).connection.refresh needs a policy that says who calls, such as jwt",
          at: entry.keyPosition)
      }
      if !refresh.http && refresh.message == nil {
        diagnostics.error(
          "routes.\(name).connection.refresh needs 'http' or 'message'", at: entry.keyPosition)
      }
    }
  }

  /// What a slow consumer means.
  private mutating func checkPressure(
    _ connection: Configuration.ConnectionSettings, _ node: SourceNode, name: String
  ) {
    if let entry = node["messages"]?.entry("conflate"), connection.slowConsumer == .dropNewest {
      diagnostics.error(
        "routes.\(name).messages.conflate keeps the newest message, and "
          + "connection.slowConsumer: drop-newest drops it",
        at: entry.keyPosition, hint: "use drop-oldest, back-pressure or close")
    }
    // Written out, a default says nothing.
    if let entry = node["connection"]?.entry("slowConsumerTimeout"),
      connection.slowConsumer != .close,
      connection.slowConsumerTimeout != Configuration.ConnectionSettings().slowConsumerTimeout
    {
      diagnostics.warning(
        "routes.\(name).connection.slowConsumerTimeout has no effect without slowConsumer: close",
        at: entry.keyPosition)
    }
  }

  /// A limit that nobody would keep must not look like one.
  private mutating func checkGrantedActions(
    _ route: Configuration.Route, _ node: SourceNode, name: String
  ) {
    let grants = configuration.policies(ofRoute: name).contains {
      ($0.settings as? Configuration.ForwardAuth)?.grants.contains(.actions) == true
    }
    guard grants, route.messages?.authorize == nil,
      diagnostics.isSound(node["messages"]?["authorize"])
    else { return }
    diagnostics.error(
      "routes.\(name): forward-auth grants actions, and no messages.authorize says what an action is",
      at: (node["policies"]?.entry("forward-auth") ?? root["routes"]?.entry(name))?.keyPosition
        ?? node.position,
      hint: "add messages: {authorize: {key: $.action}}, or take actions out of 'grants'")
  }

  /// What `connection.reconnect` says together with the rest.
  mutating func checkReconnect(
    _ route: Configuration.Route, _ node: SourceNode, name: String
  ) {
    guard let connection = route.connection,
      let entry = node["connection"]?.entry("reconnect"), diagnostics.isSound(entry.value)
    else { return }
    let settings = connection.reconnect
    if settings.maxBackoff < settings.backoff {
      diagnostics.error(
        "routes.\(name).connection.reconnect.maxBackoff is shorter than backoff",
        at: entry.keyPosition, hint: "backoff is the first pause, maxBackoff the longest")
    }
    // Written out, a default says nothing.
    if connection.onUpstreamLoss != .reconnect, settings != Configuration.ReconnectSettings() {
      diagnostics.warning(
        "routes.\(name).connection.reconnect has no effect without onUpstreamLoss: reconnect",
        at: entry.keyPosition)
    }
  }

  private mutating func checkRate(
    _ limit: Configuration.MessageRateLimit, _ entry: SourceNode.Entry, at path: String
  ) {
    if limit.limit == nil, limit.bytes == nil {
      diagnostics.error(
        "\(path) needs 'limit' or 'bytes'", at: entry.keyPosition,
        hint: "write it like {limit: 50, window: 1s}")
    }
    if limit.limit == nil, let burst = entry.value.entry("burst") {
      diagnostics.error(
        "\(path).burst is a number of messages and needs 'limit'", at: burst.keyPosition)
    }
  }
}
