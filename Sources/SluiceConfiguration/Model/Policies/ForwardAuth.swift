extension Configuration {
  /// Another service decides who calls and whether they may.
  public struct ForwardAuth: PolicySettings {
    public var service = ""
    public var path = "/"
    /// Fields of the request that it gets; all when empty.
    public var requestHeaders: [String] = []
    /// Further fields that it gets, as templates.
    public var set: [String: String] = [:]
    /// Fields of its answer that targets get.
    public var responseHeaders: [String] = []
    /// Fields for targets with the names of those of its answer whose values they have.
    public var targetHeaders: [String: String] = [:]
    /// Fields of its answer that callers get.
    public var callerHeaders: [String] = []
    /// Fields of its answer that name the consumer and the groups.
    public var consumerHeader = ""
    public var groupsHeader = ""
    public var timeout = Timespan.seconds(5)
    /// What its answer may say about the session that a handshake becomes.
    public var grants: [Grant] = []
    /// How long before a granted expiry it is asked again.
    public var renewBefore: Timespan?
    public init() {}

    public enum Grant: String, Codable, CaseIterable, Sendable {
      case labels, expiry, actions
      case idleTimeout = "idle-timeout"
      case messageRate = "message-rate"
      case byteRate = "byte-rate"
      case messageSize = "message-size"

      /// Whether messages have to be looked at for it.
      public var limitsMessages: Bool {
        switch self {
        case .messageRate, .byteRate, .messageSize: true
        case .labels, .expiry, .actions, .idleTimeout: false
        }
      }
    }
  }
}

extension Configuration.ForwardAuth {
  public static let policyName = "forward-auth"
  public static let stage = PolicyStage.identify
  public var grantsGroups: Bool { !groupsHeader.isEmpty }

  public static let schema = Schema(
    "ForwardAuth", of: Self(),
    "Asks another service about every request: with 2xx it passes, any other answer below 500 is the caller's. No answer, or 5xx, is 503: nobody passes unasked.",
    [
      Field(
        "service", .text(.entityReference), "The service that is asked.", isRequired: true),
      Field(
        "path", .text(.plainPath),
        "What it is asked for, by GET. The request's own method and target are in `X-Forwarded-Method` and `X-Forwarded-Uri`."
      ),
      Field(
        "requestHeaders", .list(of: .text(.fieldName)),
        "Fields of the request that it gets; all when empty. The forwarding fields come on top."),
      Field(
        "set", .map(keys: .fieldName, of: .text(.template), atLeast: 0),
        "Further fields that it gets, in the place of the caller's and the gateway's of the same name, with the variables of request-transform. An empty value leaves a field out. They are not there where a session's handshake is asked about once more."
      ),
      Field(
        "responseHeaders", .list(of: .text(.fieldName)),
        "Fields of its answer that targets get; what callers send under these names is dropped."),
      Field(
        "targetHeaders", .map(keys: .fieldName, of: .text(.fieldName), atLeast: 0),
        "The same under other names: `{X-User: X-Auth-Request-User}` gives targets an `X-User` with the value of `X-Auth-Request-User` in its answer."
      ),
      Field(
        "callerHeaders", .list(of: .text(.fieldName)),
        "Fields of its answer that callers get with the response where it lets them pass, such as a `Set-Cookie` that it has renewed."
      ),
      Field(
        "consumerHeader", .text(.optionalReference),
        "The field of its answer with the consumer's name; none when empty."),
      Field(
        "groupsHeader", .text(.optionalReference),
        "The field of its answer with the caller's groups, with commas between them; none when empty. They come on top of those of the consumer."
      ),
      Field("timeout", .duration, "For its answer."),
      Field(
        "grants", .list(of: .choice(Configuration.ForwardAuth.Grant.self)),
        "What fields of its answer may say about the session that a handshake becomes; what is not listed is not listened to. `labels`: `Sluice-Grant-Label-NAME: VALUE`, at most 16. `expiry`: `Sluice-Grant-Expiry: 15m`, when the trust ends. `idle-timeout`: `Sluice-Grant-Idle-Timeout: 5m`. `message-rate`: `Sluice-Grant-Message-Rate: 50/1s`, messages from the caller beside the route's own limits, with the `action` of the route's `rateLimit`. `byte-rate`: `Sluice-Grant-Byte-Rate: 64KiB/1s`, the same of their payloads. `message-size`: `Sluice-Grant-Message-Size: 4KiB`, a larger message of the caller ends the session with 1009. `actions`: `Sluice-Grant-Actions: look, buy`, all that `messages.authorize` lets this caller send, whatever its groups. A field that is malformed, unknown or given twice refuses the handshake with 503."
      ),
      Field(
        "renewBefore", .duration,
        "How long before the end of a granted `expiry` the service is asked again, with the head of the handshake, which is kept in memory for that; with 2xx and another expiry the session lives on. Not at all unless set, and not for handshakes over 8 KiB."
      ),
    ])

  public static let example = """
    version: 1
    listeners:
      web: {address: "127.0.0.1:8080"}
    services:
      time: {targets: ["http://127.0.0.1:9000"]}
      login: {targets: ["http://127.0.0.1:9001"]}
    routes:
      time:
        match: {path: /time}
        service: time
        policies:
          forward-auth:
            service: login
            path: /verify
            requestHeaders: [Authorization, Cookie]
            responseHeaders: [X-User-Email]
            consumerHeader: X-User
    """

  public func check(_ check: inout PolicyCheck) {
    if renewBefore != nil && !grants.contains(.expiry) {
      check.error(
        "only an expiry that is granted can be renewed", at: "renewBefore",
        hint: "add expiry to 'grants'")
    }
    check.requireService(service, at: "service")
    let framing: Set<String> = [
      "host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer",
      "keep-alive", "expect", "proxy-connection", "date", "sec-websocket-key",
      "sec-websocket-version", "sec-websocket-extensions", "sec-websocket-accept",
      "sluice-connection-id", "sluice-reconnect",
    ]
    // What the target's response says of itself.
    let ofResponses: Set<String> = ["content-encoding", "content-range", "age", "cache-status"]
    func checkFraming(
      _ names: some Sequence<String>, _ key: String, or more: Set<String> = []
    ) {
      for name in names.sorted() where framing.union(more).contains(name.lowercased()) {
        check.error("\(name) is the gateway's own", at: key)
      }
    }
    checkFraming(set.keys, "set")
    checkFraming(responseHeaders, "responseHeaders")
    checkFraming(targetHeaders.keys, "targetHeaders")
    checkFraming(callerHeaders, "callerHeaders", or: ofResponses)
    for (name, value) in set.sorted(by: { $0.key < $1.key }) {
      Template.check(value, in: &check, "set", name)
    }
  }
}
