import SluiceConfiguration
public import SluiceReactor
import SluiceWire

/// One request and its response, whatever carries them.
///
/// The carrier parses a head into `request` and calls `begin`; from then on this object routes,
/// chooses a target, streams both bodies with back-pressure, retries what may be retried, and is
/// recycled by its worker when it is over. Everything happens on the worker's thread, and an
/// exchange that nothing has to wait for allocates nothing.
///
/// ```
///  begin ─▶ routing ─▶ waiting for a connection ─▶ forwarding ─▶ responding ─▶ finished
///    │      │  ▲ │              │      ▲                │  retry      │
///    │      ▼  │ │              │      └────────────────┘             └─101─▶ a session, finished
///    │  deciding,│              │
///    │  collecting              │
///    └────────┴──┴──────────────┴─▶ answered by the gateway ─▶ finished
///
///  deciding: a policy waits for somebody; collecting: a policy wants the whole body
/// ```
public final class Exchange: EventHandler {
  enum State: UInt8 {
    case unused, routing, deciding, collecting, waiting, forwarding, responding, finished
  }

  let worker: Worker
  var state = State.unused
  var request = RequestHead()
  /// The normalised path; used when `hasOwnPath`, otherwise the path in `request` is normal as sent.
  private var ownPath = ByteBuffer()
  private var hasOwnPath = false
  /// How much of the path the route's prefix matched.
  private(set) var matchedLength = 0
  var heldRoute = HeldRoute()
  private var ownedListener: CompiledListener
  /// The same, to be used without counting.
  private(set) var listenerInUse: Unmanaged<CompiledListener>
  /// The other end of the connection.
  var peer = Exchange.nobody
  /// Whether `peer` is a proxy whose word counts.
  private(set) var isTrusted = false
  /// Whether it is a WebSocket handshake, on a route that takes them.
  private(set) var wantsUpgrade = false
  /// The caller's carrier, if it is a connection that the loop keeps; otherwise it is `otherDownstream`.
  var connectionInUse: Unmanaged<HTTP1DownstreamConnection>?
  var otherDownstream: (any DownstreamStream)?
  var upstream: (any UpstreamStream)?
  /// Waits in a target's queue.
  var isQueued = false
  /// Nobody works for it yet: a caller that leaves now is not waited for.
  var isParked: Bool { isQueued || state == .deciding }

  var attempt: TargetAttempt?
  /// The place of the last attempt's target among those of the service.
  var lastTargetIndex: Int?
  var tried = TargetSet()
  var attempts = RetryDecision.Attempts()
  /// A part of the request body has gone to a target, so the request cannot be sent again.
  var hasPassedBody = false
  /// What has gone is in `keptBody`, so that it can.
  var keepsBody = false
  var keptBody = ByteBuffer()
  /// All of it has gone.
  var isBodyPassed = false

  /// Who calls, counted once; see `identity`.
  var ownedIdentity: Identity?
  /// The same, to be used without counting.
  var identityInUse: Unmanaged<Identity>?
  /// Where all policies have to find theirs: what each of them found.
  var joinedIdentities: [Identity] = []
  /// What a service says about the session that the exchange may become.
  var grants: SessionGrants?
  /// Nanoseconds before the end of a grant at which the service is asked again.
  var renewBefore: Int64?
  var heldChain = HeldChain()
  /// The place in `policies.request` of the policy whose turn it is.
  var policyPosition = 0
  /// The place among the policies of the stage `identify`.
  var identifyPosition = 0
  /// What goes on with the result that a policy waits for.
  var afterWaiting: ((Exchange, any Sendable) -> PolicyOutcome)?
  var waitingTask: Task<Void, Never>?
  var requestEdits = RequestEdits()
  var responseEdits = FieldEdits()
  var requestFilter: BodyFilter?
  var responseFilter: BodyFilter?
  /// How the target gets the request's body.
  var requestFraming = BodyFraming.none
  var isResponseLengthUnknown = false
  /// There while the response waits for its end.
  var held: HeldResponse?
  var collectedBody = ByteBuffer()
  var collectLimit = 0
  var isBodyCollected = false
  /// Answers in the place of a response that has yet to end.
  var replacement: LocalAnswer?
  /// The same from memory.
  var storedReplacement: (entry: CacheEntry, isNotModified: Bool)?
  /// Holds its bodies up; nil unless a policy does so now or did before.
  var gate: BandwidthGate?
  /// What services are asked about in the place of the request; there when a session's caller shows new
  /// credentials.
  var subject: HandshakeSubject?
  /// There while and after the caller was asked for one, see `Exchange+FirstMessage`.
  var firstMessage: FirstMessage?
  /// Waits for an event, and goes on without it when the time is over.
  var awaitsEvent = false
  /// What policies keep with it, see `setNote`.
  var notes: [(policy: ObjectIdentifier, note: AnyObject)] = []
  /// There while the process itself answers, see `Exchange+Local`.
  var local: LocalWork?
  /// There once it was sent on to another route, see `Exchange+InternalRedirect`.
  var internalRedirect: InternalRedirect?
  /// The one that it began with; there where policies may ask for its internal routes.
  private(set) var snapshot: Snapshot?
  /// Where a policy wants the answer that is being made to lead instead.
  var failureWay: FailureWay?

