import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// One request and its response, whatever carries them.
///
/// The carrier parses a head into `request` and calls `begin`; from then on this object routes,
/// chooses a target, streams both bodies with back-pressure, retries what may be retried, and is
/// recycled by its worker when it is over. Everything happens on the worker's thread, and an
/// exchange that nothing has to wait for allocates nothing.
///
/// ```
///  begin ─▶ routed ─▶ waiting for a connection ─▶ forwarding ─▶ responding ─▶ finished
///    │        │              │      ▲                │  retry      │
///    │        │              │      └────────────────┘             └─101─▶ tunnel ─▶ finished
///    └────────┴──────────────┴─▶ answered by the gateway ─▶ finished
/// ```
final class Exchange: EventHandler {
  enum State: UInt8 {
    case unused, routing, waiting, forwarding, responding, tunnel, finished
  }

  let worker: Worker
  var state = State.unused
  var request = RequestHead()
  /// The normalised path; used when `hasOwnPath`, otherwise the path in `request` is normal as sent.
  private var ownPath = ByteBuffer()
  private var hasOwnPath = false
  private(set) var matchedLength = 0
  private(set) var route: CompiledRoute?
  private(set) var listener: CompiledListener
  /// The other end of the connection.
  private(set) var peer = Exchange.nobody
  /// Whether `peer` is a proxy whose word counts.
  private(set) var isTrusted = false
  private(set) var wantsUpgrade = false
  var downstream: (any DownstreamStream)?
  var upstream: (any UpstreamStream)?
  /// Waits in a target's queue.
  var isQueued = false

  var attempt: TargetAttempt?
  /// The target of the last attempt, for the log.
  var lastTarget: UpstreamTarget?
  var tried = TargetSet()
  var attempts = RetryDecision.Attempts()
  /// A part of the request body has gone to a target, so the request cannot be sent again.
  var hasPassedBody = false

  var record = ExchangeRecord()
  private var storedRequestID: RequestID?
  /// How often this object was recycled; its token stays the same.
  private var use: UInt64 = 0

  init(worker: Worker) {
    self.worker = worker
    listener = worker.noListener
    super.init(loop: worker.loop)
    loop.register(self)
  }

  // MARK: Beginning

  /// `request` holds a new head that arrived on `listener` from `peer`.
  func begin(_ downstream: any DownstreamStream, listener: CompiledListener, peer: SocketAddress) {
    start(downstream, listener: listener, peer: peer)
    isTrusted = listener.trusts(peer)
    worker.counters.requests &+= 1
    if let redirect = listener.redirect {
      if let error = normalisePath(request) { fail(error) } else { redirect.answer(self) }
    } else if listener.servesRoutes {
      if let error = matchRoute(request) { fail(error) } else { forward() }
    } else {
      if let error = normalisePath(request) { fail(error) } else { respondLocally() }
    }
  }

  /// A head that could not be parsed; `request` means nothing.
  func refuse(
    _ error: HeadError, _ downstream: any DownstreamStream, listener: CompiledListener,
    peer: SocketAddress
  ) {
    // The head that failed means nothing, not even to the log.
    request.reset()
    start(downstream, listener: listener, peer: peer)
    worker.counters.malformedRequests &+= 1
    fail(GatewayError(error), detail: error.text)
  }

  /// Plain HTTP where TLS was to begin.
  func refusePlainText(
    _ downstream: any DownstreamStream, listener: CompiledListener, peer: SocketAddress
  ) {
    request.reset()
    start(downstream, listener: listener, peer: peer)
    worker.counters.malformedRequests &+= 1
    fail(.tlsRequired)
  }

  /// Part of a head arrived and the rest did not come in time.
  func refuseLate(
    _ downstream: any DownstreamStream, listener: CompiledListener, peer: SocketAddress
  ) {
    request.reset()
    start(downstream, listener: listener, peer: peer)
    fail(.requestTimeout)
  }

  private func start(
    _ downstream: any DownstreamStream, listener: CompiledListener, peer: SocketAddress
  ) {
    self.downstream = downstream
    self.listener = listener
    self.peer = peer
    state = .routing
    record.started = loop.now
    worker.counters.exchangesInProgress &+= 1
  }

  private func matchRoute(_ head: borrowing RequestHead) -> GatewayError? {
    if head.method == .connect {
      // RFC 9110 10.2.1: an authority, which is what CONNECT names, has no methods here.
      record.allow = []
      return .connectRefused
    }
    if let error = normalisePath(head) { return error }
    let snapshot = worker.snapshot
    switch withPath({ snapshot.match(head, path: $0, listener: listener.index) }) {
    case .notFound: return .noRoute
    case .regexLimit: return .regexLimit
    case .methodNotAllowed(let allow):
      record.allow = snapshot.router.allowValue(allow)
      return .methodNotAllowed
    case .route(let index, let length):
      let route = snapshot.routes[index]
      self.route = route
      matchedLength = length
      record.routed = true
      wantsUpgrade = route.kind == .websocket
      return RouteEntry.refusal(of: head, kind: route.kind, maxBodySize: route.maxBodySize)
    }
  }

  private func normalisePath(_ head: borrowing RequestHead) -> GatewayError? {
    if head.form == .asterisk || PathNormalizer.isNormal(head.span(head.path)) { return nil }
    hasOwnPath = true
    do {
      try PathNormalizer.normalize(head.span(head.path), slashes: listener.slashes, into: &ownPath)
      return nil
    } catch {
      return .malformedRequest
    }
  }

