extension Configuration {
  /// What the messages of a `websocket` route may be and what becomes of them.
  public struct MessageSettings: Codable, Equatable, Sendable {
    /// From callers. Lower than the other one, because unmasking costs.
    public var maxSize = ByteCount.mebibytes(1)
    public var maxSizeFromUpstream = ByteCount.mebibytes(16)
    /// Pings, pongs and empty fragments of one end in a second.
    public var maxControlFrames = 100
    /// Whole messages are looked at, even where no other setting asks for it.
    public var inspect = false
    /// Frames of one message; of inspected ones.
    public var maxFragments = 1_024
    public var rateLimit: MessageRateLimit?
    public var rateLimitFromUpstream: MessageRateLimit?
    public var authorize: MessageAuthorization?
    public var conflate: Conflation?
    public init() {}
  }

  /// How much one session may send; `limit` or `bytes` must be given.
  public struct MessageRateLimit: Codable, Equatable, Sendable {
    /// Messages in a window.
    public var limit: Int?
    /// Payload bytes in a window.
    public var bytes: ByteCount?
    public var window = Timespan.seconds(1)
    /// Messages at once, as many as `limit` unless set.
    public var burst: Int?
    public var action = MessageRateAction.delay
    public init() {}
  }

  /// What happens to messages over the limit.
  public enum MessageRateAction: String, Codable, CaseIterable, Sendable { case delay, drop, close }

  /// Keeps only the newest message of each key while a caller is slow.
  public struct Conflation: Codable, Equatable, Sendable {
    /// Leads to the value in a JSON message that tells which messages replace each other.
    public var key = ""
    /// Keys that may wait at a time.
    public var maxKeys = 1_024
    public init() {}
  }
}

extension Configuration.Route {
  /// Whether whole messages are looked at, or bytes pass as they come.
  public var isInspected: Bool {
    guard kind == .websocket else { return false }
    let drops = connection?.slowConsumer.drops ?? false
    let isAsked =
      drops || connection?.refresh?.message != nil || connection?.onDenial == .refuse
    guard let messages else { return isAsked }
    return isAsked || messages.inspect || messages.rateLimit != nil
      || messages.rateLimitFromUpstream != nil || messages.conflate != nil
      || messages.authorize != nil
  }
}

// MARK: Tables

extension Configuration.MessageSettings {
  static let schema = Schema(
    "MessageSettings", of: Self(), "What the messages of a `websocket` route may be.",
    [
      Field(
        "maxSize", .byteCount(ByteCount(1)...ByteCount(1 << 40)),
        "The largest message from a caller; a larger one ends the session with 1009."),
      Field(
        "maxSizeFromUpstream", .byteCount(ByteCount(1)...ByteCount(1 << 40)),
        "The largest message from the target."),
      Field(
        "maxControlFrames", .integer(1...65_535),
        "Pings, pongs and empty fragments from one end in a second; more end the session with 1008."
      ),
      Field(
        "inspect", .boolean,
        "Whether messages are put together and checked as a whole even where no other setting needs it. `rateLimit`, `rateLimitFromUpstream`, `authorize`, `conflate`, a `slowConsumer` that drops and policies with `messages` need it. Inspected messages are not compressed."
      ),
      Field(
        "maxFragments", .integer(1...65_535),
        "Frames of one inspected message; more end the session with 1009."),
      Field(
        "rateLimit", .object(Configuration.MessageRateLimit.schema),
        "How much a caller may send in one session."),
      Field(
        "rateLimitFromUpstream", .object(Configuration.MessageRateLimit.schema),
        "How much the target may send in one session."),
      Field(
        "authorize", .object(Configuration.MessageAuthorization.schema),
        "Which messages a caller may send, by its groups."),
      Field(
        "conflate", .object(Configuration.Conflation.schema),
        "While a caller is slow, only the newest message of each key waits for it."),
    ])
}

extension Configuration.MessageRateLimit {
  static let schema = Schema(
    "MessageRateLimit", of: Self(),
    "How much one end of one session may send; `limit`, `bytes` or both.",
    [
      Field("limit", .integer(1...1_000_000), "Messages in a window; no limit unless set."),
      Field(
        "bytes", .byteCount(ByteCount(1)...ByteCount(1 << 40)),
        "Bytes of messages in a window; no limit unless set. A larger message passes when nothing was sent for a whole window, and what follows has to make up for it."
      ),
      Field(
        "window", .timespan(.milliseconds(1)...(.seconds(86_400))),
        "The time in which `limit` and `bytes` become free again, evenly."),
      Field(
        "burst", .integer(1...1_000_000), "Messages at once; as many as `limit` unless set."),
      Field(
        "action", .choice(Configuration.MessageRateAction.self),
        "What happens to messages over the limit: they wait, because the gateway reads no faster; they are dropped; or the session is closed with 1008."
      ),
    ])
}

extension Configuration.Conflation {
  static let schema = Schema(
    "Conflation", of: Self(),
    "While a caller is slow, a message replaces the one of the same key that still waits.",
    [
      Field(
        "key", .text(.jsonPath),
        "Leads to the value in a JSON message that tells which messages replace each other. Messages without it all wait.",
        isRequired: true),
      Field(
        "maxKeys", .integer(1...65_536),
        "Keys that may wait at a time; with more, the backlog counts as full."),
    ])
}
