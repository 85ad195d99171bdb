extension Configuration {
  /// How the sessions of a `websocket` route begin, live and end.
  public struct ConnectionSettings: Codable, Equatable, Sendable {
    /// For the handshake, connect and answer together.
    public var connectTimeout = Timespan.seconds(7)
    /// Without a byte in either direction but the gateway's own pings and their pongs.
    public var idleTimeout = Timespan.seconds(3_600)
    /// How often the caller is pinged; zero for never.
    public var ping = Timespan.seconds(30)
    /// How often the target is pinged; zero for never.
    public var upstreamPing = Timespan.seconds(0)
    /// How long a ping waits for any sign of life.
    public var pongTimeout = Timespan.seconds(10)
    public var lifetime: Timespan?
    /// Each session's lifetime is shorter by a random share up to this, in percent.
    public var lifetimeJitter = 10
    /// For both sides to answer a close frame.
    public var closeTimeout = Timespan.seconds(5)
    /// Sessions of this route at a time in the whole process.
    public var maxOpen: Int?
    /// The same for each caller's address.
    public var maxPerAddress: Int?
    /// The same for each consumer.
    public var maxPerConsumer: Int?
    /// The same for each value of a label, by the label's name.
    public var maxPerLabel: [String: Int] = [:]
    /// New sessions of this route per second in the whole process.
    public var maxOpensPerSecond: Int?
    /// The same for each caller's address.
    public var maxOpensPerSecondPerAddress: Int?
    /// The same for each consumer.
    public var maxOpensPerSecondPerConsumer: Int?
    /// The same for each value of a label, by the label's name.
    public var maxOpensPerSecondPerLabel: [String: Int] = [:]
    /// Bytes that may wait for one end.
    public var maxBacklog = ByteCount.kibibytes(64)
    public var slowConsumer = SlowConsumerAction.backPressure
    /// How long a caller's backlog may stay over `maxBacklog` before `close` ends its session.
    public var slowConsumerTimeout = Timespan.seconds(10)
    public var flightRecorder: FlightRecorder?
    public var onUpstreamLoss = UpstreamLossAction.close
    public var reconnect = ReconnectSettings()
    /// For sessions that a reload would not let in any more.
    public var onDenial = RefusalAction.close
    /// How a live session's trust can be extended; nil for not at all.
    public var refresh: TokenRefresh?
    /// Of every session of the route, beside those that its target gives.
    public var labels: [String: String] = [:]
    public init() {}
  }

  /// Keeps what passed last in each session, without payloads.
  public struct FlightRecorder: Codable, Equatable, Sendable {
    /// Of each session, both directions together; 16 bytes each.
    public var frames = 64
    public init() {}
  }

  /// What becomes of a session whose target is lost.
  public enum UpstreamLossAction: String, Codable, CaseIterable, Sendable { case close, reconnect }

  /// How a session without a target looks for another connection.
  public struct ReconnectSettings: Codable, Equatable, Sendable {
    /// From the loss until the session is given up.
    public var deadline = Timespan.seconds(30)
    /// Bytes from the caller that wait meanwhile.
    public var maxHeld = ByteCount.kibibytes(64)
    /// The longest pause before the first try; doubles with each.
    public var backoff = Timespan.milliseconds(100)
    public var maxBackoff = Timespan.seconds(5)
    public init() {}
  }

  /// What happens when a caller reads more slowly than its target sends.
  public enum SlowConsumerAction: String, Codable, CaseIterable, Sendable {
    /// The target has to wait.
    case backPressure = "back-pressure"
    case dropOldest = "drop-oldest"
    case dropNewest = "drop-newest"
    case close

    /// Whether it needs to know where messages begin and end.
    public var drops: Bool { self == .dropOldest || self == .dropNewest }
  }
}

extension Configuration {
  /// Limits of all sessions of the process together.
  public struct Sessions: Codable, Equatable, Sendable {
    /// At a time.
    public var maxOpen: Int?
    /// New ones per second.
    public var maxOpensPerSecond: Int?
    public init() {}
  }
}

// MARK: Tables

extension Configuration.Sessions {
  static let schema = Schema(
    "Sessions", of: Self(),
    "Limits of the sessions of all `websocket` routes together, in the whole process. Over one of them a handshake gets 429.",
    [
      Field(
        "maxOpen", .integer(1...100_000_000),
        "Sessions at a time; without it what `limits.connections` of the listeners allows."),
      Field(
        "maxOpensPerSecond", .integer(1...1_000_000),
        "New sessions per second; no limit unless set."),
    ])
}

