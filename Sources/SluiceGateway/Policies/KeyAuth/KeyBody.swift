import SluiceWire

/// A body that may hold a key, by its type.
enum KeyBody {
  case form
  case json

  /// Nil when the request has no such body.
  init?(of exchange: Exchange) {
    guard let kind = Self.kind(exchange.request) else { return nil }
    self = kind
  }

  private static func kind(_ head: borrowing RequestHead) -> KeyBody? {
    if head.framing.isEmpty { return nil }
    guard let index = head.firstIndex(named: contentType.span) else { return nil }
    let value = head.span(head.fields[index].value)
    if forms.names(value) { return .form }
    return objects.names(value) ? .json : nil
  }

  private static let contentType = Array("content-type".utf8)
  private static let forms = MediaTypeSet(["application/x-www-form-urlencoded"])
  private static let objects = MediaTypeSet(["application/json"])

  /// Calls `look` with what the collected body has under this name; nil for nothing, and for what is no
  /// text. `path` leads to the name in JSON.
  func withKey<R>(
    _ name: [UInt8], _ path: JSONPath?, _ exchange: Exchange, _ look: (Span<UInt8>) -> R
  ) -> R? {
    exchange.withCollectedBody { body -> R? in
      switch self {
      case .form: return Self.withKey(name, form: body, look)
      case .json:
        guard let path else { return nil }
        return Self.withKey(path, json: body, look)
      }
    }
  }

  /// Takes what has this name out of the collected body. False when it is there twice in an object of JSON,
  /// and nothing is taken out.
  func remove(_ name: [UInt8], _ edit: JSONEdit?, _ exchange: Exchange) -> Bool {
    var changed = ByteBuffer()
    var isClear = true
    let isChanged = exchange.withCollectedBody { body -> Bool in
      switch self {
      case .form: return QueryParameters.append(body, without: name, to: &changed)
      case .json:
        do throws(JSONEdit.Failure) {
          let nothing: [UInt8] = []
          return try edit?.apply(to: body, value: nothing.span, into: &changed) ?? false
        } catch {
          isClear = false
          return false
        }
      }
    }
    if isChanged { exchange.replaceCollectedBody(changed) }
    return isClear
  }

  /// A `+` is a space in a form.
  private static func withKey<R>(
    _ name: [UInt8], form body: Span<UInt8>, _ look: (Span<UInt8>) -> R
  ) -> R? {
    guard let range = QueryParameters.value(of: name, in: body) else { return nil }
    var plain = ByteBuffer()
    for index in range { plain.append(body[index] == 0x2B ? 0x20 : body[index]) }
    var key = ByteBuffer()
    return PercentEncoding.decode(plain.span, into: &key) ? look(key.span) : nil
  }

  private static func withKey<R>(
    _ path: JSONPath, json body: Span<UInt8>, _ look: (Span<UInt8>) -> R
  ) -> R? {
    guard case .found(let value) = path.value(in: body), value.kind == .string else { return nil }
    let content = body.extracting(value.content)
    if !value.hasEscapes { return look(content) }
    var key = ByteBuffer()
    return key.append(meaningOfJSON: content) ? look(key.span) : nil
  }
}
