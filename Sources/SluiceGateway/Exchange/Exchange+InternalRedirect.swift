import SluiceReactor
import SluiceWire

/// That an exchange was sent on to internal routes (an internal redirect), and what remains of it.
///
/// Made when it happens for the first time; one exchange's, on its worker's thread.
final class InternalRedirect {
  /// Internal redirects so far, at most `Exchange.mostInternalRedirects` and the one too many.
  var count = 0
  /// In the place of those of the head; nil for these.
  var path: [UInt8]?
  var query: [UInt8]?
  /// What the caller asked for, normal; nil while that is the exchange's path.
  fileprivate(set) var callerPath: [UInt8]?
  /// Of the response in the place of its own: the failure's, or what the operator wants it to be.
  var status: Int?
  /// What the caller sends of a body has nowhere to go, and is not read.
  var dropsBody = false

  /// The route that the caller's request matched.
  fileprivate(set) var first: CompiledRoute?
  /// When a failure led on, so the next one stands; and the route that is counted for it.
  fileprivate(set) var failedAt: MonotonicTime?
  fileprivate(set) var failed: CompiledRoute?
  /// What failed, unless a target's response did.
  fileprivate(set) var error: GatewayError?
  /// A page is asked for in the place of the failure, and not the same once more: with GET or HEAD, and
  /// without what the caller says of its body, a range or conditions.
  fileprivate(set) var isForPage = false
  /// Who logs what the routes that were left have seen.
  private var logs: [CompiledPolicy] = []

  var isOfFailure: Bool { failedAt != nil }

  fileprivate func left(_ route: CompiledRoute?, _ policies: PolicyChain?) {
    if first == nil { first = route }
    logs += logs(of: policies)
  }

  private func logs(of policies: PolicyChain?) -> [CompiledPolicy] {
    policies?.log.filter { policy in !logs.contains { $0 === policy } } ?? []
  }

  /// Those that are not of this chain, too: each logs an exchange once.
  func logs(except policies: PolicyChain?) -> [CompiledPolicy] {
    logs.filter { policy in policies?.log.contains { $0 === policy } != true }
  }

  /// For an exchange that goes on where this one is.
  func copy() -> InternalRedirect {
    let copy = InternalRedirect()
    copy.count = count
    copy.path = path
    copy.query = query
    copy.callerPath = callerPath
    copy.status = status
    copy.dropsBody = dropsBody
    copy.failedAt = failedAt
    copy.isForPage = isForPage
    return copy
  }
}

/// Tells whether an exchange still is what it was: the same, on the same route.
struct ExchangeTurn: Equatable {
  let use: UInt64
  let internalRedirects: Int
}

/// Where a failure leads instead of an answer.
struct FailureWay {
  let section: String
  let status: Int?
  /// Nil for the request as it is.
  let path: [UInt8]?
  let query: [UInt8]
}

/// The way to another route of an exchange that has one already.
///
/// ```
///  routing ─▶ policies ──reroute──────────────▶ routing among internal routes ─▶ policies ─▶ …
///                 │        ▲                        (at most `mostInternalRedirects` times)
///                 └─▶ … ─▶ a failure, if the policy error-answers has a way for it (once)
/// ```
///
/// Policies of the former route are over, as if the exchange had ended: what they hold is released, and
/// they see nothing of what comes but its log line. Who calls stays known, if it was found out whole, and
/// what the stage `identify` took out of the request stays out.
extension Exchange {
  /// nginx has this bound, too (`NGX_HTTP_MAX_URI_CHANGES`).
  static let mostInternalRedirects = 10

  /// What `answer`, `fail` and `upstreamHead` may end: whoever goes on after them looks.
  var turn: ExchangeTurn { ExchangeTurn(use: use, internalRedirects: internalRedirect?.count ?? 0) }

