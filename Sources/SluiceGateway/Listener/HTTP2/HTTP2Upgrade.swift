import SluiceWire

/// A request of HTTP/1.1 that asks for HTTP/2 (`Upgrade: h2c`, RFC 7540 3.2): it is answered on stream 1.
struct HTTP2Upgrade {
  /// The request's own bytes.
  let head: [UInt8]
  /// The caller's settings, as a SETTINGS frame has them.
  let settings: [UInt8]
  let isHead: Bool

  private static let settingsName = Array("http2-settings".utf8)
  /// More than all the settings there are.
  private static let maxSettings = 32
  private static let settingBytes = 6

  /// Nil when it does not ask for it, not properly, or with a body: then it is answered by HTTP/1.1, as by
  /// servers that have never heard of it. `bytes` begin with the head.
  init?(_ request: borrowing RequestHead, _ bytes: Span<UInt8>) {
    guard let upgrade = request.upgrade, request.framing == .none,
      request.span(upgrade).equalsIgnoringCase("h2c"), request.method != .connect,
      let field = Self.onlySettings(of: request)
    else { return nil }
    var decoded = ByteBuffer()
    guard decoded.append(decodingBase64: request.span(field), .urlSafe),
      decoded.count % Self.settingBytes == 0,
      decoded.count <= Self.maxSettings * Self.settingBytes
    else { return nil }
    settings = decoded.copiedBytes()
    head = bytes.withUnsafeBufferPointer { Array($0) }
    isHead = request.method == .head
  }

  /// The value of the one HTTP2-Settings field, which is for this connection only and says so.
  private static func onlySettings(of request: borrowing RequestHead) -> ByteRange? {
    var value: ByteRange?
    var isNamed = false
    for index in request.fields.indices {
      let field = request.fields[index]
      if field.known == .connection {
        isNamed = isNamed || names(request.span(field.value))
      } else if request.span(field.name).equalsIgnoringCase(settingsName.span) {
        if value != nil { return nil }
        value = field.value
      }
    }
    return isNamed ? value : nil
  }

  /// Whether a value of Connection has the option.
  private static func names(_ list: Span<UInt8>) -> Bool {
    var options = FieldList(list)
    while let option = options.next() {
      if list.extracting(option).equalsIgnoringCase(settingsName.span) { return true }
    }
    return false
  }
}
