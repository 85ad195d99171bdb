import SluiceWire

/// What a record of TLS 1.3 says, once the handshake is over (RFC 8446 5). Pure: bytes in, meaning out.
enum TLSRecord {
  /// Plaintext of one record at most.
  static let maxText = 16 * 1_024
  /// Text, type and padding of one record at most (RFC 8446 5.4).
  static let maxInner = maxText + 1
  /// Behind the header: text, its type, padding, tag (RFC 8446 5.2).
  static let maxLength = maxText + 256
  /// A type and a tag.
  static let minLength = 17
  static let headerBytes = 5
  /// A sealed record is so much longer than its text.
  static let overhead = headerBytes + minLength

  /// Types of content (RFC 8446 5.1).
  enum Content: UInt8 {
    case alert = 21
    case handshake = 22
    case applicationData = 23
  }

  /// What a peer is told that breaks the rules (RFC 8446 6.2).
  enum Alert: UInt8, Error {
    case unexpectedMessage = 10
    case badRecordMAC = 20
    case recordOverflow = 22
    case decodeError = 50
    case internalError = 80
  }

  enum Frame: Equatable {
    case needsMore
    /// How many bytes there are behind the header.
    case record(Int)
    case refused(Alert)
  }

  /// What the header at the front of `bytes` says. The record itself need not be there.
  static func frame(_ bytes: UnsafeRawBufferPointer) -> Frame {
    guard bytes.count >= headerBytes else {
      // A wrong type shows at once: who speaks plain HTTP would never send the rest.
      if let first = bytes.first, first != Content.applicationData.rawValue {
        return .refused(.unexpectedMessage)
      }
      return .needsMore
    }
    if bytes[0] != Content.applicationData.rawValue || bytes[1] != 3 {
      return .refused(.unexpectedMessage)
    }
    let length = Int(bytes[3]) << 8 | Int(bytes[4])
    if length > maxLength { return .refused(.recordOverflow) }
    return length < minLength ? .refused(.decodeError) : .record(length)
  }

  /// How many whole, sealed records these are; nil when there is anything else.
  static func count(in bytes: UnsafeRawBufferPointer) -> UInt64? {
    var count: UInt64 = 0
    var rest = bytes
    while !rest.isEmpty {
      guard case .record(let length) = frame(rest), rest.count >= headerBytes + length else {
        return nil
      }
      rest = UnsafeRawBufferPointer(rebasing: rest[(headerBytes + length)...])
      count += 1
    }
    return count
  }

  enum Message: Equatable {
    /// So many bytes for the reader, from the front.
    case text(Int)
    case closeNotify
    /// The peer gives up and says why.
    case failed(UInt8)
    /// The peer's keys are the next ones from here on; `wantsAnswer`: so shall be ours.
    case keyUpdate(wantsAnswer: Bool)
    /// Nothing follows from it.
    case ignored
    case refused(Alert)
  }

  /// The meaning of what was in a record: content, its type, zeros.
  static func message(_ bytes: UnsafeRawBufferPointer) -> Message {
    if bytes.count > maxInner { return .refused(.recordOverflow) }
    guard let end = bytes.lastIndex(where: { $0 != 0 }) else { return .refused(.unexpectedMessage) }
    switch Content(rawValue: bytes[end]) {
    case .applicationData: return .text(end)
    // Only text may be empty (RFC 8446 5.4).
    case .alert where end == 0: return .refused(.unexpectedMessage)
    case .alert: return end == 2 ? alert(bytes[1]) : .refused(.decodeError)
    case .handshake: return handshake(UnsafeRawBufferPointer(rebasing: bytes[..<end]))
    case nil: return .refused(.unexpectedMessage)
    }
  }

  /// In TLS 1.3 the type of an alert decides, not its level (RFC 8446 6).
  private static func alert(_ code: UInt8) -> Message {
    switch code {
    case 0: .closeNotify
    // user_canceled; a close_notify follows.
    case 90: .ignored
    default: .failed(code)
    }
  }

  /// After the handshake a client has nothing but updates of its keys to say (we ask for no certificate
  /// then). The record ends with the message, because the keys change there (RFC 8446 5.1). RFC 8446 would
  /// let a peer cut these five bytes into several records; no library does, and it is refused.
  private static func handshake(_ bytes: UnsafeRawBufferPointer) -> Message {
    if bytes.isEmpty || bytes[0] != 24 { return .refused(.unexpectedMessage) }
    guard bytes.count == 5, bytes[1] == 0, bytes[2] == 0, bytes[3] == 1 else {
      return .refused(bytes.count > 5 ? .unexpectedMessage : .decodeError)
    }
    return bytes[4] > 1 ? .refused(.decodeError) : .keyUpdate(wantsAnswer: bytes[4] == 1)
  }
}