  /// Looks for a route anew by the path and query as they are now.
  func redirectInternally(to section: String) {
    let internalRedirect = noted()
    internalRedirect.count += 1
    leavePolicies(internalRedirect)
    if internalRedirect.count > Self.mostInternalRedirects { return fail(.reroutedTooOften) }
    guard let section = (snapshot ?? worker.snapshot).sections[section] else {
      return fail(.noRoute)
    }
    if let error = matchRoute(request, in: section) { return fail(error) }
    if internalRedirect.dropsBody { requestFraming = .none }
    if let error = takeCarriedBody() { return fail(error) }
    if let query = internalRedirect.query {
      var text = ByteBuffer()
      text.append(query)
      requestEdits.setQuery(text)
    }
    for name in requestEdits.droppedParameters { leaveOut(parameter: name) }
    if internalRedirect.isForPage { askForPage(request) }
    if policies?.identifyCount ?? 0 == 0 { takeOwnPolicies() }
    meetPolicies()
  }

  /// What the caller says of its body, a range or conditions is about something else.
  private func askForPage(_ head: borrowing RequestHead) {
    if head.method != .get, head.method != .head { requestEdits.setMethod(Self.get) }
    for index in head.fields.indices {
      let field = head.fields[index]
      switch field.known {
      case .ifMatch, .ifNoneMatch, .ifModifiedSince, .ifUnmodifiedSince, .ifRange, .range, .expect,
        .trailer:
        requestEdits.drop(index)
      default:
        let name = head.span(field.name)
        if name.hasPrefixIgnoringCase(Self.contentPrefix) || name.equalsIgnoringCase(Self.digest) {
          requestEdits.drop(index)
        }
      }
    }
  }

  private func noted() -> InternalRedirect {
    if let internalRedirect { return internalRedirect }
    let internalRedirect = InternalRedirect()
    self.internalRedirect = internalRedirect
    return internalRedirect
  }

  /// Puts another path there, a normal one.
  func setInternalPath(_ bytes: [UInt8]) {
    let internalRedirect = noted()
    if internalRedirect.callerPath == nil {
      internalRedirect.callerPath = withPath { Self.bytes($0) }
    }
    setPath(bytes.span)
    internalRedirect.path = bytes
  }

  func setInternalQuery(_ query: [UInt8]) { noted().query = query }

  private static func bytes(_ span: Span<UInt8>) -> [UInt8] {
    span.withUnsafeBufferPointer { Array($0) }
  }

  /// Whether a failure may lead to another route now. What can't be understood of a request can't be sent
  /// on, and a handshake that fails stays what it is.
  ///
  /// - Parameters:
  ///   - asItIs: with the body that it has.
  ///   - isResponse: a target's response is what failed.
  func mayLeaveAfterFailure(asItIs: Bool, isResponse: Bool) -> Bool {
    if wantsUpgrade || record.wantsTunnel || internalRedirect?.isOfFailure == true { return false }
    if state == .responding, !isResponse { return false }
    if request.form == .asterisk || record.isCallerGone { return false }
    switch record.error {
    case .malformedRequest?, .requestTimeout?, .reroutedTooOften?: return false
    default: break
    }
    return !asItIs || isBodyUntouched || isBodyKeptWhole
  }

  /// All of the body has gone to a target, as the caller sent it, and is still there: nobody has changed,
  /// cut or refused any of it. It meets all filters and limits of the other route anew.
  private var isBodyKeptWhole: Bool {
    keepsBody && isBodyPassed && requestFilter == nil && !isBodyCollected
      && record.received == UInt64(keptBody.count)
  }

  /// Nobody has read, kept, changed or refused any of the body. Only then it is the other route's: all of it
  /// meets that route's limits and filters.
  private var isBodyUntouched: Bool {
    if request.framing.isEmpty { return true }
    return state != .collecting && !isBodyCollected && !hasPassedBody && record.received == 0
  }

