import CNGHTTP2
import SluiceWire

/// The fields of a message on their way to HPACK. One per worker, filled and used within one call.
struct HTTP2FieldList: ~Copyable {
  private struct Entry {
    var name: Range<Int>
    var value: Range<Int>
    var flags: UInt8
  }

  private var text = ByteBuffer()
  private var entries: [Entry] = []
  private var pairs: [nghttp2_nv] = []

  /// A response begins with its status.
  mutating func begin(status: Int) {
    clear()
    append(":status") { $0.append(decimal: UInt64(status)) }
  }

  /// Trailers have none.
  mutating func clear() {
    text.clear()
    entries.removeAll(keepingCapacity: true)
  }

  mutating func append(_ name: StaticString, _ value: (inout ByteBuffer) -> Void) {
    let start = text.count
    text.append(name)
    let middle = text.count
    value(&text)
    entries.append(
      Entry(name: start..<middle, value: middle..<text.count, flags: Self.indexed))
  }

  /// A field of a response that was parsed. Names become lower case (RFC 9113 8.2.1).
  mutating func append(name: Span<UInt8>, value: Span<UInt8>) {
    let start = text.count
    for index in name.indices { text.append(name[index].asciiLowercased) }
    let middle = text.count
    text.append(value)
    entries.append(
      Entry(
        name: start..<middle, value: middle..<text.count,
        flags: Self.isSecret(name) ? Self.neverIndexed : Self.indexed))
  }

  /// A request as `RequestComposer` writes it for HTTP/1.1: request line, Host and the other fields (RFC
  /// 9113 8.3.1). `opensTunnel`: a handshake, which becomes an extended CONNECT (RFC 8441 5).
  mutating func appendRequest(
    _ text: Span<UInt8>, scheme: StaticString, opensTunnel: Bool = false
  ) {
    clear()
    var methodEnd = 0
    while text[methodEnd] != 0x20 { methodEnd += 1 }
    var pathEnd = methodEnd + 1
    while text[pathEnd] != 0x20 { pathEnd += 1 }
    var lineEnd = pathEnd
    while text[lineEnd] != 0x0D { lineEnd += 1 }
    var hostEnd = lineEnd + 2
    while text[hostEnd] != 0x0D { hostEnd += 1 }
    if opensTunnel {
      append(":method") { $0.append("CONNECT") }
      append(":protocol") { $0.append("websocket") }
    } else {
      append(":method") { $0.append(text.extracting(..<methodEnd)) }
    }
    append(":scheme") { $0.append(scheme) }
    append(":authority") { $0.append(text.extracting((lineEnd + 2 + Self.hostBytes)..<hostEnd)) }
    append(":path") { $0.append(text.extracting((methodEnd + 1)..<pathEnd)) }
    // The last two bytes are the empty line.
    appendLines(
      text.extracting((hostEnd + 2)..<(text.count - 2)),
      without: opensTunnel ? .secWebSocketKey : nil)
  }

  /// `Host: `
  private static let hostBytes = 6

  /// Fields as HTTP/1.1 writes them, each `Name: value CRLF`; those of a connection are left out.
  mutating func appendLines(_ lines: Span<UInt8>, without dropped: FieldName? = nil) {
    var start = 0
    while start < lines.count {
      var end = start
      while end < lines.count, lines[end] != 0x0D { end += 1 }
      appendLine(lines.extracting(start..<end), without: dropped)
      start = end + 2
    }
  }

  private mutating func appendLine(_ line: Span<UInt8>, without dropped: FieldName?) {
    var colon = 0
    while colon < line.count, line[colon] != 0x3A { colon += 1 }
    let name = line.extracting(..<colon)
    // A status line has none.
    if colon == line.count || FieldName(name).isHopByHop || FieldName(name) == dropped { return }
    var start = colon + 1
    while start < line.count, line[start] == 0x20 { start += 1 }
    append(name: name, value: line.extracting(start...))
  }

  /// RFC 7541 7.1.3: what is guessed by the sizes of what surrounds it is kept out of the table.
  private static func isSecret(_ name: Span<UInt8>) -> Bool {
    // Requests of many callers share a connection to a target.
    switch FieldName(name) {
    case .authorization, .proxyAuthorization, .cookie, .setCookie: true
    default: false
    }
  }

  private static let indexed = UInt8(truncatingIfNeeded: NGHTTP2_NV_FLAG_NONE.rawValue)
  private static let neverIndexed = UInt8(truncatingIfNeeded: NGHTTP2_NV_FLAG_NO_INDEX.rawValue)

  var isEmpty: Bool { entries.isEmpty }

  /// Calls `body` with what the library takes; it copies.
  mutating func withPairs<R>(_ body: (UnsafePointer<nghttp2_nv>?, Int) -> R) -> R {
    pairs.removeAll(keepingCapacity: true)
    return Self.withText(text, entries, &pairs, body)
  }

  private static func withText<R>(
    _ text: borrowing ByteBuffer, _ entries: [Entry], _ pairs: inout [nghttp2_nv],
    _ body: (UnsafePointer<nghttp2_nv>?, Int) -> R
  ) -> R {
    text.withUnsafeBytes { bytes in
      // SAFETY: the ranges lie within the text, which does not change in this call, and the library
      // only reads, though it has no const for that.
      let start = bytes.baseAddress.map {
        UnsafeMutablePointer(mutating: $0.assumingMemoryBound(to: UInt8.self))
      }
      for entry in entries {
        pairs.append(
          nghttp2_nv(
            name: start.map { $0 + entry.name.lowerBound },
            value: start.map { $0 + entry.value.lowerBound },
            namelen: entry.name.count, valuelen: entry.value.count, flags: entry.flags))
      }
      return pairs.withUnsafeBufferPointer { body($0.baseAddress, $0.count) }
    }
  }
}
