import SluiceConfiguration

/// The entities of a Kong file, taken out of what they are nested in.
struct KongFile {
  struct Entity {
    let object: KongObject
    /// The entity that it is nested in, by kind: `service`, `route`, `consumer`, `consumer_group`,
    /// `upstream`.
    var parents: [String: String] = [:]

    /// What the field says, or what it is nested in.
    func parent(_ key: String) -> (name: String, origin: Origin)? {
      if let written = object.reference(key) { return written }
      return parents[key].map { ($0, object.origin) }
    }
  }

  let report: KongReport
  /// A file that Kong itself would refuse, because it does not say its version: people write such
  /// snippets to show what they want.
  private(set) var isSnippet = false
  /// Of a version in which regular expressions are not marked.
  private(set) var isBeforeTilde = false
  /// Whether passwords are what Kong made of them, as `kong config db_export` writes them.
  private(set) var hasHashedPasswords = false
  private(set) var entities: [String: [Entity]] = [:]
  private var unnamed = 0

  /// Lists at the top, with the lists that may be nested in each entity and the field by which the
  /// nested entity refers to it.
  private static let nested: [String: [(list: String, parent: String)]] = [
    "services": [("routes", "service"), ("plugins", "service")],
    "routes": [("plugins", "route")],
    "upstreams": [("targets", "upstream")],
    "consumers": [
      ("plugins", "consumer"), ("keyauth_credentials", "consumer"),
      ("basicauth_credentials", "consumer"), ("jwt_secrets", "consumer"),
      ("hmacauth_credentials", "consumer"), ("acls", "consumer"),
    ],
    "consumer_groups": [("plugins", "consumer_group"), ("consumers", "consumer_group")],
    "certificates": [("snis", "certificate")],
  ]

  static let lists: Set<String> = [
    "services", "routes", "upstreams", "targets", "consumers", "consumer_groups",
    "consumer_group_consumers", "plugins", "keyauth_credentials", "basicauth_credentials",
    "jwt_secrets", "hmacauth_credentials", "acls", "certificates", "snis", "ca_certificates",
    "vaults", "keys", "key_sets", "filter_chains", "oauth2_credentials", "mtls_auth_credentials",
  ]

  init?(_ text: String, file: String, report: KongReport) {
    self.report = report
    let (root, diagnostics) = SourceNode.parse(text, file: file)
    report.diagnostics.add(diagnostics)
    guard let root else { return nil }
    guard case .mapping = root.content else {
      report.error("the file must be a map of lists", at: report.origin(root.position))
      return nil
    }
    let top = KongObject(root, title: "the file", report: report)
    readVersion(top)
    top.skip("_comment", "_ignore", "_info", "_workspace", "_konnect")
    hasHashedPasswords = !top.boolean("_transform", default: true)
    for list in Self.lists.sorted() {
      for node in top.nodes(list) { add(node, to: list, parents: [:]) }
    }
    top.finish()
  }

  private mutating func readVersion(_ top: KongObject) {
    guard let version = top.string("_format_version") else {
      isSnippet = true
      report.warning(
        "there is no _format_version, and Kong would refuse the file; it is read as what it seems to "
          + "mean", at: top.origin,
        hint: "write _format_version: \"3.0\" to get exactly what Kong does")
      return
    }
    isBeforeTilde = ["1.1", "2.1"].contains(version)
    if !["1.1", "2.1", "3.0"].contains(version) {
      report.error(
        "_format_version '\(KongText.shown(version))' is not known",
        at: top.origin(of: "_format_version"), hint: "known are 1.1, 2.1 and 3.0")
    }
  }

  private mutating func add(_ node: SourceNode, to list: String, parents: [String: String]) {
    var node = node
    // Targets, acls and names of SNIs may be given as a text alone.
    if case .scalar(let scalar) = node.content, let key = Self.mainField[list], !node.isNull {
      let value = SourceNode(
        position: node.position,
        content: .scalar(.init(text: scalar.text, isPlain: scalar.isPlain)))
      node = SourceNode(
        position: node.position,
        content: .mapping(.init([.init(key: key, keyPosition: node.position, value: value)])))
    }
    let singular = Self.singular(list)
    let name = Self.name(of: node)
    unnamed += name == nil ? 1 : 0
    let object = KongObject(
      node, title: name.map { "\(singular) \(KongText.shown($0))" } ?? "a \(singular)",
      report: report)
    object.skip("_comment", "_ignore")
    entities[list, default: []].append(Entity(object: object, parents: parents))
    checkUnique(object, in: list)
    for (inner, parent) in Self.nested[list] ?? [] {
      let children = object.nodes(inner)
      guard !children.isEmpty else { continue }
      // Whatever has children can be referred to, named or not.
      let key = name ?? "#\(unnamed)"
      if name == nil { keys[ObjectIdentifier(object)] = key }
      let own = list == "consumer_groups" && inner == "consumers" ? "group_members" : inner
      for child in children {
        var parents = parents
        parents[parent] = key
        add(child, to: own, parents: parents)
      }
    }
  }

  /// What no two entities of a list may have in common: what is said of one would not hold for the
  /// other, and that may be what closes it.
  private mutating func checkUnique(_ object: KongObject, in list: String) {
    let names = [
      "services": ["name"], "routes": ["name"], "upstreams": ["name"], "consumer_groups": ["name"],
      "consumers": ["username", "custom_id"], "plugins": ["instance_name"],
      "snis": ["name"],
    ]
    for key in (names[list] ?? []) + (list == "group_members" ? [] : ["id"]) {
      guard let value = object.node[key], case .scalar(let scalar) = value.content, !value.isNull
      else { continue }
      if unique["\(list) \(key)", default: []].insert(scalar.text).inserted { continue }
      report.error(
        "\(object.title): another one has this \(key)", at: report.origin(value.position))
    }
  }

  /// The values that were met, by list and field.
  private var unique: [String: Set<String>] = [:]
  private var keys: [ObjectIdentifier: String] = [:]

  /// By which others refer to an entity: its name (or what stands for it) and its id.
  func keys(of object: KongObject) -> [String] {
    let names = ["name", "username", "id"].compactMap { key -> String? in
      guard case .scalar(let scalar)? = object.node[key]?.content else { return nil }
      return scalar.text
    }
    return names + (keys[ObjectIdentifier(object)].map { [$0] } ?? [])
  }

  subscript(list: String) -> [Entity] { entities[list] ?? [] }

  private static let mainField = [
    "targets": "target", "acls": "group", "snis": "name", "group_members": "username",
    "keyauth_credentials": "key",
  ]

  private static func name(of node: SourceNode) -> String? {
    for key in ["name", "username", "target", "custom_id", "id"] {
      if case .scalar(let scalar)? = node[key]?.content, !scalar.text.isEmpty { return scalar.text }
    }
    return nil
  }

  private static func singular(_ list: String) -> String {
    switch list {
    case "keyauth_credentials": "key"
    case "basicauth_credentials": "password"
    case "hmacauth_credentials": "signing secret"
    case "group_members": "consumer"
    default: String(list.dropLast()).replacing("_", with: " ")
    }
  }
}
