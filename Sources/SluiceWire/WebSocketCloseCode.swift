/// Why a WebSocket is closed (RFC 6455 7.4 and the IANA registry of close codes).
public struct WebSocketCloseCode: RawRepresentable, Hashable, Sendable {
  public let rawValue: UInt16

  @inline(__always)
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  public static var normal: Self { Self(rawValue: 1_000) }
  public static var goingAway: Self { Self(rawValue: 1_001) }
  public static var protocolError: Self { Self(rawValue: 1_002) }
  public static var unsupportedData: Self { Self(rawValue: 1_003) }
  /// No close frame has it: stands for one without code.
  public static var noStatus: Self { Self(rawValue: 1_005) }
  /// No close frame has it: stands for a connection that ended without one.
  public static var abnormal: Self { Self(rawValue: 1_006) }
  public static var invalidPayload: Self { Self(rawValue: 1_007) }
  public static var policyViolation: Self { Self(rawValue: 1_008) }
  public static var messageTooBig: Self { Self(rawValue: 1_009) }
  public static var mandatoryExtension: Self { Self(rawValue: 1_010) }
  public static var internalError: Self { Self(rawValue: 1_011) }
  public static var serviceRestart: Self { Self(rawValue: 1_012) }
  public static var tryAgainLater: Self { Self(rawValue: 1_013) }
  public static var badGateway: Self { Self(rawValue: 1_014) }
  /// No close frame has it: stands for a TLS handshake that failed.
  public static var tlsHandshake: Self { Self(rawValue: 1_015) }

  /// Whether a close frame may carry it: 1000 to 1014 without 1004, 1005 and 1006, and the ranges of
  /// libraries (3000 to 3999) and applications (4000 to 4999).
  public var isAllowedOnWire: Bool {
    switch rawValue {
    case 1_000...1_003, 1_007...1_014, 3_000...4_999: true
    default: false
    }
  }

  /// Who sends it by its definition; nil when both may. Endpoints do not enforce it, neither does
  /// this module.
  public var sender: WebSocketSender? {
    switch rawValue {
    case 1_010: .client
    case 1_011...1_014: .server
    default: nil
    }
  }

  /// A stable name for logs and documentation; nil for what nobody registered.
  public var name: StaticString? { row?.name }
  /// One sentence for a person; nil for what nobody registered.
  public var text: StaticString? { row?.text }

  private var row: (name: StaticString, text: StaticString)? {
    switch rawValue {
    case 1_000: ("normal", "The purpose of the connection is fulfilled.")
    case 1_001: ("going-away", "The peer goes away: a server stops, a browser leaves the page.")
    case 1_002: ("protocol-error", "The other side broke the protocol.")
    case 1_003: ("unsupported-data", "A kind of data came that the peer does not take.")
    case 1_004: ("reserved", "Reserved without a meaning; never sent.")
    case 1_005: ("no-status", "The close frame had no code; never sent.")
    case 1_006: ("abnormal", "The connection ended without a close frame; never sent.")
    case 1_007: ("invalid-payload", "A message's data does not match its type, as text not UTF-8.")
    case 1_008: ("policy-violation", "A message violates the peer's policy.")
    case 1_009: ("message-too-big", "A message is too big to be processed.")
    case 1_010:
      ("mandatory-extension", "The server did not agree to an extension the client needs.")
    case 1_011: ("internal-error", "The server met a condition that it did not expect.")
    case 1_012: ("service-restart", "The service restarts; connect again after a while.")
    case 1_013: ("try-again-later", "The service is overloaded; connect again later.")
    case 1_014: ("bad-gateway", "A gateway got an invalid answer from the server behind it.")
    case 1_015: ("tls-handshake", "The TLS handshake failed; never sent.")
    case 3_000: ("unauthorized", "The endpoint has to be authorised.")
    case 3_003: ("forbidden", "The endpoint is authorised, but not for this.")
    case 3_008: ("timeout", "The endpoint took too long.")
    default: nil
    }
  }
}

/// What a close frame says (RFC 6455 5.5.1).
public struct WebSocketClose: Equatable, Sendable {
  /// Bytes of a reason beside the code in a frame of at most 125.
  public static let maxReason = 123

  /// `noStatus` for an empty frame.
  public let code: WebSocketCloseCode
  /// Where the reason lies in the payload.
  public let reason: Range<Int>

  /// Reads a close frame's unmasked payload.
  public init(_ payload: Span<UInt8>) throws(WebSocketError) {
    if payload.isEmpty {
      code = .noStatus
      reason = 0..<0
      return
    }
    if payload.count == 1 { throw .invalidClose }
    code = WebSocketCloseCode(rawValue: UInt16(payload[0]) << 8 | UInt16(payload[1]))
    if !code.isAllowedOnWire { throw .invalidCloseCode }
    reason = 2..<payload.count
    if !UTF8Validator.isValid(payload.extracting(reason)) { throw .invalidCloseReason }
  }
}
