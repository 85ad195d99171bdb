import SluiceReactor
public import SluiceWire

/// What policies do with bodies: look at them, change them, wait until they are whole.
extension Exchange {
  /// Of the body that the caller sends, none where that has nowhere to go.
  var callerFraming: BodyFraming { internalRedirect?.dropsBody == true ? .none : request.framing }

  // MARK: Filters

  /// The request's body passes `filter`, unless there is none. To be called before it is forwarded.
  /// Unless the filter keeps the length, the target gets the body in chunks.
  public func addRequestFilter(_ filter: BodyFilter, keepsLength: Bool = false) {
    if requestFraming.isEmpty { return }
    BodyFilter.append(filter, to: &requestFilter)
    if !keepsLength { requestFraming = .chunked }
  }

  /// The target's body passes `filter`. Unless it keeps the length, the caller gets the body in
  /// chunks, or ended by the end of the connection.
  public func addResponseFilter(_ filter: BodyFilter, keepsLength: Bool = false) {
    BodyFilter.append(filter, to: &responseFilter)
    if !keepsLength { isResponseLengthUnknown = true }
  }

  /// Whether a policy looks at the bytes of the response; then they must come through here.
  var readsResponseBody: Bool { responseFilter != nil }

  /// A piece of the request on its way to the target; false when it could not go on.
  func sendRequestBody(_ bytes: Span<UInt8>, isLast: Bool) -> Bool {
    hasPassedBody = true
    guard let requestFilter else {
      passBody(bytes)
      return true
    }
    guard let error = requestFilter.pass(bytes, isLast: isLast, to: { passBody($0) }) else {
      return true
    }
    refuseBody(error)
    return false
  }

  private func passBody(_ bytes: Span<UInt8>) {
    if keepsBody { keepBody(bytes) }
    upstream?.sendBody(bytes)
  }

  /// A piece of the response on its way to the caller; false when it could not go on.
  func sendResponseBody(_ bytes: Span<UInt8>, isLast: Bool) -> Bool {
    guard let downstream else { return false }
    guard let responseFilter else {
      record.sent &+= UInt64(bytes.count)
      downstream.sendBody(bytes)
      return true
    }
    if let held { return passHeld(bytes, isLast: isLast, held, responseFilter, downstream) }
    var sent: UInt64 = 0
    let error = responseFilter.pass(bytes, isLast: isLast) {
      sent &+= UInt64($0.count)
      downstream.sendBody($0)
    }
    record.sent &+= sent
    guard let error else { return true }
    cutShort(error)
    return false
  }

  /// Lets filters say their last, before the body's end is sent.
  func endRequestBody() -> Bool {
    let nothing: [UInt8] = []
    return sendRequestBody(nothing.span, isLast: true)
  }

  func endResponseBody() -> Bool {
    let nothing: [UInt8] = []
    return sendResponseBody(nothing.span, isLast: true)
  }

  /// The request's body is not acceptable.
  func refuseBody(_ error: GatewayError) {
    if state == .responding { cutShort(error) } else { fail(error) }
  }

  /// The response has begun and can't be completed. One that was held back becomes the error.
  func cutShort(_ error: GatewayError) {
    if let held { return replace(held, by: error) }
    record.error = error
    record.isCutShort = true
    leaveUpstream()
    if !endCall(error) { downstream?.abortResponse() }
    finish()
  }

  // MARK: Whole bodies

  /// The request's body, once it was collected.
  public func withCollectedBody<R>(_ body: (Span<UInt8>) -> R) -> R {
    Self.read(collectedBody, body)
  }

  private static func read<R>(_ buffer: borrowing ByteBuffer, _ body: (Span<UInt8>) -> R) -> R {
    body(buffer.span)
  }

  /// Puts another body in the place of the one that was collected.
  public func replaceCollectedBody(_ body: consuming ByteBuffer) {
    collectedBody = body
    requestFraming = .length(UInt64(collectedBody.count))
  }

  /// Reads the body before the policy whose turn it is goes on; true when the next one's turn has
  /// come already.
  func collect(upTo limit: Int) -> Bool {
    if isBodyCollected || callerFraming.isEmpty {
      if collectedBody.count <= limit { return bodyCollected() }
      fail(.bodyTooLarge)
      return false
    }
    if case .length(let count) = request.framing, count > UInt64(limit) {
      fail(.bodyTooLarge)
      return false
    }
    state = .collecting
    collectLimit = limit
    if let totalDeadline { setDeadline(totalDeadline) }
    // Nobody else will tell the caller to go on.
    if request.expectsContinue {
      downstream?.sendContinue()
      dropRequestFields(named: Self.expectField)
    }
    downstream?.resumeRequestBody()
    return false
  }

  func collectBody(_ bytes: Span<UInt8>) {
    if collectedBody.count + bytes.count > collectLimit { return fail(.bodyTooLarge) }
    collectedBody.append(bytes)
  }

  /// The last piece is here.
  func bodyEndedCollecting() {
    state = .routing
    isBodyCollected = true
    requestFraming = .length(UInt64(collectedBody.count))
    if bodyCollected() { meetPolicies() }
  }

  /// The connection to a target is there and has the head: the body's turn.
  func sendFirstBody(on upstream: any UpstreamStream) {
    if isBodyCollected { return sendCollectedBody(on: upstream) }
    if keepsBody && hasPassedBody {
      withKeptBody { if !$0.isEmpty { upstream.sendBody($0) } }
      if isBodyPassed { return upstream.sendEnd(TrailerSection()) }
    }
    downstream?.resumeRequestBody()
  }

  private func sendCollectedBody(on upstream: any UpstreamStream) {
    let error = withCollectedBody { bytes -> GatewayError? in
      if let requestFilter {
        return requestFilter.pass(bytes, isLast: true) { upstream.sendBody($0) }
      }
      if !bytes.isEmpty { upstream.sendBody(bytes) }
      return nil
    }
    if let error { return refuseBody(error) }
    upstream.sendEnd(TrailerSection())
  }

  // MARK: Bodies that may be sent again

  /// What is kept of a request's body until a target answers: enough for most calls, and bounded for a
  /// caller who uploads.
  static let maxKeptBody = 64 * 1_024

  /// From here on a target may say that it did not look at the request after its body went out, so that is
  /// kept.
  func beginKeepingBody() {
    if hasPassedBody || isBodyCollected { return }
    keepsBody = true
  }

  private func keepBody(_ bytes: Span<UInt8>) {
    if keptBody.count + bytes.count > Self.maxKeptBody { return stopKeepingBody() }
    keptBody.append(bytes)
  }

  func stopKeepingBody() {
    keepsBody = false
    keptBody.release()
  }

  private func withKeptBody(_ body: (Span<UInt8>) -> Void) {
    // A copy, because the call may come back here for another target.
    body(keptBody.copiedBytes().span)
  }

  static let expectField = Array("expect".utf8)
}
