import SluiceGateway

/// A session as the admin API shows it.
public struct SessionContent: Codable, Sendable {
  public struct Direction: Codable, Sendable {
    public var messages: UInt64
    /// Payload bytes of messages.
    public var bytes: UInt64
    /// Messages, among those counted, that did not reach the other end.
    public var dropped: UInt64
    public var lastMessageAt: String?
    /// Bytes that the receiving side did not take yet.
    public var backlogBytes: Int
  }

  public var id: String
  public var worker: Int
  public var route: String
  public var service: String
  public var target: String
  public var consumer: String?
  public var claims: [String: String]
  public var address: String
  public var origin: String?
  public var userAgent: String?
  public var subprotocol: String?
  public var labels: [String: String]
  public var openedAt: String
  public var expiresAt: String?
  public var ageSeconds: Double
  public var idleSeconds: Double
  public var roundTripSeconds: Double?
  public var isInspected: Bool
  /// `open`, `reconnecting` or `closing`.
  public var state: String
  /// How often it lost its target and went on with another connection.
  public var reconnects: Int
  public var fromClient: Direction
  public var fromUpstream: Direction
}

extension SessionContent {
  init(_ info: SessionInfo) {
    id = info.id.description
    worker = info.worker
    route = info.route
    service = info.service
    target = info.target
    consumer = info.consumer
    claims = info.claims
    address = info.address
    origin = info.origin
    userAgent = info.userAgent
    subprotocol = info.subprotocol
    labels = info.labels
    openedAt = Timestamp(milliseconds: info.openedAt).text
    expiresAt = info.expiresAt.map { Timestamp(milliseconds: $0).text }
    ageSeconds = Double(info.age) / 1e9
    idleSeconds = Double(info.idle) / 1e9
    roundTripSeconds = info.roundTrip.map { Double($0) / 1e9 }
    isInspected = info.isInspected
    state = info.state
    reconnects = Int(info.reconnects)
    fromClient = Direction(info.fromClient)
    fromUpstream = Direction(info.fromUpstream)
  }

  static let example: SessionContent = {
    var info = SessionInfo(id: SessionID("AbCdEfGhIjKlMnOpQrStUv") ?? .zero)
    info.route = "stocks"
    info.service = "stocks-service"
    info.target = "http://stocks.internal:9000"
    info.consumer = "alice"
    info.claims = ["plan": "gold"]
    info.address = "203.0.113.7"
    info.origin = "https://app.example.com"
    info.userAgent = "Mozilla/5.0"
    info.subprotocol = "quotes.v1"
    info.labels = ["tenant": "acme"]
    info.openedAt = 1_769_860_800_000
    info.age = 12_500_000_000
    info.idle = 500_000_000
    info.roundTrip = 21_000_000
    info.fromUpstream.messages = 25
    info.fromUpstream.bytes = 1_050
    info.fromUpstream.lastMessageAt = 1_769_860_812_000
    return SessionContent(info)
  }()
}

extension SessionContent.Direction {
  init(_ direction: SessionInfo.Direction) {
    messages = direction.messages
    bytes = direction.bytes
    dropped = direction.dropped
    lastMessageAt = direction.lastMessageAt.map { Timestamp(milliseconds: $0).text }
    backlogBytes = direction.backlog
  }
}

/// The answer to `GET /connections`.
public struct SessionListContent: Codable, Sendable {
  public var connections: [SessionContent]
  /// What `cursor` has to be for the next page; missing on the last one.
  public var next: String?
}

struct SessionCountContent: Codable, Sendable {
  var count: Int
}

/// The answer to a message that was taken.
struct PushContent: Codable, Sendable {
  /// Bytes that wait for the client, the message included.
  var backlogBytes: Int
}
