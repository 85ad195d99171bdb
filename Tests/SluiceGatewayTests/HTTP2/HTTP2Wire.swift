import CNGHTTP2

/// One frame of HTTP/2, as a test writes or reads it (RFC 9113 4.1).
struct HTTP2Frame: Equatable {
  enum Kind {
    static let data: UInt8 = 0
    static let headers: UInt8 = 1
    static let priority: UInt8 = 2
    static let reset: UInt8 = 3
    static let settings: UInt8 = 4
    static let ping: UInt8 = 6
    static let goAway: UInt8 = 7
    static let windowUpdate: UInt8 = 8
    static let continuation: UInt8 = 9
  }

  enum Flag {
    static let end: UInt8 = 1
    static let ack: UInt8 = 1
    static let endHeaders: UInt8 = 4
  }

  var kind: UInt8
  var flags: UInt8 = 0
  var stream = 0
  var payload: [UInt8] = []

  static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

  var bytes: [UInt8] {
    Self.number(payload.count, 3) + [kind, flags] + Self.number(stream, 4) + payload
  }

  static func number(_ value: Int, _ bytes: Int) -> [UInt8] {
    (0..<bytes).reversed().map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
  }

  // MARK: What a caller sends

  typealias Field = (name: String, value: String)

  /// Literals without indexing, so that any bytes can be sent (RFC 7541 6.2.2).
  static func block(_ fields: [Field]) -> [UInt8] {
    fields.flatMap { [0] + text($0.name) + text($0.value) }
  }

  private static func text(_ text: String) -> [UInt8] {
    let bytes = Array(text.utf8)
    if bytes.count < 127 { return [UInt8(bytes.count)] + bytes }
    var rest = bytes.count - 127
    var length: [UInt8] = [127]
    while rest >= 128 {
      length.append(UInt8(rest % 128 + 128))
      rest /= 128
    }
    return length + [UInt8(rest)] + bytes
  }

  static func settings(_ values: (id: Int, value: Int)...) -> HTTP2Frame {
    HTTP2Frame(
      kind: Kind.settings, payload: values.flatMap { number($0.id, 2) + number($0.value, 4) })
  }

  static func headers(
    _ stream: Int, _ fields: [Field], end: Bool = true, isWhole: Bool = true
  ) -> HTTP2Frame {
    HTTP2Frame(
      kind: Kind.headers, flags: (end ? Flag.end : 0) | (isWhole ? Flag.endHeaders : 0),
      stream: stream, payload: block(fields))
  }

  static func data(_ stream: Int, _ bytes: [UInt8], end: Bool = false) -> HTTP2Frame {
    HTTP2Frame(kind: Kind.data, flags: end ? Flag.end : 0, stream: stream, payload: bytes)
  }

  static func reset(_ stream: Int, _ code: Int) -> HTTP2Frame {
    HTTP2Frame(kind: Kind.reset, stream: stream, payload: number(code, 4))
  }

  static func windowUpdate(_ stream: Int, _ count: Int) -> HTTP2Frame {
    HTTP2Frame(kind: Kind.windowUpdate, stream: stream, payload: number(count, 4))
  }

  static func ping(_ text: String = "12345678", isAnswer: Bool = false) -> HTTP2Frame {
    HTTP2Frame(kind: Kind.ping, flags: isAnswer ? Flag.ack : 0, payload: Array(text.utf8))
  }

  /// What a request without fields of its own has.
  static func request(
    _ method: String = "GET", _ path: String = "/", _ fields: [Field] = []
  ) -> [Field] {
    [
      (":method", method), (":scheme", "http"), (":authority", "gateway.test"), (":path", path),
    ] + fields
  }
}

/// What a caller has received, frame by frame and stream by stream.
final class HTTP2Received {
  struct Stream {
    /// 1xx heads, the head, trailers.
    var heads: [[HTTP2Frame.Field]] = []
    var body: [UInt8] = []
    var isEnded = false
    var resetCode: Int?
    /// By WINDOW_UPDATE.
    var window = 0

    var statuses: [Int] {
      heads.compactMap { $0.first { $0.name == ":status" } }.compactMap { Int($0.value) }
    }
    var status: Int? { statuses.last }
    var text: String { String(decoding: body, as: UTF8.self) }
    var isOver: Bool { isEnded || resetCode != nil }

