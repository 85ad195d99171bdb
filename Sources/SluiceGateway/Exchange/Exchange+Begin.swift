import SluiceReactor
import SluiceWire

/// Exchanges that no caller's head begins.
extension Exchange {
  /// A call of the gateway's own: `request` holds a head that it wrote itself.
  func call(_ route: CompiledRoute, body: [UInt8], for caller: any DownstreamStream) {
    start(caller, listener: worker.ownCalls, peer: Exchange.nobody)
    // What it says about callers is true.
    judge(isTrusted: true)
    take(route)
    requestFraming = body.isEmpty ? .none : .length(UInt64(body.count))
    if !body.isEmpty {
      collectedBody.append(body)
      isBodyCollected = true
    }
    forward()
  }

  /// A session's handshake once more: `request` and `requestEdits` are as they were then.
  func replay(_ handshake: KeptHandshake, of session: Session, for caller: any DownstreamStream) {
    start(caller, listener: session.listener.compiled, peer: handshake.peer)
    record.isBackground = true
    judge(isTrusted: handshake.isTrusted)
    // It was normalised before, so it can't fail.
    _ = normalisePath(request)
    take(session.wayBack)
    becomeHandshake(of: session.id)
    identity = session.identity
    // There is none, and so it is here.
    isBodyCollected = true
    forward()
  }

  /// Takes over all that the other one found out about the same request.
  func begin(like other: Exchange, _ downstream: any DownstreamStream, policies: PolicyChain) {
    start(downstream, listener: other.listener, peer: other.peer)
    judge(isTrusted: other.isTrusted)
    // It was normalised before, so it can't fail.
    _ = normalisePath(request)
    if let path = other.internalRedirect?.path { setPath(path.span) }
    internalRedirect = other.internalRedirect?.copy()
    take(other.route, matched: other.matchedLength)
    identity = other.identity
    heldChain.enter(own: policies, loop)
    Self.copy(other.requestEdits, to: &requestEdits)
  }

  private static func copy(_ edits: borrowing RequestEdits, to own: inout RequestEdits) {
    own.copy(edits)
  }
}
