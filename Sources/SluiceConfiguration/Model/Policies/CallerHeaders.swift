extension Configuration {
  /// Adds fields to every response of a route, and hides some of its targets'.
  public struct CallerHeaders: PolicySettings {
    public var hide: [String] = []
    public var add: [AddedHeader] = []
    public var locations: [LocationChange] = []
    public init() {}
  }

  /// One field that is added; several may have the same name.
  public struct AddedHeader: Codable, Equatable, Sendable {
    public var name = ""
    /// A template.
    public var value = ""
    /// The statuses it is added to; empty is every one.
    public var statuses: [Int] = []
    public init() {}
  }

  /// Another beginning of `Location` and `Refresh`.
  public struct LocationChange: Codable, Equatable, Sendable {
    public var from = ""
    /// A template.
    public var to = ""
    public init() {}
  }
}

extension Configuration.CallerHeaders {
  public static let policyName = "caller-headers"
  public static let stage = PolicyStage.entry

  public static let schema = Schema(
    "CallerHeaders", of: Self(),
    "Adds fields to responses, the gateway's own answers included, and hides fields of what targets send. Values may hold the variables of request-transform.",
    [
      Field("hide", .list(of: .text(.fieldName)), "Names of fields of targets."),
      Field("add", .list(of: .object(Configuration.AddedHeader.schema)), "What is added."),
      Field(
        "locations", .list(of: .object(Configuration.LocationChange.schema)),
        "How `Location` and the URL in `Refresh` of targets' responses change; the first that fits."
      ),
    ])

  public static let example = """
    version: 1
    listeners:
      web: {address: "127.0.0.1:8080"}
    services:
      time: {targets: ["http://127.0.0.1:9000"]}
    routes:
      time:
        match: {path: /time}
        service: time
        policies:
          caller-headers:
            hide: [X-Powered-By]
            add:
              - {name: X-Frame-Options, value: DENY}
              - {name: X-Host, value: "${request.host}", statuses: [200, 204]}
    """

  public func check(_ check: inout PolicyCheck) {
    for (index, name) in hide.enumerated() where Self.framing.contains(name.lowercased()) {
      check.error("\(name) is the gateway's own", at: "hide", "\(index)")
    }
    for (index, field) in add.enumerated() {
      if Self.framing.contains(field.name.lowercased()) {
        check.error("\(field.name) is the gateway's own", at: "add", "\(index)", "name")
      }
      Template.check(field.value, in: &check, "add", "\(index)", "value")
    }
    for (index, change) in locations.enumerated() {
      Template.check(change.to, in: &check, "locations", "\(index)", "to")
    }
  }

  private static let framing: Set<String> = [
    "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "keep-alive",
    "sec-websocket-accept", "sec-websocket-extensions", "sec-websocket-protocol", "date",
  ]
}

extension Configuration.AddedHeader {
  static let schema = Schema(
    "AddedHeader", of: Self(), "One field that is added.",
    [
      Field("name", .text(.fieldName), "Its name.", isRequired: true),
      Field("value", .text(.template), "Its value; an empty one is not set.", isRequired: true),
      Field(
        "statuses", .list(of: .integer(200...599)), "The statuses it is added to; all when empty."),
    ])
}

extension Configuration.LocationChange {
  static let schema = Schema(
    "LocationChange", of: Self(), "Another beginning of a URL.",
    [
      Field("from", .text(.fieldValue), "What it begins with.", isRequired: true),
      Field("to", .text(.template), "What stands there instead.", isRequired: true),
    ])
}
