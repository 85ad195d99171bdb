public import SluiceConfiguration
import SluiceWire

extension Configuration.KeyAuth: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy {
    CompiledKeyAuth(self, context.consumers.keys, context.worker.unixClock)
  }
}

/// Finds the consumer by an API key.
final class CompiledKeyAuth: IdentifyPolicy {
  private let settings: Configuration.KeyAuth
  private let names: [[UInt8]]
  /// The same as fields.
  private let fields: [FieldSearch]
  private let keys: KeyDirectory
  private let clock: UnixClock
  private let place: FirstMessagePlace?
  /// To the names in a body of JSON.
  private let paths: [JSONPath?]
  private let removals: [JSONEdit?]
  private let challenge: FieldLine
  private let unknown: PolicyRefusal
  private let ambiguous = PolicyRefusal(
    .bodyNotJSON, detail: "The same name occurs twice in one object.")

  init(_ settings: Configuration.KeyAuth, _ keys: KeyDirectory, _ clock: UnixClock) {
    self.settings = settings
    self.keys = keys
    self.clock = clock
    place = settings.firstMessage.flatMap { FirstMessagePlace($0) }
    names = settings.names.map { Array($0.utf8) }
    fields = names.map { FieldSearch($0) }
    // A name with a quote leads nowhere in JSON.
    paths = settings.names.map { try? JSONPath("$['\($0)']") }
    removals = paths.map { path in path.flatMap { JSONEdit(.remove, $0) } }
    challenge = FieldLine(
      "WWW-Authenticate", settings.realm.isEmpty ? "Key" : "Key realm=\"\(settings.realm)\"")
    unknown = PolicyRefusal(
      .unauthorized, detail: "The API key is not valid.", fields: [challenge])
  }

  override var challenges: [FieldLine] { [challenge] }

  override var firstMessage: FirstMessageLimits? { place?.limits }

  override func asks(_ exchange: Exchange) -> Bool {
    settings.preflight || exchange.request.method != .options
  }

  override func identify(_ exchange: Exchange) -> IdentifyOutcome {
    guard let place else { return identify(exchange, exchange.request) }
    let outcome = identify(exchange, exchange.request)
    guard case .absent = outcome else { return outcome }
    // The message goes no further, so there is nothing to hide.
    return place.withToken(of: exchange) {
      keys.identity(for: $0, clock).map { .known($0) } ?? .refused(unknown)
    } ?? .absent
  }

  private func identify(_ exchange: Exchange, _ head: borrowing RequestHead) -> IdentifyOutcome {
    for place in names.indices {
      if settings.header, let index = head.firstIndex(of: fields[place]) {
        return known(key(head.span(head.fields[index].value)), exchange)
      }
      let name = names[place]
      if settings.query, let place = head.query {
        let query = head.span(place)
        if let range = QueryParameters.value(of: name, in: query) {
          return known(identity(unescaping: query.extracting(range)), exchange)
        }
      }
      if settings.cookie {
        for field in head.fields where field.known == .cookie {
          let value = head.span(field.value)
          guard let range = Cookies.value(of: name, in: value) else { continue }
          return known(key(value.extracting(range)), exchange)
        }
      }
      if settings.subprotocol, exchange.wantsUpgrade {
        for field in head.fields where field.known == .secWebSocketProtocol {
          let value = head.span(field.value)
          guard let range = Subprotocols.key(after: name, in: value) else { continue }
          return known(key(value.extracting(range)), exchange)
        }
      }
    }
    return .absent
  }

  override func bodyLimit(_ exchange: Exchange) -> Int? {
    settings.body && KeyBody(of: exchange) != nil ? settings.maxBodySize.bytes : nil
  }

  override func identifyByBody(_ exchange: Exchange) -> IdentifyOutcome {
    guard let body = KeyBody(of: exchange) else { return .absent }
    for (name, path) in zip(names, paths) {
      let found = body.withKey(name, path, exchange) { keys.identity(for: $0, clock) }
      guard let found else { continue }
      guard let identity = found else { return .refused(unknown) }
      if settings.hide, !hide(body, exchange) { return .refused(ambiguous) }
      return .known(identity)
    }
    return .absent
  }

  /// Takes every key out of the body; false where readers of JSON might still find one.
  private func hide(_ body: KeyBody, _ exchange: Exchange) -> Bool {
    for (name, edit) in zip(names, removals) where !body.remove(name, edit, exchange) {
      return false
    }
    return true
  }

  private func key(_ key: Span<UInt8>) -> Identity? { keys.identity(for: key, clock) }

  private func identity(unescaping key: Span<UInt8>) -> Identity? {
    var unescaped = ByteBuffer()
    guard PercentEncoding.decode(key, into: &unescaped) else { return nil }
    return keys.identity(for: unescaped.span, clock)
  }

  private func known(_ identity: consuming Identity?, _ exchange: Exchange) -> IdentifyOutcome {
    guard let identity else { return .refused(unknown) }
    if settings.hide { hide(exchange) }
    return .known(identity)
  }

  /// Takes every key out, wherever one was looked for.
  private func hide(_ exchange: Exchange) {
    for index in names.indices {
      if settings.header { exchange.dropRequestFields(fields[index]) }
      if settings.query { exchange.dropQueryParameter(named: names[index]) }
      if settings.cookie { exchange.dropCookie(named: names[index]) }
      if settings.subprotocol { exchange.dropSubprotocols(startingWith: names[index]) }
    }
  }
}
