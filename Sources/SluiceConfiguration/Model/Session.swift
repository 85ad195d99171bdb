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
    /// New sessions of this route per second in the whole process.
    public var maxOpensPerSecond: Int?
    public init() {}
  }

  /// What the messages of a `websocket` route may be.
  public struct MessageSettings: Codable, Equatable, Sendable {
    /// From callers. Lower than the other one, because unmasking costs.
    public var maxSize = ByteCount.mebibytes(1)
    public var maxSizeFromUpstream = ByteCount.mebibytes(16)
    public init() {}
  }
}

// MARK: Tables

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
        "maxOpen", .integer(1...100_000_000),
        "Sessions of this route at a time, in the whole process; no limit unless set."),
      Field(
        "maxPerAddress", .integer(1...100_000_000),
        "The same for each caller's address (an IPv6 caller counts by its /64)."),
      Field(
        "maxPerConsumer", .integer(1...100_000_000),
        "The same for each consumer; callers that nobody knows are not counted."),
      Field(
        "maxOpensPerSecond", .integer(1...1_000_000),
        "New sessions of this route per second, in the whole process; no limit unless set."),
    ])
}

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
    ])
}
