extension Configuration {
  /// An active check: one worker asks the target, and what it finds holds for all of them.
  ///
  /// Every check is a connection of its own, so it also tells whether the target accepts any. A target
  /// whose last checks failed gets no requests, even if the service has no other.
  public struct HealthCheck: Codable, Equatable, Sendable {
    public var type = HealthCheckType.http
    /// `http`: what is asked for, behind the target's base path.
    public var path = "/"
    /// `http`: the statuses of a target that is well.
    public var statuses = [StatusRange(200, 299)]
    /// `grpc`: the service that is asked about; empty is the server as a whole.
    public var service = ""
    /// From the beginning of one check to that of the next, give or take a tenth.
    public var interval = Timespan.seconds(5)
    /// How long one check may take, connecting included.
    public var timeout = Timespan.seconds(2)
    /// Checks in a row that have to pass until an unhealthy target gets requests again.
    public var healthyAfter = 2
    /// Checks in a row that have to fail until a healthy target gets none.
    public var unhealthyAfter = 3
    public init() {}
  }

  /// What is asked: GET, `grpc.health.v1.Health/Check`, or for nothing but a connection.
  public enum HealthCheckType: String, Codable, CaseIterable, Sendable { case http, grpc, tcp }

  /// In the file `204` or `200-299`.
  public struct StatusRange: Equatable, Sendable {
    public let first: Int
    public let last: Int

    /// Both are 200 to 599, the first not above the last.
    public init(_ first: Int, _ last: Int) {
      self.first = first
      self.last = last
    }

    public func contains(_ status: Int) -> Bool { first <= status && status <= last }
  }
}

extension Configuration.StatusRange: TextValue {
  private static let statuses = 200...599

  public init?(text: String) {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count <= 2, let first = Self.status(parts[0]),
      let last = Self.status(parts[parts.count - 1]), first <= last
    else { return nil }
    self.init(first, last)
  }

  private static func status(_ digits: Substring) -> Int? {
    guard digits.utf8.count == 3, let status = Int(digits), statuses.contains(status) else {
      return nil
    }
    return status
  }

  public var text: String { first == last ? "\(first)" : "\(first)-\(last)" }
}

extension TextForm {
  static let statusRange = TextForm(
    "a status or a range of them", pattern: "^[2-5][0-9][0-9](-[2-5][0-9][0-9])?$",
    examples: ["200", "200-399"], reason: "statuses are 200 to 599, the lower one first",
    accepts: { Configuration.StatusRange(text: $0) != nil })

  static let healthService = TextForm(
    "a service's name", examples: ["shop.v1.Orders"], reason: "it has at most 255 bytes",
    accepts: { $0.utf8.count <= 255 })

  /// A path as it is sent, with or without a query.
  static let checkPath = TextForm(
    "a path", pattern: "^/", examples: ["/healthz", "/status?full=1"],
    reason: "it begins with / and has visible ASCII characters other than #, at most 1024",
    accepts: { text in
      text.hasPrefix("/") && text.utf8.count <= 1_024
        && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") }
    })
}

extension Configuration.HealthCheck {
  static let schema = Schema(
    "HealthCheck", of: Self(),
    "What every target of a service is asked again and again, on a connection of its own. One that fails "
      + "gets no requests, even if the service has no other; the first check decides at once.",
    [
      Field(
        "type", .choice(Configuration.HealthCheckType.self),
        "`http` sends a GET, `grpc` calls `grpc.health.v1.Health/Check`, `tcp` only connects; to `https` "
          + "targets with TLS."),
      Field(
        "path", .text(.checkPath),
        "Of `http`: what is asked for, behind the target's base path."),
      Field(
        "statuses", .list(of: .text(.statusRange), atLeast: 1),
        "Of `http`: the statuses of a target that is well."),
      Field(
        "service", .text(.healthService),
        "Of `grpc`: the service that is asked about; the server as a whole unless set."),
      Field(
        "interval", .timespan(.milliseconds(100)...(.seconds(86_400))),
        "From the beginning of one check to that of the next, give or take a tenth."),
      Field(
        "timeout", .timespan(.milliseconds(1)...(.seconds(3_600))),
        "How long one check may take, connecting included."),
      Field(
        "healthyAfter", .integer(1...1_000),
        "Checks in a row that have to pass until a target gets requests again."),
      Field(
        "unhealthyAfter", .integer(1...1_000),
        "Checks in a row that have to fail until a target gets none."),
    ])
}