    subscript(name: String) -> String? { heads.joined().first { $0.name == name }?.value }
  }

  private var bytes: [UInt8] = []
  private var inflater: OpaquePointer?
  private var block: [UInt8] = []
  private(set) var frames: [HTTP2Frame] = []
  private(set) var streams: [Int: Stream] = [:]
  /// Last stream and code of every GOAWAY.
  private(set) var goAways: [(last: Int, code: Int)] = []
  private(set) var settings: [Int: Int] = [:]
  /// PING and SETTINGS that want an answer.
  var unanswered: [HTTP2Frame] = []

  init() { nghttp2_hd_inflate_new(&inflater) }

  deinit { nghttp2_hd_inflate_del(inflater) }

  subscript(id: Int) -> Stream { streams[id] ?? Stream() }

  func receive(_ more: [UInt8]) {
    bytes += more
    while bytes.count >= 9 {
      let length = Self.number(bytes[0..<3])
      if bytes.count < 9 + length { return }
      let frame = HTTP2Frame(
        kind: bytes[3], flags: bytes[4], stream: Self.number(bytes[5..<9]),
        payload: Array(bytes[9..<(9 + length)]))
      bytes.removeFirst(9 + length)
      frames.append(frame)
      take(frame)
    }
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> Int {
    bytes.reduce(0) { $0 << 8 | Int($1) }
  }

  private func take(_ frame: HTTP2Frame) {
    let isEnd = frame.flags & HTTP2Frame.Flag.end != 0
    switch frame.kind {
    case HTTP2Frame.Kind.headers, HTTP2Frame.Kind.continuation:
      block += frame.payload
      if frame.flags & HTTP2Frame.Flag.endHeaders != 0 {
        streams[frame.stream, default: Stream()].heads.append(inflate())
        block = []
      }
      if frame.kind == HTTP2Frame.Kind.headers && isEnd {
        streams[frame.stream, default: Stream()].isEnded = true
      }
    case HTTP2Frame.Kind.data:
      streams[frame.stream, default: Stream()].body += frame.payload
      if isEnd { streams[frame.stream]?.isEnded = true }
    case HTTP2Frame.Kind.reset:
      streams[frame.stream, default: Stream()].resetCode = Self.number(frame.payload[0..<4])
    case HTTP2Frame.Kind.windowUpdate:
      streams[frame.stream, default: Stream()].window += Self.number(frame.payload[0..<4])
    case HTTP2Frame.Kind.goAway:
      goAways.append((Self.number(frame.payload[0..<4]), Self.number(frame.payload[4..<8])))
    case HTTP2Frame.Kind.settings where !isEnd:
      for start in stride(from: 0, to: frame.payload.count, by: 6) {
        settings[Self.number(frame.payload[start..<(start + 2)])] =
          Self.number(frame.payload[(start + 2)..<(start + 6)])
      }
      unanswered.append(HTTP2Frame(kind: frame.kind, flags: HTTP2Frame.Flag.ack))
    case HTTP2Frame.Kind.ping where !isEnd:
      unanswered.append(
        HTTP2Frame(kind: frame.kind, flags: HTTP2Frame.Flag.ack, payload: frame.payload))
    default: break
    }
  }

  private func inflate() -> [HTTP2Frame.Field] {
    var fields: [HTTP2Frame.Field] = []
    var offset = 0
    while true {
      var pair = nghttp2_nv()
      var flags: Int32 = 0
      let count = block.withUnsafeBufferPointer {
        nghttp2_hd_inflate_hd2(
          inflater, &pair, &flags, $0.baseAddress.map { $0 + offset }, $0.count - offset, 1)
      }
      if count < 0 { return fields }
      offset += count
      if UInt32(flags) & NGHTTP2_HD_INFLATE_EMIT.rawValue != 0 {
        fields.append((Self.text(pair.name, pair.namelen), Self.text(pair.value, pair.valuelen)))
      }
      if UInt32(flags) & NGHTTP2_HD_INFLATE_FINAL.rawValue != 0 { break }
    }
    nghttp2_hd_inflate_end_headers(inflater)
    return fields
  }

  private static func text(_ start: UnsafePointer<UInt8>?, _ count: Int) -> String {
    String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
  }
}
