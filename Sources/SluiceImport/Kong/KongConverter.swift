import SluiceConfiguration

/// A declarative configuration of Kong as a Sluice file.
///
/// What Kong does is kept where the two differ: prefixes match without segment borders, routes are
/// tried in the order of Kong's router flavour `traditional_compatible`, paths are joined as Kong joins
/// them. A file without `_format_version`, which Kong refuses, is read as what people mean by it.
public enum KongConverter {
  /// What only a declarative configuration of Kong has at its top.
  static let metadataKeys: Set<String> = ["_format_version", "_transform", "_comment", "_ignore"]

  /// The lists of entities at the top of the file.
  static let entityLists: Set<String> = ["services", "routes", "plugins", "consumers", "upstreams"]

  /// - Parameter hasVariable: whether the environment has a variable; keys for a snippet's groups come
  ///   from there.
  public static func convert(
    _ text: String, file: String, hasVariable: (String) -> Bool = { _ in false }
  ) -> Conversion {
    let report = KongReport(file: file)
    guard let kong = KongFile(text, file: file, report: report) else {
      return Conversion(document: nil, diagnostics: report.diagnostics.sorted())
    }
    return withoutActuallyEscaping(hasVariable) { hasVariable in
      var conversion = KongConversion(kong, hasVariable: hasVariable)
      let document = conversion.document()
      return Conversion(document: document, diagnostics: report.diagnostics.sorted())
    }
  }
}

/// One conversion, from entities to the document.
struct KongConversion {
  let kong: KongFile
  let report: KongReport
  let hasVariable: (String) -> Bool

  var certificates: [KongCertificate] = []
  var certificateIndex: [String: Int] = [:]
  var authorities: [KongAuthority] = []
  var authorityIndex: [String: Int] = [:]
  var services: [KongService] = []
  /// The one of routes that have none.
  var serviceless: Int?
  var routes: [KongRoute] = []
  var consumers: [KongConsumer] = []
  var groups: [KongGroup] = []
  var plugins: [KongPlugin] = []
  /// By what others call them.
  var serviceIndex: [String: Int] = [:]
  var routeIndex: [String: Int] = [:]
  var consumerIndex: [String: Int] = [:]
  var groupIndex: [String: Int] = [:]
  /// What the plugins became, by where it stands.
  var placed: [KongPlace: [KongPolicy]] = [:]
  /// Groups of a snippet in which nobody is, and the variables with the keys of somebody in them.
  var snippetKeys: [(group: String, variable: String)] = []
  /// Whether Prometheus asks for metrics.
  var wantsMetrics = false

  static let listener = "proxy"

  init(_ kong: KongFile, hasVariable: @escaping (String) -> Bool) {
    self.kong = kong
    report = kong.report
    self.hasVariable = hasVariable
  }

  mutating func document() -> DocumentNode {
    readCertificates()
    readServices()
    reportUnusedCertificates()
    readRoutes()
    readConsumers()
    readPlugins()
    reportUnanswered()
    refuseOthers()
    resolvePlugins()
    var document = DocumentNode.map()
    document.comment =
      "Made from \(KongText.shown(report.file)), a configuration of Kong."
    document.add("version", .integer(1))
    var listeners = DocumentNode.map([
      .init(
        Self.listener, .map([.init("address", .text("0.0.0.0:8000"))]),
        comment: "Kong's own port; its file does not say where it listens.")
    ])
    if let encrypted = tlsListenerNode() { listeners.add(Self.tlsListener, encrypted) }
    document.add("listeners", listeners)
    if wantsMetrics {
      document.add(
        "admin", .map([.init("address", .text("127.0.0.1:9901"))]),
        comment: "For the plugin prometheus: GET /metrics.")
    }
    let services = serviceNodes()
    if !services.isEmpty { document.add("services", services) }
    let consumers = consumerNodes()
    if !consumers.isEmpty { document.add("consumers", consumers) }
    let groups = groupNodes()
    if !groups.isEmpty { document.add("groups", groups) }
    var global = DocumentNode.map([.init("kong-fields", .map())])
    for entry in policies(at: .everything).entries {
      global.add(entry.key, entry.value, origin: entry.origin)
    }
    if !global.isEmpty { document.add("policies", global) }
    let routes = routeNodes()
    if !routes.isEmpty { document.add("routes", routes) }
    return document
  }

  /// Entities that have no counterpart.
  private func refuseOthers() {
    for entity in kong["vaults"] {
      report.error(
        "\(entity.object.title): no vaults but 'env' are there", at: entity.object.origin)
    }
    for (list, what) in [
      ("keys", "keys"), ("key_sets", "sets of keys"), ("filter_chains", "WebAssembly filters"),
      ("oauth2_credentials", "OAuth 2.0 credentials of Kong"),
      ("mtls_auth_credentials", "credentials by certificate"),
    ] {
      for entity in kong[list] {
        report.error(
          "\(entity.object.title): \(what) are not carried over", at: entity.object.origin)
      }
    }
  }

  // MARK: Names

  /// A name as a Sluice file takes it, none of those taken.
  static func name(_ text: String, taken: inout Set<String>) -> String {
    var name = String(
      decoding: text.utf8.prefix(56).map { byte -> UInt8 in
        let isKept =
          (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
          || [0x2d, 0x2e, 0x5f].contains(byte)
        return isKept ? byte : UInt8(ascii: "-")
      }, as: UTF8.self)
    name = String(name.drop { "-._".contains($0) })
    if name.isEmpty { name = "unnamed" }
    var unique = name
    var number = 2
    while !taken.insert(unique).inserted {
      unique = "\(name)-\(number)"
      number += 1
    }
    return unique
  }
}
