import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// Whom a limit counts: 128 bits made of what names them.
///
/// Hashed with the process's secret seed, so that nobody can choose two names that count as one, or
/// names that fill one chain of a table; and as small for a name of 8 KiB as for one of a byte.
struct LimitKey: Hashable, Sendable {
  let high: UInt64
  let low: UInt64

  /// `kind` keeps apart what may have the same bytes, such as an address and a header's value.
  init(kind: UInt8, _ bytes: Span<UInt8>) {
    var hasher = Hasher()
    hasher.combine(kind)
    bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    self.init(hasher)
  }

  init(kind: UInt8, _ address: IPAddress) {
    var hasher = Hasher()
    hasher.combine(kind)
    hasher.combine(address.high)
    hasher.combine(address.low)
    self.init(hasher)
  }

  init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  private init(_ hasher: Hasher) {
    var second = hasher
    second.combine(true)
    high = UInt64(bitPattern: Int64(second.finalize()))
    low = UInt64(bitPattern: Int64(hasher.finalize()))
  }

  /// Of a consumer, by name.
  static func consumer(_ name: [UInt8]) -> LimitKey { LimitKey(kind: 1, name.span) }

  /// The bits are as good as any hash of them.
  func hash(into hasher: inout Hasher) { hasher.combine(low) }
}

/// Finds whom a limit counts an exchange for.
struct LimitKeyReader {
  private enum Source {
    case consumer, credential, address, route, host, all
    case header([UInt8])
    case path([UInt8])
    case claim([UInt8])
    case variable(CompiledTemplate)
  }

  private enum Kind {
    // 1 is that of consumers, `LimitKey.consumer`.
    static let credential: UInt8 = 2
    static let address: UInt8 = 3
    static let route: UInt8 = 4
    static let header: UInt8 = 5
    static let claim: UInt8 = 6
    /// Callers on Unix sockets.
    static let local: UInt8 = 7
    static let all: UInt8 = 8
    static let path: UInt8 = 9
    static let host: UInt8 = 10
    static let variable: UInt8 = 11
  }

  private let source: Source

  init(_ by: Configuration.LimitKey) {
    source =
      switch by {
      case .consumer: .consumer
      case .credential: .credential
      case .address: .address
      case .route: .route
      case .host: .host
      case .all: .all
      case .path(let path): .path(Array(path.utf8))
      case .header(let name): .header(Array(name.utf8))
      case .claim(let name): .claim(Array(name.utf8))
      case .variable(let name): .variable(CompiledTemplate("${variables.\(name)}"))
      }
  }

  func key(of exchange: Exchange) -> LimitKey {
    switch source {
    case .consumer:
      // Who proved nothing must not use up what others like it have.
      if let key = exchange.withIdentity({ $0.limitKey }) ?? nil { return key }
    case .header(let name):
      if let key = Self.key(ofField: name, exchange.request) { return key }
    case .path(let path):
      if Self.asks(exchange.request, for: path) { return LimitKey(kind: Kind.path, path.span) }
    case .host: return Self.key(ofHost: exchange.request)
    case .variable(let template):
      var text = ByteBuffer()
      template.append(exchange, .field, to: &text)
      if !text.isEmpty { return LimitKey(kind: Kind.variable, text.span) }
    case .credential, .address, .route, .all, .claim: break
    }
    return key(
      of: exchange.identity, route: exchange.route?.nameBytes, address: exchange.clientAddress)
  }

  private static func asks(_ head: borrowing RequestHead, for path: [UInt8]) -> Bool {
    bytesEqual(head.span(head.path), path.span)
  }

  /// Nil where the handshake says, which is gone.
  func key(of session: Session) -> LimitKey? {
    switch source {
    case .header, .path, .host, .variable: return nil
    default: break
    }
    return key(of: session.identity, route: session.route.nameBytes, address: session.client)
  }

  private func key(
    of caller: @autoclosure () -> Identity?, route: @autoclosure () -> [UInt8]?,
    address: @autoclosure () -> SocketAddress
  ) -> LimitKey {
    // Who proved nothing must not use up what others like it have.
    func proved() -> Identity? { caller().flatMap { $0.isAnonymous ? nil : $0 } }
    switch source {
    case .consumer: if let key = caller()?.limitKey { return key }
    case .credential:
      if let name = proved()?.credential, !name.isEmpty {
        return LimitKey(kind: Kind.credential, name.span)
      }
    case .claim(let name):
      if let value = proved()?.claim(name)?.value, !value.isEmpty {
        return LimitKey(kind: Kind.claim, value.span)
      }
    case .route: if let route = route() { return LimitKey(kind: Kind.route, route.span) }
    case .all:
      let nothing: [UInt8] = []
      return LimitKey(kind: Kind.all, nothing.span)
    case .header, .path, .host, .variable, .address: break
    }
    guard let address = HTTPListener.caller(address()) else {
      let nothing: [UInt8] = []
      return LimitKey(kind: Kind.local, nothing.span)
    }
    return LimitKey(kind: Kind.address, address)
  }

  /// The same for every way to write a host. Those of HTTP/1.0 who name none count as one.
  private static func key(ofHost head: borrowing RequestHead) -> LimitKey {
    guard let range = head.host else {
      let nothing: [UInt8] = []
      return LimitKey(kind: Kind.host, nothing.span)
    }
    let host = head.span(range)
    var count = host.count
    if count > 1, host[count - 1] == 0x2E { count -= 1 }
    var name: [UInt8] = []
    name.reserveCapacity(count)
    for index in 0..<count { name.append(host[index].asciiLowercased) }
    return LimitKey(kind: Kind.host, name.span)
  }

  private static func key(ofField name: [UInt8], _ head: borrowing RequestHead) -> LimitKey? {
    guard let index = head.firstIndex(named: name.span) else { return nil }
    return LimitKey(kind: Kind.header, head.span(head.fields[index].value))
  }
}
