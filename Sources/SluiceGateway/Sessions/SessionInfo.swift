/// One session as the admin API shows it: a copy, made on the worker's thread.
public struct SessionInfo: Sendable {
  public struct Direction: Sendable {
    public var messages: UInt64 = 0
    /// Payload bytes of messages.
    public var bytes: UInt64 = 0
    /// Messages that did not reach the other end: over a limit, or replaced or left out for a slow
    /// caller. They are among `messages`.
    public var dropped: UInt64 = 0
    /// Unix time in milliseconds; nil before the first message.
    public var lastMessageAt: Int64?
    /// Bytes that the receiving side did not take yet.
    public var backlog = 0
    public init() {}
  }

  public var id: SessionID
  public var worker = 0
  public var route = ""
  public var service = ""
  /// Without the base path, see `TargetURL.displayName`.
  public var target = ""
  public var consumer: String?
  public var claims: [String: String] = [:]
  /// Without port; empty for Unix sockets.
  public var address = ""
  public var origin: String?
  public var userAgent: String?
  public var subprotocol: String?
  public var labels: [String: String] = [:]
  /// Unix time in milliseconds.
  public var openedAt: Int64 = 0
  public var expiresAt: Int64?
  /// Nanoseconds since the session opened, and since anything passed.
  public var age: Int64 = 0
  public var idle: Int64 = 0
  /// Nanoseconds between the gateway's latest answered ping and its pong.
  public var roundTrip: Int64?
  public var isInspected = false
  /// `open`, `reconnecting` or `closing`.
  public var state = "open"
  /// How often it lost its target and went on with another connection.
  public var reconnects: UInt32 = 0
  public var fromClient = Direction()
  public var fromUpstream = Direction()

  public init(id: SessionID) { self.id = id }
}
