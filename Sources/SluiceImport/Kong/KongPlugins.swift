import SluiceConfiguration

/// A place of the Sluice file that sets policies; names are those of the Sluice file.
enum KongPlace: Hashable {
  case everything
  case service(String)
  case route(String)
  case consumer(String)
  case group(String)
  case serviceConsumer(String, String)
  case serviceGroup(String, String)
  case routeConsumer(String, String)
  case routeGroup(String, String)
}

/// A policy that a plugin became.
struct KongPolicy {
  let policy: String
  let node: DocumentNode
  let origin: Origin
  /// The plugin's name.
  let plugin: String
}

/// An enabled plugin, with the places in the lists of whatever it is restricted to.
struct KongPlugin {
  let object: KongObject
  let config: KongObject
  let name: String
  let origin: Origin
  var service: Int?
  var route: Int?
  var consumer: Int?
  var group: Int?
  /// Of the plugin jwt: how credentials are written.
  var secretIsBase64 = false
  /// What it became.
  var policies: [KongPolicy] = []

  /// How specific it is in Kong; the greatest wins (developer.konghq.com/gateway/entities/plugin,
  /// plugin precedence).
  var rank: Int {
    switch (consumer != nil, group != nil, route != nil, service != nil) {
    case (true, _, true, true): 12
    case (_, true, true, true): 11
    case (true, _, true, false): 10
    case (true, _, false, true): 9
    case (_, true, true, false): 8
    case (_, true, false, true): 7
    case (false, false, true, true): 6
    case (true, _, false, false): 5
    case (_, true, false, false): 4
    case (false, false, true, false): 3
    case (false, false, false, true): 2
    case (false, false, false, false): 1
    }
  }
}

extension KongConversion {
  mutating func readPlugins() {
    for entity in kong["plugins"] {
      let object = entity.object
      object.skip("id", "tags", "created_at", "updated_at", "instance_name", "run_on", "ordering")
      object.warn("protocols", because: "are not looked at: the plugin runs for all of them")
      object.refuse("condition", because: "is not there")
      guard let name = object.string("name") else {
        report.error("a plugin needs a name", at: object.origin)
        continue
      }
      guard var plugin = scoped(entity, named: name) else { continue }
      let isEnabled = object.boolean("enabled", default: true)
      _ = object.value("config")
      object.finish()
      guard isEnabled else { continue }
      if plugin.name == "jwt" {
        plugin.secretIsBase64 = plugin.config.boolean("secret_is_base64", default: false)
      }
      plugins.append(plugin)
    }
    if Set(plugins.filter { $0.name == "jwt" }.map(\.secretIsBase64)).count > 1,
      let second = plugins.last(where: { $0.name == "jwt" })
    {
      report.error(
        "secret_is_base64 differs among the plugins jwt, and is a matter of the credential here",
        at: second.origin)
    }
    reportDoubles()
    for index in plugins.indices { plugins[index].policies = translate(plugins[index]) }
    bringKeys()
  }

  /// The plugin with what it is restricted to; nil when that is nowhere.
  private func scoped(_ entity: KongFile.Entity, named name: String) -> KongPlugin? {
    let object = entity.object
    let config =
      object.object("config")
      ?? KongObject(
        SourceNode(position: object.node.position, content: .mapping(.init([]))),
        title: object.title,
        report: report)
    var plugin = KongPlugin(
      object: object,
      config: KongObject(
        config.node, title: "plugin \(KongText.shown(name))", origin: object.origin,
        report: report),
      name: name, origin: object.origin)
    var isLost = false
    func place(_ key: String, _ index: [String: Int]) -> Int? {
      guard let parent = entity.parent(key) else { return nil }
      if let found = index[parent.name] { return found }
      isLost = true
      report.error(
        "\(object.title): there is no \(key.replacing("_", with: " ")) "
          + "'\(KongText.shown(parent.name))'", at: parent.origin,
        hint: Suggestion.hint(for: parent.name, among: index.keys.sorted()))
      return nil
    }
    plugin.service = place("service", serviceIndex)
    plugin.route = place("route", routeIndex)
    plugin.consumer = place("consumer", consumerIndex)
    plugin.group = place("consumer_group", groupIndex)
    return isLost ? nil : plugin
  }