  private func respondLocally() {
    guard case .responder(let responder) = listener.destination else { return fail(.noRoute) }
    state = .waiting
    let request = localRequest(self.request)
    let token = self.token
    let use = self.use
    let mailbox = loop.mailbox
    // Swift's task resumes on this worker; token and use tell whether the request is still there.
    Task(executorPreference: loop.executor) {
      let answer = await responder.answer(request)
      mailbox.post { loop in
        (loop.handler(token) as? Exchange)?.answerIfWaiting(answer, use: use)
      }
    }
  }

  private func answerIfWaiting(_ answer: LocalAnswer, use: UInt64) {
    if self.use == use && state == .waiting { self.answer(answer) }
  }

  private func localRequest(_ head: borrowing RequestHead) -> LocalRequest {
    LocalRequest(
      method: Self.text(head.span(head.methodName)),
      host: peer.isUnix ? nil : head.authority.map { Self.text(head.span($0)) },
      path: withPath { Self.text($0) },
      query: head.query.map { Self.text(head.span($0)) })
  }

  private static func text(_ bytes: Span<UInt8>) -> String {
    bytes.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
  }

  // MARK: What others read

  /// The path in normal form: what is matched and what is forwarded.
  func withPath<R>(_ body: (Span<UInt8>) -> R) -> R {
    hasOwnPath ? Self.read(ownPath, body) : Self.read(request, body)
  }

  private static func read<R>(_ buffer: borrowing ByteBuffer, _ body: (Span<UInt8>) -> R) -> R {
    body(buffer.span)
  }

  private static func read<R>(_ head: borrowing RequestHead, _ body: (Span<UInt8>) -> R) -> R {
    body(head.span(head.path))
  }

  /// The path as the route sends it on.
  func appendRewrittenPath(to output: inout ByteBuffer) {
    let matched = matchedLength
    let rewrite = route?.rewrite ?? .none
    withPath { rewrite.append($0, matched: matched, to: &output) }
  }

  /// The caller's verified certificate, on a listener that asks for one. Made at the handshake, so
  /// reading it costs nothing.
  var clientCertificate: TLSClientCertificate? { downstream?.clientCertificate }

  /// Where this exchange is counted.
  var counters: RouteCounters { route?.counters ?? worker.counters.unrouted }

  var connectTimeout: Int64 { route?.connectTimeout ?? 0 }
  var responseTimeout: Int64 { route?.responseTimeout ?? 0 }
  var idleTimeout: Int64 { route?.idleTimeout ?? 0 }

  /// Who calls: behind trusted proxies the last address that is not one of them.
  var clientAddress: SocketAddress {
    isTrusted ? ClientAddress.behindProxies(request, peer: peer, listener: listener) : peer
  }

  /// Made when first asked for, so that exchanges nobody asks about have none.
  var requestID: RequestID {
    if let storedRequestID { return storedRequestID }
    let id =
      acceptedRequestID(request)
      ?? .made(
        high: worker.random.next(), low: worker.random.next())
    storedRequestID = id
    return id
  }

  private func acceptedRequestID(_ head: borrowing RequestHead) -> RequestID? {
    guard isTrusted else { return nil }
    let name = route?.requestID?.header ?? Self.requestIDField
    guard let index = head.firstIndex(named: name.span) else { return nil }
    let value = head.span(head.fields[index].value)
    guard RequestID.isAcceptable(value) else { return nil }
    return .accepted(value.withUnsafeBufferPointer { Array($0) })
  }

  /// Made anew each time: a stored one would be looked up and counted.
  private static var nobody: SocketAddress {
    SocketAddress(ip: IPAddress(high: 0, low: 0), port: 0)
  }

  private static let keptHeadBytes = 4 * 1_024
  private static let requestIDField = Array("x-request-id".utf8)

  // MARK: The end

  /// Answers in the target's stead. `detail` must not contain anything internal.
  func fail(_ error: GatewayError, detail: StaticString? = nil) {
    record.error = error
    var answer = LocalAnswer(error, detail: detail, requestID: requestID)
    if let allow = record.allow { answer.fields.append((name: "Allow", value: allow)) }
    if error == .upgradeRequired {
      answer.fields.append((name: "Upgrade", value: RouteEntry.websocket))
    }
    self.answer(answer)
  }

  func answer(_ answer: LocalAnswer) {
    leaveUpstream()
    record.status = answer.status
    record.sent = request.method == .head ? 0 : UInt64(answer.body.count)
    let downstream = self.downstream
    downstream?.sendAnswer(answer, of: self)
    finish()
  }

  /// The exchange is over on both sides.
  func finish() {
    if state == .finished || state == .unused { return }
    leaveUpstream()
    state = .finished
    worker.exchangeFinished(self)
  }

  /// Ready for the next request; called by the worker when it recycles the exchange.
  func reset() {
    clearDeadline()
    use &+= 1
    state = .unused
    // A head of unusual size must not be kept by every spare exchange.
    if request.bytes.allocatedBytes > Self.keptHeadBytes {
      request.release()
    } else {
      request.reset()
    }
    if hasOwnPath {
      ownPath.clear()
      hasOwnPath = false
    }
    matchedLength = 0
    route = nil
    listener = worker.noListener
    peer = Self.nobody
    isTrusted = false
    wantsUpgrade = false
    downstream = nil
    upstream = nil
    isQueued = false
    attempt = nil
    lastTarget = nil
    if !tried.isEmpty { tried = TargetSet() }
    attempts = RetryDecision.Attempts()
    hasPassedBody = false
    storedRequestID = nil
    record = ExchangeRecord()
  }

  /// The route's or service's `total` timeout.
  override func deadlineReached() {
    if state == .waiting || state == .forwarding { return fail(.exchangeTimeout) }
    record.error = .exchangeTimeout
    record.isCutShort = true
    leaveUpstream()
    downstream?.abortResponse()
    finish()
  }
}
