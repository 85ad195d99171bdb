public import SluiceConfiguration
import SluiceWire

/// How the gateway would route a request that never arrives, for `sluice explain`.
///
/// The request's text passes the real parser, normaliser, router and rewriting, so that the answer
/// is what the gateway does. Slow; not for the request path.
public struct RouteExplanation: Equatable, Sendable {
  /// What a request consists of here.
  public struct Request: Equatable, Sendable {
    public var method: String
    /// As on the request line: path and query, or a whole URL.
    public var target: String
    public var fields: [(name: String, value: String)]
    /// The name of the listener it arrives on.
    public var listener: String
    /// What it names in the TLS handshake; empty for no name, nil without TLS.
    public var serverName: String?
    /// Where it comes from; nil for nowhere that a route could name.
    public var address: String?

    public init(
      method: String, target: String, fields: [(name: String, value: String)], listener: String,
      serverName: String? = nil, address: String? = nil
    ) {
      self.serverName = serverName
      self.address = address
      self.method = method
      self.target = target
      self.fields = fields
      self.listener = listener
    }

    public static func == (left: Request, right: Request) -> Bool {
      left.text == right.text && left.listener == right.listener
        && left.serverName == right.serverName && left.address == right.address
    }

    var text: String {
      "\(method) \(target) HTTP/1.1\r\n"
        + fields.map { "\($0.name): \($0.value)\r\n" }.joined() + "\r\n"
    }
  }

  public enum Outcome: Equatable, Sendable {
    /// The gateway answers itself. `allow` lists the methods of a 405.
    case refused(GatewayError, detail: String?, allow: String?)
    /// The request goes to the service of `route`, with this path (before a target's base path).
    case forwarded(path: String)
  }

  public struct Verdict: Equatable, Sendable {
    public let route: String
    public let reason: Reason
  }

  public enum Reason: Equatable, Sendable {
    case matched
    /// Everything holds, but the route named here comes first.
    case lowerPrecedence(than: String)
    case host, path, regexLimit, listener, serverName, address, method
    case header(String)
    case query(String)
    /// One of the file's variables.
    case variable(String)
  }

  /// What one of the file's variables is for this request; nil where a regular expression gives up.
  public struct Value: Equatable, Sendable {
    public let name: String
    public let text: String?
  }

  /// A route that sends the request on to internal routes.
  public struct Way: Equatable, Sendable {
    public let route: String
    /// Their name.
    public let section: String
    public let path: String
    public let query: String?
  }

  public let request: Request
  public internal(set) var outcome: Outcome
  /// The matching route, even where its entry refuses the request.
  public internal(set) var route: String?
  /// Normalised; nil when the request is not well-formed.
  public internal(set) var path: String?
  public internal(set) var query: String?
  public internal(set) var host: String?
  /// What routes were asked about that lie on the way.
  public internal(set) var variables: [Value] = []
  /// What these depend on and nothing here tells: taken for empty.
  public internal(set) var unknown: [String] = []
  /// How it came to `route`, from the first route on; empty where it matched at once.
  public internal(set) var ways: [Way] = []
  /// Every route that it was looked for among in the end, in the order of precedence for this request.
  public internal(set) var verdicts: [Verdict] = []

  /// Throws what starting a gateway with this configuration would.
  public static func explain(
    _ request: Request, in configuration: Configuration
  ) throws(Gateway.StartError) -> RouteExplanation {
    var explanation = RouteExplanation(request: request, outcome: .forwarded(path: ""))
    try explanation.trace(configuration)
    return explanation
  }

  private static func router(
    _ section: String, of configuration: Configuration
  ) throws(Gateway.StartError) -> Router {
    do throws(RouterError) {
      return try Router(
        routes: configuration.routesBySection[section] ?? [:],
        listeners: configuration.listeners.keys.sorted())
    } catch {
      throw .routes(error.description)
    }
  }

  private init(request: Request, outcome: Outcome) {
    self.request = request
    self.outcome = outcome
  }

  // MARK: The request's way

  private mutating func trace(_ configuration: Configuration) throws(Gateway.StartError) {
    let settings = configuration.listeners[request.listener] ?? Configuration.Listener()
    let limits = CompiledListener.headLimits(of: settings)
    var head = RequestHead()
    let bytes = Array(request.text.utf8)
    do throws(HeadError) {
      var scanned = 0
      guard let end = try HeadScanner.endOfHead(bytes.span, scanned: &scanned, limits: limits),
        end == bytes.count
      else { throw .incompleteHead }
      try head.parse(bytes.span, limits: limits)
    } catch {
      return refuse(GatewayError(error), "\(error.text)")
    }
    host = head.host.map { Self.text(head.span($0)) }
    query = head.query.map { Self.text(head.span($0)) }
    if head.method == .connect { return refuse(.connectRefused) }
    var path = ByteBuffer()
    do throws(PathError) {
      try Self.normalise(head, slashes: CompiledListener.slashes(of: settings), into: &path)
    } catch {
      return refuse(.malformedRequest, "\(error.text)")
    }
    self.path = Self.text(path.span)
    let listener = configuration.listeners.keys.sorted().firstIndex(of: request.listener) ?? -1
    guard let exchange = ExplainedExchange(request, in: configuration) else {
      return refuse(.internalError)
    }
    var section = ""
    repeat {
      let router = try Self.router(section, of: configuration)
      route(head, exchange, listener: listener, configuration, router)
      guard let next = leave(by: exchange, configuration) else { break }
      section = next
    } while true
    unknown = configuration.unexplained(in: variables.map(\.name))
  }