  /// Two of a kind in one place are an error in Kong, too.
  private func reportDoubles() {
    var seen: [[Int]: Origin] = [:]
    var numbers: [String: Int] = [:]
    for plugin in plugins {
      let number = numbers[plugin.name] ?? numbers.count
      numbers[plugin.name] = number
      let place = [plugin.service, plugin.route, plugin.consumer, plugin.group].map { $0 ?? -1 }
      if let first = seen.updateValue(plugin.origin, forKey: [number] + place) {
        report.error(
          "\(plugin.object.title): the same place has one on line \(first.line) already",
          at: plugin.origin)
      }
    }
  }

  // MARK: Precedence

  /// Puts what the plugins became where Sluice decides as Kong does.
  mutating func resolvePlugins() {
    // A place may stand for two of Kong's, of which the more specific one counts.
    var seen: [KongPlace: Set<String>] = [:]
    for plugin in plugins.sorted(by: { $0.rank > $1.rank }) {
      guard let place = place(of: plugin),
        seen[place, default: []].insert(plugin.name).inserted
      else { continue }
      guard countsByService(plugin) else {
        for policy in plugin.policies { put(policy, at: place) }
        continue
      }
      for index in services.indices {
        let own = self.place(place, within: services[index].name)
        guard seen[own, default: []].insert(plugin.name).inserted else { continue }
        for policy in policies(of: plugin, countingFor: index) { put(policy, at: own) }
      }
    }
    for name in Set(plugins.map(\.name)).sorted() { correct(name) }
    joinAuthentication()
  }

  /// What a plugin became, on routes to one service: what it counts by service is counted for this one.
  private func policies(of plugin: KongPlugin, countingFor service: Int) -> [KongPolicy] {
    guard countsByService(plugin) else { return plugin.policies }
    return plugin.policies.map { policy in
      var node = policy.node
      node["budget"] = .text("g.\(services[service].name)")
      // Without a service Kong counts by address (kong/plugins/rate-limiting/handler.lua,
      // get_identifier).
      if service == serviceless { node["by"] = .text("address") }
      return KongPolicy(
        policy: policy.policy, node: node, origin: policy.origin, plugin: policy.plugin)
    }
  }

  /// The same place for one service only.
  private func place(_ place: KongPlace, within service: String) -> KongPlace {
    switch place {
    case .consumer(let consumer): .serviceConsumer(service, consumer)
    case .group(let group): .serviceGroup(service, group)
    default: .service(service)
    }
  }

  /// Routes on which nothing answers, because they have no service.
  func reportUnanswered() {
    for (index, route) in routes.enumerated() where route.service == serviceless {
      let answers = plugins.contains { plugin in
        ["request-termination", "redirect"].contains(plugin.name) && !plugin.config.has("trigger")
          && plugin.consumer == nil && plugin.group == nil && plugin.service == nil
          && plugin.route.map { $0 == index } ?? true
      }
      if answers { continue }
      report.warning(
        "\(route.object.title): it has no service, and no plugin answers everybody: who gets none is "
          + "answered 503, as in Kong", at: route.origin,
        hint: "name a service, or add the plugin request-termination or redirect")
    }
  }

  mutating func put(_ policy: KongPolicy, at place: KongPlace) {
    if let other = placed[place]?.first(where: { $0.policy == policy.policy }) {
      if other.node == policy.node { return }
      report.error(
        "plugin \(policy.plugin): \(other.plugin) has become the same policy, \(policy.policy), in "
          + "the same place", at: policy.origin)
      return
    }
    placed[place, default: []].append(policy)
  }

  private func place(of plugin: KongPlugin) -> KongPlace? {
    let service = plugin.service.map { services[$0].name }
    let route = plugin.route.map { routes[$0].name }
    // A plugin of a route that leads to another service than the plugin's never runs.
    if let route = plugin.route, let service = plugin.service, routes[route].service != service {
      report.warning(
        "\(plugin.object.title): its route leads to another service, so that it never runs",
        at: plugin.origin)
      return nil
    }
    if let consumer = plugin.consumer.map({ consumers[$0].name }) {
      if let route { return .routeConsumer(route, consumer) }
      return service.map { .serviceConsumer($0, consumer) } ?? .consumer(consumer)
    }
    if let group = plugin.group.map({ groups[$0].name }) {
      if let route { return .routeGroup(route, group) }
      return service.map { .serviceGroup($0, group) } ?? .group(group)
    }
    if let route { return .route(route) }
    return service.map { .service($0) } ?? .everything
  }