  /// Nanoseconds that a call of gRPC may take, says its caller.
  var callTimeout: Int64?
  var record = ExchangeRecord()
  /// The Allow field of a 405.
  private(set) var allow: [UInt8]?
  private var storedRequestID: RequestID?
  private(set) var storedSessionID: SessionID?
  /// Of a handshake: its place under the limits, until it is the session's.
  var ticket: SessionTicket?
  /// How often this object was recycled; its token stays the same.
  private(set) var use: UInt64 = 0

  init(worker: Worker) {
    self.worker = worker
    ownedListener = worker.noListener
    // SAFETY: `ownedListener` keeps it.
    listenerInUse = .passUnretained(ownedListener)
    super.init(loop: worker.loop)
    loop.register(self)
  }

  // MARK: Beginning

  /// `request` holds a new head that arrived on `listener` from `peer`.
  func begin(_ downstream: any DownstreamStream, listener: CompiledListener, peer: SocketAddress) {
    start(downstream, listener: listener, peer: peer)
    isTrusted = listener.believes(peer)
    worker.counters.requests &+= 1
    if let redirect = listener.redirect {
      if let error = normalisePath(request) { refuse(error) } else { redirect.answer(self) }
    } else if listener.servesRoutes {
      if let error = matchRoute(request) { refuse(error) } else { meetPolicies() }
    } else {
      if let error = normalisePath(request) { refuse(error) } else { respondLocally() }
    }
  }

  /// A head that could not be parsed; `request` means nothing.
  func refuse(
    _ error: HeadError, _ downstream: any DownstreamStream, listener: CompiledListener,
    peer: SocketAddress
  ) {
    record.fault = error.code
    refuse(GatewayError(error), detail: error.text, downstream, listener: listener, peer: peer)
  }

