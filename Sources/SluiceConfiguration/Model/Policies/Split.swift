extension Configuration {
  /// Divides a route's requests among several services.
  public struct Split: PolicySettings {
    /// Weights by the services' names.
    public var services: [String: Int] = [:]
    public var by = SplitKey.consumer
    public init() {}
  }

  /// Whose requests go the same way. In the file `request`, `consumer`, `address`, `header:NAME` or
  /// `cookie:NAME`.
  public enum SplitKey: Equatable, Sendable {
    /// Each request goes its own way.
    case request
    case consumer
    case address
    case field(FieldKey)
  }
}

extension Configuration.Split {
  public static let policyName = "split"
  public static let stage = PolicyStage.transform

  public static let schema = Schema(
    "Split", of: Self(),
    "Divides requests, WebSocket handshakes included, among several services by weights; the route's own `service` gets none unless it is one of them. Whoever came to a service comes there again, after restarts and through other gateways, too; when weights change, no more callers move than have to. The access log names the service. Timeouts and retries are those of the service that was chosen, policies those of the route's own.",
    [
      Field(
        "services", .map(keys: .entityReference, of: .integer(0...1_000_000), atLeast: 1),
        "The services and how much each gets: of a sum of 100, percent.", isRequired: true),
      Field(
        "by", .text(.splitKey),
        "Whose requests go the same way: `request` for nobody's. Callers without it (nobody knows them, no such field) are told apart by their address."
      ),
    ])

  public static let example = """
    version: 1
    listeners:
      web: {address: "127.0.0.1:8080"}
    services:
      time: {targets: ["http://127.0.0.1:9000"]}
      time-next: {targets: ["http://127.0.0.1:9001"]}
    routes:
      time:
        match: {path: /time}
        service: time
        policies:
          split:
            services: {time: 95, time-next: 5}
            by: cookie:session
        # Who tests the next version gets nothing else.
        groups:
          testers: {split: {services: {time-next: 1}}}
    groups:
      testers: {}
    """

  public func check(_ check: inout PolicyCheck) {
    for name in services.keys.sorted() where check.configuration.services[name] == nil {
      check.error(
        "no service is named '\(name)'", at: "services", name,
        hint: check.suggestion(for: name, among: check.configuration.services.keys.sorted()))
    }
    if services.values.allSatisfy({ $0 == 0 }) {
      check.error("no service has a weight", at: "services", hint: "write one that is not 0")
    }
  }
}

extension Configuration.SplitKey: TextValue {
  public init?(text: String) {
    switch text {
    case "request": self = .request
    case "consumer": self = .consumer
    case "address": self = .address
    default:
      guard let key = FieldKey(text: text) else { return nil }
      self = .field(key)
    }
  }

  public var text: String {
    switch self {
    case .request: "request"
    case .consumer: "consumer"
    case .address: "address"
    case .field(let key): key.text
    }
  }
}

extension TextForm {
  static let splitKey = key(
    "what to split by", words: ["request", "consumer", "address"],
    examples: ["request", "consumer", "address", "header:X-Tenant", "cookie:session"])
}