  /// Where Sluice would let another of these plugins win than Kong for a consumer on a route, the one
  /// of Kong is written for this consumer on this route.
  private mutating func correct(_ name: String) {
    let kind = plugins.filter { $0.name == name }
    let personal = kind.filter { $0.consumer != nil || $0.group != nil }
    guard !personal.isEmpty else { return }
    for (consumerIndex, consumer) in consumers.enumerated() {
      let concerned = personal.contains { plugin in
        plugin.consumer == consumerIndex
          || plugin.group.map { consumer.memberships.contains($0) } == true
      }
      guard concerned else { continue }
      for (routeIndex, route) in routes.enumerated() {
        let holding = kind.filter {
          ($0.consumer == nil || $0.consumer == consumerIndex)
            && ($0.group == nil || consumer.memberships.contains($0.group!))
            && ($0.route == nil || $0.route == routeIndex)
            && ($0.service == nil || $0.service == route.service)
        }
        guard let here = holding.max(by: { sluiceRank($0) < sluiceRank($1) }),
          let there = holding.max(by: { $0.rank < $1.rank }), here.rank != there.rank
        else { continue }
        // Whatever stands there is less specific in Kong, and this place is for nobody else.
        let place = KongPlace.routeConsumer(route.name, consumer.name)
        placed[place]?.removeAll { $0.plugin == name }
        for policy in policies(of: there, countingFor: route.service) { put(policy, at: place) }
      }
    }
  }

  /// How specific the place is in Sluice (`Configuration.policies(ofRoute:)`); of several groups the
  /// first by name decides.
  private func sluiceRank(_ plugin: KongPlugin) -> Int {
    let hasService = plugin.service != nil || countsByService(plugin)
    return switch (plugin.consumer != nil, plugin.group != nil, plugin.route != nil, hasService) {
    case (true, _, true, _): 9
    case (_, true, true, _): 8
    case (true, _, false, true): 7
    case (_, true, false, true): 6
    case (true, _, false, false): 5
    case (_, true, false, false): 4
    case (false, false, true, _): 3
    case (false, false, false, true): 2
    case (false, false, false, false): 1
    }
  }

  /// Several plugins on one route that find out who calls must all be content in Kong, unless each of them
  /// lets callers pass whom it doesn't know. What `anonymous` says here is said for all of a route's, so
  /// that one plugin without it closes what another's would open.
  private mutating func joinAuthentication() {
    for (index, route) in routes.enumerated() {
      let asking = authentication(ofRoute: index)
      let guests = asking.compactMap { plugin in
        plugin.policies.first { $0.policy == "anonymous" }
      }
      if guests.isEmpty {
        closeAnonymous(route)
        if asking.count > 1 {
          put(
            KongPolicy(
              policy: "identify", node: .map([.init("require", .text("all"))]),
              origin: route.origin,
              plugin: asking.map(\.name).joined(separator: " and ")), at: .route(route.name))
        }
      } else if let strict = asking.first(where: { plugin in
        !plugin.policies.contains { $0.policy == "anonymous" }
      }) {
        report.error(
          "plugin \(guests[0].plugin): anonymous would let callers pass plugin \(strict.name), too, "
            + "on route '\(KongText.shown(route.name))'", at: guests[0].origin,
          hint: "set anonymous of both, or of none")
      } else if guests.contains(where: { $0.node != guests[0].node }) {
        report.error(
          "plugins on route '\(KongText.shown(route.name))' have different consumers as anonymous",
          at: guests[0].origin, hint: "name the same one in all of them")
      } else {
        // A more general place may name another.
        let places: [KongPlace] = [
          .route(route.name), .service(services[route.service].name), .everything,
        ]
        let said = places.compactMap { place in
          placed[place]?.first { $0.policy == "anonymous" }
        }.first
        if said?.node != guests[0].node { put(guests[0], at: .route(route.name)) }
      }
    }
  }