extension Configuration.ConnectionSettings {
  static let schema = Schema(
    "ConnectionSettings", of: Self(),
    "How the sessions of a `websocket` route begin, live and end.",
    [
      Field("connectTimeout", .duration, "For the handshake: connecting and the answer together."),
      Field(
        "idleTimeout", .duration,
        "Without a byte in either direction; the gateway's pings and their pongs do not count."),
      Field("ping", .optionalDuration, "How often the caller is pinged; `0s` is never."),
      Field("upstreamPing", .optionalDuration, "How often the target is pinged; `0s` is never."),
      Field(
        "pongTimeout", .duration, "How long a ping waits for a sign of life; then the end is dead."),
      Field("lifetime", .duration, "The longest life of a session; no limit unless set."),
      Field(
        "lifetimeJitter", .integer(0...100),
        "Percent: each session's lifetime is shorter by a random share up to this."),
      Field("closeTimeout", .duration, "For both sides to answer a close frame."),
      Field(
        "onDenial", .choice(Configuration.RefusalAction.self),
        "What happens to a session that a reload would not let in any more: `close` ends it with 1008; `refuse` lets it stay open and passes none of its messages, either way, until a reload or new credentials let it in again. The caller is told as by `messages.authorize`. Messages are looked at as a whole then."
      ),
      Field(
        "refresh", .object(Configuration.TokenRefresh.schema),
        "How a caller shows new credentials while its session is open; without it a session ends when those of its handshake do."
      ),
      Field(
        "labels", .map(keys: .labelName, of: .text(.labelValue), atLeast: 0),
        "Labels that each new session of this route gets, up to 16; sessions are found by them. Its target adds others with `Sluice-Label-…`."
      ),
      Field(
        "maxOpen", .integer(1...100_000_000),
        "Sessions of this route at a time, in the whole process; no limit unless set."),
      Field(
        "maxPerAddress", .integer(1...100_000_000),
        "The same for each caller's address (an IPv6 caller counts by its /64)."),
      Field(
        "maxPerConsumer", .integer(1...100_000_000),
        "The same for each consumer; callers that nobody knows are not counted."),
      Field(
        "maxPerLabel", .map(keys: .labelName, of: .integer(1...100_000_000), atLeast: 0),
        "The same for each value of a label, by the label's name: `{room: 50}`. Where the target gives the label the limit is met at its 101, and the handshake refused then."
      ),
      Field(
        "maxOpensPerSecond", .integer(1...1_000_000),
        "New sessions of this route per second, in the whole process; no limit unless set."),
      Field(
        "maxOpensPerSecondPerAddress", .integer(1...1_000_000),
        "The same for each caller's address (an IPv6 caller counts by its /64)."),
      Field(
        "maxOpensPerSecondPerConsumer", .integer(1...1_000_000),
        "The same for each consumer; callers that nobody knows are not counted."),
      Field(
        "maxOpensPerSecondPerLabel",
        .map(keys: .labelName, of: .integer(1...1_000_000), atLeast: 0),
        "The same for each value of a label, by the label's name: `{room: 5}`. Where the target gives the label the limit is met at its 101, and the handshake refused then."
      ),
      Field(
        "maxBacklog", .byteCount(.kibibytes(4)...ByteCount(1 << 30)),
        "Bytes that may wait for one end, beyond what one read brings; then the other end has to wait, or what `slowConsumer` says happens."
      ),
      Field(
        "slowConsumer", .choice(Configuration.SlowConsumerAction.self),
        "What happens when `maxBacklog` waits for a caller: its target waits, the oldest or the newest message is dropped, or the session is closed with 1008. Dropping makes the route's messages inspected."
      ),
      Field(
        "slowConsumerTimeout", .duration,
        "For `slowConsumer: close`: how long more than `maxBacklog` may wait."),
      Field(
        "flightRecorder", .object(Configuration.FlightRecorder.schema),
        "Keeps what passed last in each session, without payloads, for `GET /connections/{id}/frames` and the log line of an abnormal end; off unless given."
      ),
      Field(
        "onUpstreamLoss", .choice(Configuration.UpstreamLossAction.self),
        "What happens when a session's target is lost: its connection breaks, falls silent or ends without a close frame, or closes with 1001, 1012 or 1013. `reconnect` keeps the caller and repeats the handshake. Compression is not offered to the target then."
      ),
      Field(
        "reconnect", .object(Configuration.ReconnectSettings.schema),
        "For `onUpstreamLoss: reconnect`."),
    ])
}

extension Configuration.FlightRecorder {
  static let schema = Schema(
    "FlightRecorder", of: Self(),
    "What is kept of each session's latest frames: time, direction, opcode, size and what became of them.",
    [
      Field(
        "frames", .integer(1...4_096),
        "Frames that are kept of each session; each takes 16 bytes, as they come.")
    ])
}

extension Configuration.ReconnectSettings {
  static let schema = Schema(
    "ReconnectSettings", of: Self(),
    "How a session that lost its target looks for another connection.",
    [
      Field(
        "deadline", .timespan(.milliseconds(10)...(.seconds(3_600))),
        "From the loss until the caller is closed with 1013."),
      Field(
        "maxHeld", .byteCount(ByteCount(0)...ByteCount(1 << 30)),
        "Bytes from the caller that wait for a target; more close the session with 1013."),
      Field(
        "backoff", .timespan(.milliseconds(1)...(.seconds(60))),
        "The longest pause before the first try. It doubles with each; a random share of it is waited."
      ),
      Field(
        "maxBackoff", .timespan(.milliseconds(1)...(.seconds(60))),
        "The longest pause between two tries. A connection that is lost sooner than this goes on with the pauses and the deadline of the loss before."
      ),
    ])
}
