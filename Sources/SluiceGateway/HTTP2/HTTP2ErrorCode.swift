/// RFC 9113 7; others are passed on as numbers.
struct HTTP2ErrorCode: Equatable, Sendable {
  let rawValue: UInt32

  static let noError = HTTP2ErrorCode(rawValue: 0)
  static let protocolError = HTTP2ErrorCode(rawValue: 1)
  static let internalError = HTTP2ErrorCode(rawValue: 2)
  static let flowControlError = HTTP2ErrorCode(rawValue: 3)
  static let frameSizeError = HTTP2ErrorCode(rawValue: 6)
  static let refusedStream = HTTP2ErrorCode(rawValue: 7)
  static let cancel = HTTP2ErrorCode(rawValue: 8)
  static let compressionError = HTTP2ErrorCode(rawValue: 9)
  static let enhanceYourCalm = HTTP2ErrorCode(rawValue: 11)
}