  /// Goes where a failure leads. The exchange is in nobody's hands: no target works for it.
  func leave(by way: FailureWay) {
    clearDeadline()
    state = .routing
    let internalRedirect = noted()
    internalRedirect.failedAt = loop.now
    internalRedirect.failed = route
    internalRedirect.error = record.error
    internalRedirect.status = way.status
    record.error = nil
    record.fault = nil
    if let path = way.path {
      setInternalPath(path)
      internalRedirect.query = way.query
      internalRedirect.isForPage = true
      dropBody(internalRedirect)
    } else if hasPassedBody {
      carryBody()
    }
    redirectInternally(to: way.section)
  }

  /// What is asked for instead has none.
  private func dropBody(_ internalRedirect: InternalRedirect) {
    collectedBody.release()
    isBodyCollected = false
    if request.framing.isEmpty { return }
    internalRedirect.dropsBody = true
    hasPassedBody = false
    isBodyPassed = false
    if keepsBody { stopKeepingBody() }
  }

  /// What was kept is sent once more, as if it had been collected. Only where `isBodyKeptWhole`.
  private func carryBody() {
    collectedBody.clear()
    Self.copy(keptBody, to: &collectedBody)
    stopKeepingBody()
    isBodyCollected = true
    hasPassedBody = false
    isBodyPassed = false
  }

  private static func copy(_ bytes: borrowing ByteBuffer, to other: inout ByteBuffer) {
    other.append(bytes.span)
  }

  /// A body that is here already has a length, and the route may have a limit for it.
  private func takeCarriedBody() -> GatewayError? {
    guard isBodyCollected, let route else { return nil }
    requestFraming = .length(UInt64(collectedBody.count))
    if let limit = route.maxBodySize, UInt64(collectedBody.count) > limit { return .bodyTooLarge }
    // It was gone on with.
    dropRequestFields(named: Self.expectField)
    return nil
  }

  private func leavePolicies(_ internalRedirect: InternalRedirect) {
    internalRedirect.left(route, policies)
    policiesFinish()
    if isIdentifying {
      // A part of what all have to prove is nobody's identity.
      identity = nil
      requestEdits.keepDrops()
    }
    forgetPolicies()
    if let ticket {
      ticket.release()
      self.ticket = nil
    }
    forgetAllow()
    if !tried.isEmpty { tried = TargetSet() }
    attempts = RetryDecision.Attempts()
    lastTargetIndex = nil
    record.connected = MonotonicTime(nanoseconds: 0)
    record.responded = MonotonicTime(nanoseconds: 0)
    record.isReusedConnection = false
    record.cache = nil
    record.cookieHash = nil
  }

  /// Whether who calls is being found out, or was to be and is not known.
  private var isIdentifying: Bool {
    guard let policies, policyPosition < policies.request.count else { return false }
    return policies.request[policyPosition].policy is IdentifyStage
  }

  /// The status that the caller is shown of a target's response. One that has no body by its status keeps
  /// it: the caller of another one would wait for the body.
  func shownStatus(_ status: Int) -> Int {
    guard let other = internalRedirect?.status, ![101, 204, 205, 304].contains(status) else {
      return status
    }
    return other
  }

  /// Calls `body` with the path that the caller asked for, in normal form.
  func withCallerPath<R>(_ body: (Span<UInt8>) -> R) -> R {
    if let path = internalRedirect?.callerPath { return body(path.span) }
    return withPath(body)
  }

  /// Calls `body` with the query as it is now, empty without one.
  func withOwnQuery<R>(_ body: (Span<UInt8>) -> R) -> R {
    if let query = internalRedirect?.query { return body(query.span) }
    return Self.readOwnQuery(request, body)
  }

  private static func readOwnQuery<R>(
    _ head: borrowing RequestHead, _ body: (Span<UInt8>) -> R
  ) -> R { body(head.span(head.query ?? .empty)) }

  private static let get = Array("GET".utf8)
  private static let contentPrefix = Array("content-".utf8)
  private static let digest = Array("digest".utf8)
}
