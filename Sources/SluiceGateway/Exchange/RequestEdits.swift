import SluiceWire

/// What policies change in the request that a target gets. The parsed head stays as it was sent;
/// `RequestComposer` applies this.
struct RequestEdits: ~Copyable {
  var fields = FieldEdits()
  /// Cookies and entries of Sec-WebSocket-Protocol (by what stands before their dot) that are left
  /// out; such fields are written anew.
  private(set) var droppedCookies: [[UInt8]] = []
  private(set) var droppedSubprotocols: [[UInt8]] = []
  /// The query in the place of the head's; an empty one is left out with its question mark.
  private(set) var query = ByteBuffer()
  private(set) var hasQuery = false

  var isEmpty: Bool {
    fields.isEmpty && !hasQuery && droppedCookies.isEmpty && droppedSubprotocols.isEmpty
  }

  mutating func drop(_ index: Int) { fields.drop(index) }
  mutating func add(_ line: FieldLine) { fields.add(line) }
  /// Lets `write` append whole lines.
  mutating func add(_ write: (inout ByteBuffer) -> Void) { fields.add(write) }
  mutating func dropCookie(_ name: [UInt8]) { droppedCookies.append(name) }
  mutating func dropSubprotocols(_ name: [UInt8]) { droppedSubprotocols.append(name) }

  mutating func setQuery(_ query: consuming ByteBuffer) {
    self.query = query
    hasQuery = true
  }

  mutating func clear() {
    if isEmpty { return }
    fields.clear()
    droppedCookies.removeAll(keepingCapacity: true)
    droppedSubprotocols.removeAll(keepingCapacity: true)
    if hasQuery {
      query.release()
      hasQuery = false
    }
  }
}

extension RequestEdits {
  /// Appends a field of the head that edits reach into.
  func append(_ field: HeaderField, of head: borrowing RequestHead, to output: inout ByteBuffer) {
    let name = head.span(field.name)
    let value = head.span(field.value)
    var rest = ByteBuffer()
    if field.known == .cookie && !droppedCookies.isEmpty {
      if !Cookies.append(value, without: droppedCookies, to: &rest) { return }
      output.appendField(name: name, value: rest.span)
    } else if field.known == .secWebSocketProtocol && !droppedSubprotocols.isEmpty {
      if Subprotocols.append(value, without: droppedSubprotocols, to: &rest) == 0 { return }
      output.appendField(name: name, value: rest.span)
    } else {
      output.appendField(name: name, value: value)
    }
  }
}
