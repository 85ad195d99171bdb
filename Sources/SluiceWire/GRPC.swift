/// What a call of gRPC says about itself in its fields.
///
/// Facts from the protocol's description, "gRPC over HTTP2", and from that of gRPC-Web
/// (github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md and PROTOCOL-WEB.md).
public enum GRPCMediaType: Equatable, Sendable {
  /// `application/grpc`, maybe with `+proto` or the like.
  case grpc
  /// `application/grpc-web`: trailers are in the body.
  case web
  /// `application/grpc-web-text`: the same in base64.
  case webText

  private static let prefix: StaticString = "application/grpc"

  /// Nil for any other value of Content-Type.
  public init?(_ value: Span<UInt8>) {
    guard let kind = Self.parse(value) else { return nil }
    self = kind.type
  }

  /// The part behind the type, from `+` or `;` on: the format of the messages, for the other type.
  public static func suffix(of value: Span<UInt8>) -> Range<Int> {
    (parse(value)?.end ?? value.count)..<value.count
  }

  private static func parse(_ value: Span<UInt8>) -> (type: GRPCMediaType, end: Int)? {
    guard hasPrefix(value, at: 0, prefix) else { return nil }
    var end = prefix.utf8CodeUnitCount
    var type = GRPCMediaType.grpc
    if hasPrefix(value, at: end, "-web") {
      end += 4
      type = .web
      if hasPrefix(value, at: end, "-text") {
        end += 5
        type = .webText
      }
    }
    if end == value.count { return (type, end) }
    switch value[end] {
    // `+`, `;`, a space or a tab before one.
    case 0x2B, 0x3B, 0x20, 0x09: return (type, end)
    default: return nil
    }
  }

  private static func hasPrefix(_ value: Span<UInt8>, at start: Int, _ text: StaticString) -> Bool {
    let count = text.utf8CodeUnitCount
    if value.count - start < count { return false }
    return value.extracting(start..<(start + count)).equalsIgnoringCase(text)
  }
}

/// How a call of gRPC ended.
public enum GRPCStatus: Int, CaseIterable, Sendable {
  case ok, cancelled, unknown, invalidArgument, deadlineExceeded, notFound, alreadyExists
  case permissionDenied, resourceExhausted, failedPrecondition, aborted, outOfRange, unimplemented
  case `internal`, unavailable, dataLoss, unauthenticated

  /// As the protocol writes it in words: `DEADLINE_EXCEEDED`.
  public var name: String {
    switch self {
    case .ok: "OK"
    case .cancelled: "CANCELLED"
    case .unknown: "UNKNOWN"
    case .invalidArgument: "INVALID_ARGUMENT"
    case .deadlineExceeded: "DEADLINE_EXCEEDED"
    case .notFound: "NOT_FOUND"
    case .alreadyExists: "ALREADY_EXISTS"
    case .permissionDenied: "PERMISSION_DENIED"
    case .resourceExhausted: "RESOURCE_EXHAUSTED"
    case .failedPrecondition: "FAILED_PRECONDITION"
    case .aborted: "ABORTED"
    case .outOfRange: "OUT_OF_RANGE"
    case .unimplemented: "UNIMPLEMENTED"
    case .internal: "INTERNAL"
    case .unavailable: "UNAVAILABLE"
    case .dataLoss: "DATA_LOSS"
    case .unauthenticated: "UNAUTHENTICATED"
    }
  }

  /// The value of `grpc-status`; nil for what is none.
  public init?(_ value: Span<UInt8>) {
    guard value.count == 1 || value.count == 2 && value[0] == 0x31 else { return nil }
    var number = 0
    for index in value.indices {
      let digit = value[index] &- 0x30
      if digit > 9 { return nil }
      number = number * 10 + Int(digit)
    }
    self.init(rawValue: number)
  }
}

/// The value of `grpc-timeout`.
public enum GRPCTimeout {
  /// Nanoseconds; nil for what is no timeout. At most eight digits and a unit.
  public static func nanoseconds(_ value: Span<UInt8>) -> Int64? {
    guard value.count >= 2, value.count <= 9 else { return nil }
    var number: Int64 = 0
    for index in 0..<(value.count - 1) {
      let digit = value[index] &- 0x30
      if digit > 9 { return nil }
      number = number * 10 + Int64(digit)
    }
    let unit: Int64
    switch value[value.count - 1] {
    case UInt8(ascii: "n"): unit = 1
    case UInt8(ascii: "u"): unit = 1_000
    case UInt8(ascii: "m"): unit = 1_000_000
    case UInt8(ascii: "S"): unit = 1_000_000_000
    case UInt8(ascii: "M"): unit = 60_000_000_000
    case UInt8(ascii: "H"): unit = 3_600_000_000_000
    default: return nil
    }
    // 99,999,999 hours are more than 64 bits hold.
    let (product, isTooLong) = number.multipliedReportingOverflow(by: unit)
    return isTooLong ? .max : product
  }

  /// Units in the order of their length, each with its letter.
  private static let units: [(nanoseconds: Int64, letter: UInt8)] = [
    (1, UInt8(ascii: "n")), (1_000, UInt8(ascii: "u")), (1_000_000, UInt8(ascii: "m")),
    (1_000_000_000, UInt8(ascii: "S")), (60_000_000_000, UInt8(ascii: "M")),
    (3_600_000_000_000, UInt8(ascii: "H")),
  ]

  /// What eight digits can say.
  private static let mostDigits: Int64 = 99_999_999

  /// Appends a time as `grpc-timeout` says it, in the smallest unit for which eight digits are enough; rounded
  /// down, but never to nothing.
  static func append(_ nanoseconds: Int64, to output: inout ByteBuffer) {
    let time = max(1, nanoseconds)
    let unit = units.first { time / $0.nanoseconds <= mostDigits } ?? units[units.count - 1]
    output.append(decimal: UInt64(time / unit.nanoseconds))
    output.append(unit.letter)
  }
}

extension ByteBuffer {
  /// Appends a time as the value of `grpc-timeout`; one that is over becomes the shortest there is.
  public mutating func append(grpcTimeout nanoseconds: Int64) {
    GRPCTimeout.append(nanoseconds, to: &self)
  }

  /// Appends text as the value of `grpc-message`: percent-encoded outside of printable ASCII.
  public mutating func append(grpcMessage text: Span<UInt8>) {
    for index in text.indices {
      let byte = text[index]
      if byte < 0x20 || byte > 0x7E || byte == 0x25 {
        append(0x25)
        append(Self.hexDigit(byte >> 4))
        append(Self.hexDigit(byte & 15))
      } else {
        append(byte)
      }
    }
  }

  private static func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x37 + value }
}