  /// Of each kind that finds out who calls the plugin that runs on a route.
  private func authentication(ofRoute index: Int) -> [KongPlugin] {
    let here = plugins.filter { plugin in
      plugin.consumer == nil && plugin.group == nil
        && (plugin.route == nil || plugin.route == index)
        && (plugin.service == nil || plugin.service == routes[index].service)
        && plugin.policies.contains { Self.authentication.contains($0.policy) }
    }
    return Dictionary(grouping: here, by: \.name).sorted { $0.key < $1.key }.compactMap {
      $0.value.max { $0.rank < $1.rank }
    }
  }

  /// None of a route's plugins has `anonymous`; one that another plugin of its kind has stands in the way of
  /// some more general place.
  private mutating func closeAnonymous(_ route: KongRoute) {
    let service = services[route.service].name
    let isOpen = [KongPlace.everything, .service(service)].contains { place in
      placed[place]?.contains { $0.policy == "anonymous" } ?? false
    }
    guard isOpen else { return }
    put(
      KongPolicy(
        policy: "anonymous", node: .boolean(false), origin: route.origin, plugin: "key-auth"),
      at: .route(route.name))
  }

  static let authentication: Set<String> = ["key-auth", "basic-auth", "jwt", "hmac-auth"]

  // MARK: Nodes

  func policies(at place: KongPlace) -> DocumentNode {
    var node = DocumentNode.map()
    for policy in placed[place] ?? [] {
      node.add(policy.policy, policy.node, origin: policy.origin)
    }
    return node
  }

  /// What a route or service says for consumers and for groups.
  func callerPolicies(at place: KongPlace) -> (consumers: DocumentNode?, groups: DocumentNode?) {
    var consumerNodes = DocumentNode.map()
    var groupNodes = DocumentNode.map()
    for consumer in consumers {
      let policies: DocumentNode
      switch place {
      case .route(let name): policies = self.policies(at: .routeConsumer(name, consumer.name))
      case .service(let name): policies = self.policies(at: .serviceConsumer(name, consumer.name))
      default: continue
      }
      if !policies.isEmpty { consumerNodes.add(consumer.name, policies) }
    }
    for group in groups {
      let policies: DocumentNode
      switch place {
      case .route(let name): policies = self.policies(at: .routeGroup(name, group.name))
      case .service(let name): policies = self.policies(at: .serviceGroup(name, group.name))
      default: continue
      }
      if !policies.isEmpty { groupNodes.add(group.name, policies) }
    }
    return (
      consumerNodes.isEmpty ? nil : consumerNodes, groupNodes.isEmpty ? nil : groupNodes
    )
  }

  // MARK: Snippets

  /// An acl for which nobody finds out who calls answers 401 to everybody. A snippet means something
  /// by it: that callers are known by then. They are known by a key here.
  private mutating func bringKeys() {
    let knows = plugins.contains { plugin in
      plugin.policies.contains { Self.authentication.contains($0.policy) }
    }
    for index in plugins.indices where plugins[index].name == "acl" && !knows {
      let plugin = plugins[index]
      guard kong.isSnippet, consumers.isEmpty else {
        report.warning(
          "\(plugin.object.title): no plugin finds out who calls, so that everybody gets 401, as "
            + "in Kong", at: plugin.origin, hint: "add a plugin like key-auth")
        continue
      }
      var variables: [String] = []
      for name in plugin.config.strings("allow")?.map(\.text) ?? [] {
        let key = String(
          decoding: name.uppercased().utf8.map { byte -> UInt8 in
            (48...57).contains(byte) || (65...90).contains(byte) ? byte : UInt8(ascii: "_")
          }, as: UTF8.self)
        let variable = "SLUICE_KEY_\(key)"
        variables.append(variable)
        if hasVariable(variable), !snippetKeys.contains(where: { $0.group == name }) {
          snippetKeys.append((name, variable))
        }
      }
      report.warning(
        "\(plugin.object.title): no plugin finds out who calls, so that Kong would answer 401 to "
          + "everybody; here key-auth does, by a key in the header or query parameter apikey",
        at: plugin.origin,
        hint: "put the key of a caller in a group into \(variables.joined(separator: " or "))")
      plugins[index].policies.insert(
        KongPolicy(
          policy: "key-auth", node: .map(), origin: plugin.origin, plugin: "acl"), at: 0)
    }
  }
}