  /// The same with whatever was wrong with it.
  func refuse(
    _ error: GatewayError, detail: StaticString, _ downstream: any DownstreamStream,
    listener: CompiledListener, peer: SocketAddress
  ) {
    // The head that failed means nothing, not even to the log.
    request.reset()
    start(downstream, listener: listener, peer: peer)
    worker.counters.malformedRequests &+= 1
    fail(error, detail: detail)
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

  func start(
    _ downstream: any DownstreamStream, listener: CompiledListener, peer: SocketAddress
  ) {
    carry(by: downstream)
    heldRoute.begin(in: worker.configurationNumber)
    arrive(on: listener)
    self.peer = peer
    state = .routing
    record.started = loop.now
    worker.counters.exchangesInProgress &+= 1
  }

  func arrive(on listener: CompiledListener) {
    if ownedListener === listener { return }
    ownedListener = listener
    // SAFETY: `ownedListener` keeps it.
    listenerInUse = .passUnretained(listener)
  }

  private func matchRoute(_ head: borrowing RequestHead) -> GatewayError? {
    if head.method == .connect {
      // RFC 9110 10.2.1: an authority, which is what CONNECT names, has no methods here.
      allow = []
      return .connectRefused
    }
    if let error = normalisePath(head) { return error }
    return worker.mainSection._withUnsafeGuaranteedRef { matchRoute(head, in: $0) }
  }

  /// By the path as it is now.
  func matchRoute(_ head: borrowing RequestHead, in section: RouteSection) -> GatewayError? {
    switch withPath({ section.match(head, path: $0, of: self) }) {
    case .notFound: return .noRoute
    case .regexLimit: return .regexLimit
    case .methodNotAllowed(let allow):
      self.allow = section.router.allowValue(allow)
      return .methodNotAllowed
    case .route(let index, let length):
      matchedLength = length
      heldRoute.enter(section.routes[index], current: worker.configurationNumber, loop)
      return withRoute { enter($0, head) } ?? nil
    }
  }

  private func enter(_ route: CompiledRoute, _ head: borrowing RequestHead) -> GatewayError? {
    record.routed = true
    wantsUpgrade = route.kind == .websocket
    requestFraming = head.framing
    var refusesFirst = true
    if let policies = route.policies {
      heldChain.enter(ofRoute: policies)
      // Policies of the stage `entry` come first.
      refusesFirst = policies.entryCount == 0
      if policies.redirectsInternally && snapshot == nil { snapshot = worker.snapshot }
    }
    return refusesFirst ? refusal(of: head, by: route) : nil
  }

  /// Why the route refuses the request, whoever sends it.
  var entryRefusal: GatewayError? {
    guard let route else { return nil }
    return refusal(of: request, by: route)
  }

  func normalisePath(_ head: borrowing RequestHead) -> GatewayError? {
    if head.form == .asterisk || PathNormalizer.isNormal(head.span(head.path)) { return nil }
    hasOwnPath = true
    do {
      try PathNormalizer.normalize(head.span(head.path), slashes: listener.slashes, into: &ownPath)
      return nil
    } catch {
      return .malformedRequest
    }
  }

  /// Puts another path in the place of the request's; `path` is normal.
  func setPath(_ path: Span<UInt8>) {
    ownPath.clear()
    ownPath.append(path)
    hasOwnPath = true
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

  /// The path as targets get it: what a policy has put there, or what the route makes of it.
  func appendSentPath(to output: inout ByteBuffer) {
    if requestEdits.hasPath {
      Self.appendPath(of: requestEdits, to: &output)
    } else {
      appendRewrittenPath(to: &output)
    }
  }

  private static func appendPath(
    of edits: borrowing RequestEdits, to output: inout ByteBuffer
  ) { output.append(edits.path.span) }

  private func appendRewrittenPath(to output: inout ByteBuffer) {
    let matched = matchedLength
    let isAppended: Void? = withRoute { route in
      withPath { route.rewrite.append($0, matched: matched, to: &output) }
    }
    if isAppended == nil { withPath { output.append($0) } }
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

  /// What the session will be called, and what the target of its handshake is told.
  var sessionID: SessionID {
    if let storedSessionID { return storedSessionID }
    let id = SessionID(high: worker.secureRandom.next(), low: worker.secureRandom.next())
    storedSessionID = id
    return id
  }

  /// Believes a trusted proxy's id in this field.
  func acceptRequestID(_ name: [UInt8]) {
    if storedRequestID == nil { storedRequestID = acceptedRequestID(request, name) }
  }

  private func acceptedRequestID(
    _ head: borrowing RequestHead, _ name: [UInt8] = requestIDField
  ) -> RequestID? {
    guard isTrusted else { return nil }
    guard let index = head.firstIndex(named: name.span) else { return nil }
    let value = head.span(head.fields[index].value)
    guard RequestID.isAcceptable(value) else { return nil }
    return .accepted(value.withUnsafeBufferPointer { Array($0) })
  }

  /// Made anew each time: a stored one would be looked up and counted.
  static var nobody: SocketAddress {
    SocketAddress(ip: IPAddress(high: 0, low: 0), port: 0)
  }

  private static let keptHeadBytes = 4 * 1_024
  private static let requestIDField = Array("x-request-id".utf8)

  // MARK: What is known without a caller's head

  /// What its head says of the caller is believed or not, whoever the peer is: it is the gateway's own, or
  /// was judged when it came.
  func judge(isTrusted: Bool) { self.isTrusted = isTrusted }

  /// Goes on on this route, though none, or another one, was found for it. `length` of the path is what
  /// the route's prefix matched, if it was looked for before.
  func take(_ route: CompiledRoute?, matched length: Int? = nil) {
    self.route = route
    if let length { matchedLength = length }
  }

  /// It is the handshake of this session once more.
  func becomeHandshake(of session: SessionID) {
    wantsUpgrade = true
    storedSessionID = session
  }

  /// Which methods other routes would have taken is no longer what matters.
  func forgetAllow() { if allow != nil { allow = nil } }

  // MARK: The end

  /// The exchange is over on both sides.
  func finish() {
    if state == .finished || state == .unused { return }
    leaveUpstream()
    policiesFinish()
    if record.error == nil, let internalRedirect { record.error = internalRedirect.error }
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
    heldRoute.leave(current: worker.configurationNumber, loop)
    peer = Self.nobody
    isTrusted = false
    wantsUpgrade = false
    leaveCarrier()
    upstream = nil
    isQueued = false
    attempt = nil
    lastTargetIndex = nil
    if !tried.isEmpty { tried = TargetSet() }
    attempts = RetryDecision.Attempts()
    hasPassedBody = false
    isBodyPassed = false
    if keepsBody { stopKeepingBody() }
    requestFraming = .none
    // Behind an internal redirect there may be no policies, and still what those before it have left.
    if heldChain.inUse != nil || isBodyCollected || !responseEdits.isEmpty
      || internalRedirect != nil
    {
      resetPolicies()
    }
    if let local {
      self.local = nil
      local.stream?.end()
    }
    if internalRedirect != nil { internalRedirect = nil }
    if failureWay != nil { failureWay = nil }
    if let snapshot {
      loop.keepUntilTurnEnds(snapshot)
      self.snapshot = nil
    }
    storedRequestID = nil
    storedSessionID = nil
    if let ticket {
      ticket.release()
      self.ticket = nil
    }
    if allow != nil { allow = nil }
    callTimeout = nil
    record = ExchangeRecord()
  }

  /// The route's or service's `total` timeout, or that of a policy that waits; of a local stream,
  /// the time for a sign of life.
  public override func deadlineReached() {
    if let stream = local?.stream { return keepLocalStreamAlive(stream) }
    if state == .deciding, totalDeadline.map({ $0 > loop.now }) ?? true {
      return awaitsEvent ? parkedTooLong() : fail(.policyTimeout)
    }
    if state == .waiting || state == .forwarding { return failUpstream(.exchangeTimeout) }
    if state == .deciding || state == .collecting { return fail(.exchangeTimeout) }
    cutShort(.exchangeTimeout)
  }
}