  /// The name of the internal routes to which the route sends the request on.
  private mutating func leave(
    by exchange: ExplainedExchange, _ configuration: Configuration
  ) -> String? {
    guard let route,
      let reroute = configuration.policies(ofRoute: route).lazy.compactMap({
        $0.settings as? Configuration.Reroute
      }).first
    else { return nil }
    switch exchange.change(by: reroute) {
    case .unchanged: return nil
    case .unsafe:
      refuse(.malformedRequest, "The path can't be rewritten to one that is safe.")
      return nil
    case .gaveUp:
      refuse(.regexLimit)
      return nil
    case .changed: break
    }
    let query = exchange.withQuery { Self.text($0) }
    ways.append(
      Way(
        route: route, section: reroute.to, path: exchange.withPath { Self.text($0) },
        query: query.isEmpty ? nil : query))
    self.query = query.isEmpty ? nil : query
    self.route = nil
    outcome = .forwarded(path: "")
    if ways.count <= Exchange.mostInternalRedirects { return reroute.to }
    refuse(.reroutedTooOften)
    return nil
  }

  private static func normalise(
    _ head: borrowing RequestHead, slashes: PathNormalizer.EncodedSlashes,
    into path: inout ByteBuffer
  ) throws(PathError) {
    if head.form == .asterisk { return path.append(head.span(head.path)) }
    try PathNormalizer.normalize(head.span(head.path), slashes: slashes, into: &path)
  }

  private mutating func route(
    _ head: borrowing RequestHead, _ exchange: ExplainedExchange, listener: Int,
    _ configuration: Configuration, _ router: Router
  ) {
    let caller = exchange.caller(serverName: request.serverName, router)
    var path = ByteBuffer()
    var query = ByteBuffer()
    exchange.withPath { path.append($0) }
    exchange.withQuery { query.append($0) }
    let trace = router.trace(
      head, host: head.span(head.host ?? .empty), path: path.span, query: query.span,
      listener: listener, caller: caller)
    verdicts = trace.verdicts.map { Verdict(route: $0.route, reason: Reason($0.reason)) }
    for name in router.variableNames where !variables.contains(where: { $0.name == name }) {
      variables.append(Value(name: name, text: exchange.value(of: name)))
    }
    // The tables decide; the trace only says why.
    let match = router.match(
      head, host: head.span(head.host ?? .empty), path: path.span, query: query.span,
      listener: listener, caller: caller)
    switch match {
    case .notFound: refuse(.noRoute)
    case .regexLimit: refuse(.regexLimit)
    case .methodNotAllowed(let allow):
      let methods = router.allowValue(allow)
      outcome = .refused(.methodNotAllowed, detail: nil, allow: Self.text(methods.span))
    case .route(let index, let matched):
      let name = router.routeNames[index]
      guard let settings = configuration.routes[name] else { return refuse(.internalError) }
      route = name
      let refusal = RouteEntry.refusal(
        of: head, maxBodySize: settings.maxBodySize.map { UInt64($0.bytes) },
        session: settings.kind == .websocket
          ? CompiledSession(
            settings, configuration.messageUses(ofRoute: name), configuration.sessions) : nil)
      if let refusal { return refuse(refusal) }
      var rewritten = ByteBuffer()
      if head.form == .asterisk {
        rewritten.append(path.span)
      } else {
        CompiledRoute.Rewrite(settings.path).append(path.span, matched: matched, to: &rewritten)
      }
      outcome = .forwarded(path: Self.text(rewritten.span))
    }
  }

  private mutating func refuse(_ error: GatewayError, _ detail: String? = nil) {
    outcome = .refused(error, detail: detail, allow: nil)
  }

  /// What a target with this URL is asked for; nil when nothing is forwarded.
  public func requestTarget(at url: String) -> String? {
    guard case .forwarded(let path) = outcome else { return nil }
    let base = TargetURL(url)?.basePath ?? ""
    return base + path + (query.map { "?\($0)" } ?? "")
  }

  private static func text(_ bytes: Span<UInt8>) -> String {
    bytes.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
  }
}

extension RouteExplanation.Reason {
  init(_ reason: RouteVerdict.Reason) {
    switch reason {
    case .matched: self = .matched
    case .lowerPrecedence(let other): self = .lowerPrecedence(than: other)
    case .host: self = .host
    case .path: self = .path
    case .regexLimit: self = .regexLimit
    case .listener: self = .listener
    case .serverName: self = .serverName
    case .address: self = .address
    case .header(let name): self = .header(name)
    case .query(let name): self = .query(name)
    case .variable(let name): self = .variable(name)
    case .method: self = .method
    }
  }
}
