import SluiceWire

/// What policies change in the request that a target gets. The parsed head stays as it was sent;
/// `RequestComposer` applies this.
struct RequestEdits: ~Copyable {
  var fields = FieldEdits()
  /// Cookies and entries of Sec-WebSocket-Protocol (by what stands before their dot) that are left
  /// out; such fields are written anew.
  private(set) var droppedCookies: [[UInt8]] = []
  private(set) var droppedSubprotocols: [[UInt8]] = []
  /// Parameters that are left out of the query, whatever is put in its place.
  private(set) var droppedParameters: [[UInt8]] = []
  /// What stays left out of the request when all else is forgotten.
  private var kept: Kept?

  private struct Kept {
    let fields: FieldEdits.Drops
    let cookies: [[UInt8]]
    let subprotocols: [[UInt8]]
    let parameters: [[UInt8]]
  }

  /// The query in the place of the head's; an empty one is left out with its question mark.
  private(set) var query = ByteBuffer()
  private(set) var hasQuery = false
  /// The path in the place of what the route makes of it; behind the target's base path. Normal.
  private(set) var path = ByteBuffer()
  private(set) var hasPath = false
  /// The method in the place of the head's; nil for that one.
  private(set) var method: [UInt8]?

  /// The Host field in the place of what the service's settings make of it.
  private(set) var host = ByteBuffer()
  private(set) var hasHost = false
  /// X-Forwarded-* and their like pass as the caller sent them, and the gateway writes none.
  private(set) var keepsForwarded = false

  var isEmpty: Bool {
    fields.isEmpty && !hasHost && !keepsForwarded && !hasQuery && !hasPath && method == nil
      && droppedCookies.isEmpty
      && droppedSubprotocols.isEmpty
  }

  mutating func drop(_ index: Int) { fields.drop(index) }
  mutating func add(_ line: FieldLine) { fields.add(line) }
  /// Lets `write` append whole lines.
  mutating func add(_ write: (inout ByteBuffer) -> Void) { fields.add(write) }
  mutating func dropCookie(_ name: [UInt8]) { droppedCookies.append(name) }
  mutating func dropSubprotocols(_ name: [UInt8]) { droppedSubprotocols.append(name) }
  mutating func dropParameter(_ name: [UInt8]) { droppedParameters.append(name) }

  /// What was left out so far outlives `forget`.
  mutating func keepDrops() {
    if isEmpty && droppedParameters.isEmpty { return }
    kept = Kept(
      fields: fields.drops, cookies: droppedCookies, subprotocols: droppedSubprotocols,
      parameters: droppedParameters)
  }

  /// As if nothing had been changed, but for what `keepDrops` has kept.
  mutating func forget() {
    guard let kept else { return clear() }
    clear()
    fields.drop(kept.fields)
    droppedCookies = kept.cookies
    droppedSubprotocols = kept.subprotocols
    droppedParameters = kept.parameters
    self.kept = kept
  }

  mutating func setQuery(_ query: consuming ByteBuffer) {
    self.query = query
    hasQuery = true
  }

  mutating func setPath(_ path: consuming ByteBuffer) {
    self.path = path
    hasPath = true
  }

  /// Neither HEAD nor CONNECT: whether a response has a body must not hang on it.
  mutating func setMethod(_ method: [UInt8]) { self.method = method }

  mutating func setHost(_ host: consuming ByteBuffer) {
    self.host = host
    hasHost = true
  }

  mutating func keepForwarded() { keepsForwarded = true }

  /// Makes this the same as `other`.
  mutating func copy(_ other: borrowing RequestEdits) {
    fields.copy(other.fields)
    droppedCookies = other.droppedCookies
    droppedSubprotocols = other.droppedSubprotocols
    method = other.method
    keepsForwarded = other.keepsForwarded
    if other.hasHost {
      host.append(other.host.span)
      hasHost = true
    }
    if other.hasQuery {
      query.append(other.query.span)
      hasQuery = true
    }
    if other.hasPath {
      path.append(other.path.span)
      hasPath = true
    }
  }

  mutating func clear() {
    if !droppedParameters.isEmpty { droppedParameters.removeAll(keepingCapacity: true) }
    if kept != nil { kept = nil }
    if isEmpty { return }
    if method != nil { method = nil }
    keepsForwarded = false
    if hasHost {
      host.release()
      hasHost = false
    }
    if hasPath {
      path.release()
      hasPath = false
    }
    fields.clear()
    if !droppedCookies.isEmpty { droppedCookies.removeAll(keepingCapacity: true) }
    if !droppedSubprotocols.isEmpty { droppedSubprotocols.removeAll(keepingCapacity: true) }
    if hasQuery {
      query.release()
      hasQuery = false
    }
  }
}

extension RequestEdits {
  /// Whether a part of the field's value is left out.
  func rewrites(_ field: HeaderField) -> Bool {
    switch field.known {
    case .cookie: !droppedCookies.isEmpty
    case .secWebSocketProtocol: !droppedSubprotocols.isEmpty
    default: false
    }
  }

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
