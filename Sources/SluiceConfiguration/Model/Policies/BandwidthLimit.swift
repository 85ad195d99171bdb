extension Configuration {
  /// How many bytes of bodies may pass in a second, each way.
  public struct BandwidthLimit: PolicySettings {
    /// From callers to targets; nil for no limit.
    public var request: ByteCount?
    /// From targets to callers; nil for no limit.
    public var response: ByteCount?
    /// What may pass at once; as much as in a second unless set.
    public var burst: ByteCount?
    public var by = BandwidthKey.caller(.consumer)
    public var maxDelay = Timespan.seconds(10)
    public var maxKeys = 100_000
    /// Messages of sessions count, too.
    public var messages = false
    public init() {}
  }

  /// What shares a bandwidth. In the file `request`, or what limits count by.
  public enum BandwidthKey: Equatable, Sendable {
    /// Every request and its response for themselves.
    case request
    case caller(LimitKey)
  }
}

extension Configuration.BandwidthLimit {
  public static let policyName = "bandwidth-limit"
  public static let stage = PolicyStage.limit
  public var countsBy: [Configuration.LimitKey] {
    if case .caller(let key) = by { [key] } else { [] }
  }

  private static let rates = ByteCount.kibibytes(1)...ByteCount.mebibytes(1_048_576)

  public static let schema = Schema(
    "BandwidthLimit", of: Self(),
    "Limits how many bytes of bodies pass in a second, by reading more slowly from who sends them; nothing is lost and little is held in memory. Bodies move in pieces of up to 72 KiB, so a low limit makes pauses between them. A new request waits until what its caller has had too much is made up for. What the gateway answers itself is not limited. With `messages` the WebSocket messages of the same caller share the rate.",
    [
      Field(
        "request", .byteCount(rates), "Bytes of request bodies in a second; no limit unless set."),
      Field(
        "response", .byteCount(rates),
        "Bytes of response bodies in a second, those from the cache included; no limit unless set."),
      Field(
        "burst", .byteCount(rates),
        "What may pass at once, each way; as much as in a second unless set."),
      Field(
        "by", .text(.bandwidthKey),
        "What shares these bytes: the requests of a consumer, an address and so on; `request` gives each of them the whole. Callers without it (nobody knows them, no such field) are counted by their address, an IPv6 address by its /64."
      ),
      Field(
        "maxDelay", .duration,
        "A request that would have to wait for longer before it begins gets 429 and `Retry-After`."),
      LimitField.maxKeys,
      Field(
        "messages", .boolean,
        "Whether payloads of messages on `websocket` routes count, too: those of callers for `request`, those of targets for `response`. They are looked at as a whole then, and not compressed; with `by: request` each session has the whole rate."
      ),
    ])

  public static let example = """
    version: 1
    listeners:
      web: {address: "127.0.0.1:8080"}
    services:
      files: {targets: ["http://127.0.0.1:9000"]}
    routes:
      files:
        match: {prefix: /files}
        service: files
        policies:
          bandwidth-limit: {request: 1MiB, response: 10MiB, by: address}
    """

  public func check(_ check: inout PolicyCheck) {
    if case .caller(let key) = by { check.requireVariable(of: key, at: "by") }
    if request == nil && response == nil {
      check.error("limits nothing", hint: "set request or response")
    }
    if case .route(let name) = check.origin, !messages,
      check.configuration.routes[name]?.kind == .websocket
    {
      check.warning("does nothing for sessions", hint: "set messages: true")
    }
  }
}

extension Configuration.BandwidthKey: TextValue {
  public init?(text: String) {
    if text == "request" {
      self = .request
    } else if let key = Configuration.LimitKey(text: text) {
      self = .caller(key)
    } else {
      return nil
    }
  }

  public var text: String {
    switch self {
    case .request: "request"
    case .caller(let key): key.text
    }
  }
}

extension TextForm {
  static let bandwidthKey = TextForm(
    "what shares a bandwidth",
    pattern:
      "^(request|consumer|credential|address|route|host|all|header:.+|path:/.*|claim:.+|variable:.+)$",
    examples: ["request"] + limitKey.examples,
    check: { text in
      if text == "request" { return nil }
      guard let problem = limitKey.check(text) else { return nil }
      return Configuration.LimitKey(text: text) == nil
        ? TextProblem(
          "",
          hint:
            "write request, consumer, credential, address, route, host, all, header:NAME, path:/PATH, claim:NAME or variable:NAME"
        )
        : problem
    })
}
