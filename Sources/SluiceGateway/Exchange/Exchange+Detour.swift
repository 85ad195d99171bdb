import SluiceReactor
import SluiceWire

/// That an exchange was sent on to internal routes, and what remains of it.
///
/// Made when it happens for the first time; one exchange's, on its worker's thread.
final class Detour {
  /// So often.
  var count = 0
  /// In the place of those of the head; nil for these.
  var path: [UInt8]?
  var query: [UInt8]?
  /// Of the response in the place of its own: the failure's, or what the operator wants it to be.
  var status: Int?
  /// A failure led here, so the next one stands.
  var isOfFailure = false
  /// What the caller sends of a body has nowhere to go, and is not read.
  var dropsBody = false

  /// For an exchange that goes on where this one is.
  func copy() -> Detour {
    let copy = Detour()
    copy.count = count
    copy.path = path
    copy.query = query
    copy.status = status
    copy.isOfFailure = isOfFailure
    copy.dropsBody = dropsBody
    return copy
  }
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
///                 │        ▲                        (at most `mostDetours` times)
///                 └─▶ … ─▶ a failure, if the policy error-answers has a way for it (once)
/// ```
///
/// Policies of the former route are over, as if the exchange had ended: what they hold is released, and
/// they see nothing of what comes. Who calls stays known.
extension Exchange {
  /// nginx has this bound, too (`NGX_HTTP_MAX_URI_CHANGES`).
  static let mostDetours = 10

  /// Looks for a route anew by the path and query as they are now.
  func reroute(to section: String) {
    let detour = noteDetour()
    leavePolicies()
    if detour.count > Self.mostDetours { return fail(.reroutedTooOften) }
    guard let section = worker.snapshot.sections[section] else { return fail(.noRoute) }
    if let error = matchRoute(request, in: section) { return fail(error) }
    if detour.dropsBody {
      requestFraming = .none
    } else if isBodyCollected {
      requestFraming = .length(UInt64(collectedBody.count))
    }
    if let query = detour.query {
      var text = ByteBuffer()
      text.append(query)
      requestEdits.setQuery(text)
    }
    if detour.isOfFailure && detour.path != nil, request.method != .head {
      requestEdits.setMethod(Self.get)
    }
    if detour.dropsBody, request.expectsContinue { dropRequestFields(named: Self.expectField) }
    meetPolicies()
  }

  private func noteDetour() -> Detour {
    let detour = self.detour ?? Detour()
    self.detour = detour
    detour.count += 1
    return detour
  }

  /// Puts another path there; `path` is normal.
  func redirectInside(path bytes: [UInt8]) {
    setPath(bytes.span)
    let detour = self.detour ?? Detour()
    self.detour = detour
    detour.path = bytes
  }

  func redirectInside(query: [UInt8]) {
    let detour = self.detour ?? Detour()
    self.detour = detour
    detour.query = query
  }

  /// Whether a failure may lead to another route now. What can't be understood of a request can't be sent
  /// on, and a handshake that fails stays what it is.
  ///
  /// - Parameters:
  ///   - asItIs: with the body that it has.
  ///   - isResponse: a target's response is what failed.
  func mayLeaveAfterFailure(asItIs: Bool, isResponse: Bool) -> Bool {
    if wantsUpgrade || record.wantsTunnel || detour?.isOfFailure == true { return false }
    if state == .responding, !isResponse { return false }
    if request.form == .asterisk || record.isCallerGone { return false }
    switch record.error {
    case .malformedRequest?, .requestTimeout?, .reroutedTooOften?: return false
    default: break
    }
    return !asItIs || !hasPassedBody || keepsBody || isBodyCollected
  }

  /// Goes where a failure leads. The exchange is in nobody's hands: no target works for it.
  func leave(by way: FailureWay) {
    clearDeadline()
    state = .routing
    record.error = nil
    let detour = self.detour ?? Detour()
    self.detour = detour
    detour.isOfFailure = true
    detour.status = way.status
    if let path = way.path {
      setPath(path.span)
      detour.path = path
      detour.query = way.query
      dropBody(detour)
    }
    reroute(to: way.section)
  }

  /// What is asked for instead has none.
  private func dropBody(_ detour: Detour) {
    if request.framing.isEmpty { return }
    detour.dropsBody = true
    if keepsBody { stopKeepingBody() }
    collectedBody.release()
    isBodyCollected = false
  }

  private func leavePolicies() {
    policiesFinish()
    forgetPolicies()
    if let ticket {
      ticket.release()
      self.ticket = nil
    }
    if allow != nil { allow = nil }
    if !tried.isEmpty { tried = TargetSet() }
    attempts = RetryDecision.Attempts()
    lastTargetIndex = nil
    record.connected = MonotonicTime(nanoseconds: 0)
    record.responded = MonotonicTime(nanoseconds: 0)
    record.isReusedConnection = false
    record.cache = nil
  }

  /// The status that the caller is shown of a target's response. One that has no body by its status keeps
  /// it: the caller of another one would wait for the body.
  func shownStatus(_ status: Int) -> Int {
    guard let other = detour?.status, ![101, 204, 205, 304].contains(status) else { return status }
    return other
  }

  /// Calls `body` with the query as it is now, empty without one.
  func withOwnQuery<R>(_ body: (Span<UInt8>) -> R) -> R {
    if let query = detour?.query { return body(query.span) }
    return Self.readOwnQuery(request, body)
  }

  private static func readOwnQuery<R>(
    _ head: borrowing RequestHead, _ body: (Span<UInt8>) -> R
  ) -> R { body(head.span(head.query ?? .empty)) }

  private static let get = Array("GET".utf8)
}
