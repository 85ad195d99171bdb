/// The two messages of `grpc.health.v1.Health/Check`, in the frames of gRPC.
///
/// ```
/// HealthCheckRequest  { string service = 1; }
/// HealthCheckResponse { ServingStatus status = 1; }   UNKNOWN 0, SERVING 1, NOT_SERVING 2,
///                                                     SERVICE_UNKNOWN 3
/// ```
///
/// The source is `grpc/health/v1/health.proto` of the gRPC project; the encoding is that of protocol
/// buffers. Pure.
public enum GRPCHealth {
  /// `ServingStatus`; a number that is none of these is `unknown`.
  public enum Status: UInt64, Sendable {
    case unknown, serving, notServing, serviceUnknown
  }

  public static let path: StaticString = "/grpc.health.v1.Health/Check"

  /// A request for the state of `service`; empty is the server as a whole. Names have at most 16,383 bytes.
  public static func request(service: Span<UInt8>) -> [UInt8] {
    precondition(service.count < 1 << 14)
    var message: [UInt8] = []
    if !service.isEmpty {
      // Field 1, length-delimited.
      message.append(0x0A)
      if service.count < 0x80 {
        message.append(UInt8(service.count))
      } else {
        message.append(UInt8(truncatingIfNeeded: service.count) | 0x80)
        message.append(UInt8(service.count >> 7))
      }
      service.withUnsafeBufferPointer { message.append(contentsOf: $0) }
    }
    // Not compressed, and the length in four bytes.
    return [0, 0, 0, UInt8(message.count >> 8), UInt8(truncatingIfNeeded: message.count)] + message
  }

  /// What a response's body says; nil for one that is not exactly one message, not compressed and whole.
  public static func status(ofResponse body: Span<UInt8>) -> Status? {
    guard body.count >= 5, body[0] == 0 else { return nil }
    var length = 0
    for index in 1...4 { length = length << 8 | Int(body[index]) }
    guard length == body.count - 5 else { return nil }
    let message = body.extracting(5...)
    var reader = FieldReader()
    // What is not said is 0, and of what is said twice the last counts.
    var status = Status.unknown
    while reader.at < message.count {
      guard let tag = reader.varint(in: message) else { return nil }
      if tag == 0x08 {
        guard let value = reader.varint(in: message) else { return nil }
        status = Status(rawValue: value) ?? .unknown
      } else if tag >> 3 == 0 || !reader.skip(wireType: tag & 7, in: message) {
        return nil
      }
    }
    return status
  }

  /// Reads the fields of one message, always the same.
  private struct FieldReader {
    private(set) var at = 0

    /// Nil when it does not end, or has more than 64 bits.
    mutating func varint(in bytes: Span<UInt8>) -> UInt64? {
      var value: UInt64 = 0
      var shift: UInt64 = 0
      while at < bytes.count, shift < 64 {
        let byte = bytes[at]
        at += 1
        if shift == 63 && byte > 1 { return nil }
        value |= UInt64(byte & 0x7F) << shift
        if byte & 0x80 == 0 { return value }
        shift += 7
      }
      return nil
    }

    /// Passes over a field of which only the tag was read; false when it is cut off or of no known kind.
    mutating func skip(wireType: UInt64, in bytes: Span<UInt8>) -> Bool {
      switch wireType {
      case 0: return varint(in: bytes) != nil
      case 1: return skip(8, in: bytes)
      case 2:
        guard let count = varint(in: bytes) else { return false }
        return count <= UInt64(bytes.count) && skip(Int(count), in: bytes)
      case 5: return skip(4, in: bytes)
      default: return false
      }
    }

    private mutating func skip(_ count: Int, in bytes: Span<UInt8>) -> Bool {
      if count > bytes.count - at { return false }
      at += count
      return true
    }
  }
}
