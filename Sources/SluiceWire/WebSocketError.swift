/// Why bytes are no legal WebSocket traffic. The session that carries them must be closed with
/// `closeCode`.
public enum WebSocketError: UInt8, Error, CaseIterable, Sendable {
  case reservedBits, unknownOpcode, fragmentedControl, longControl
  case unmaskedFrame, maskedFrame, lengthNotMinimal, lengthTooLarge
  case unexpectedContinuation, messageInterrupted
  case invalidClose, invalidCloseCode, invalidCloseReason, frameAfterClose
  case invalidText, messageTooBig, tooManyFragments

  /// A stable name for logs and documentation.
  public var code: StaticString { description.code }
  /// One sentence for a person; short enough for a close frame's reason.
  public var text: StaticString { description.text }

  /// What the offender is told.
  public var closeCode: WebSocketCloseCode {
    switch self {
    case .invalidText, .invalidCloseReason: .invalidPayload
    case .messageTooBig, .tooManyFragments: .messageTooBig
    default: .protocolError
    }
  }

  private var description: (code: StaticString, text: StaticString) {
    switch self {
    case .reservedBits: ("reserved-bits", "A reserved bit is set that no extension explains.")
    case .unknownOpcode: ("unknown-opcode", "A frame has an unknown opcode.")
    case .fragmentedControl: ("fragmented-control", "A control frame is fragmented.")
    case .longControl: ("long-control", "A control frame has more than 125 bytes.")
    case .unmaskedFrame: ("unmasked-frame", "A client's frame is not masked.")
    case .maskedFrame: ("masked-frame", "A server's frame is masked.")
    case .lengthNotMinimal: ("length-not-minimal", "A frame's length has not the shortest form.")
    case .lengthTooLarge: ("length-too-large", "A frame's length has more than 63 bits.")
    case .unexpectedContinuation:
      ("unexpected-continuation", "A continuation frame continues no message.")
    case .messageInterrupted:
      ("message-interrupted", "A message begins before the one before it ended.")
    case .invalidClose: ("invalid-close", "A close frame has half a code.")
    case .invalidCloseCode: ("invalid-close-code", "A close frame has a code that is not allowed.")
    case .invalidCloseReason: ("invalid-close-reason", "A close frame's reason is not UTF-8.")
    case .frameAfterClose: ("frame-after-close", "A frame follows a close frame.")
    case .invalidText: ("invalid-text", "A text message is not UTF-8.")
    case .messageTooBig: ("message-too-big", "A message is larger than allowed.")
    case .tooManyFragments: ("too-many-fragments", "A message has too many fragments.")
    }
  }
}
