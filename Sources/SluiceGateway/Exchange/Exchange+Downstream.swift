import SluiceReactor
import SluiceWire

/// What the caller's side tells the exchange.
extension Exchange {
  /// The caller's verified certificate, on a listener that asks for one. Made at the handshake, so
  /// reading it costs nothing.
  var clientCertificate: TLSClientCertificate? { downstream?.clientCertificate }

  /// Nil without TLS. A copy each time.
  var tlsHandshake: TLSHandshake? { downstream?.tlsHandshake }

  /// Who calls: behind trusted proxies the last address that is not one of them.
  var clientAddress: SocketAddress {
    if !isTrusted { return peer }
    return ClientAddress.behindProxies(request, peer: peer, listener.clientAddress) {
      listener.trusts($0)
    }
  }

  /// Whether request body bytes have somewhere to go now.
  var takesRequestBody: Bool {
    if internalRedirect?.dropsBody == true { return false }
    if state == .collecting { return true }
    if let gate, gate.holdsRequest { return false }
    guard let upstream, state == .forwarding || state == .responding else {
      return local.map { !$0.isAsked } ?? false
    }
    return upstream.requestBacklog <= StreamConnection.highWater
  }

  /// A piece of the body; only called while `takesRequestBody`.
  func downstreamBody(_ bytes: Span<UInt8>) {
    record.received &+= UInt64(bytes.count)
    if internalRedirect?.dropsBody == true { return }
    if let local { return localBody(bytes, local) }
    if let limit = route?.maxBodySize, record.received > limit {
      return refuseBody(.bodyTooLarge)
    }
    if state == .collecting { return collectBody(bytes) }
    _ = sendRequestBody(bytes, isLast: false)
  }

  func downstreamBodyEnded(_ trailers: borrowing TrailerSection) {
    if internalRedirect?.dropsBody == true { return }
    if state == .collecting { return bodyEndedCollecting() }
    if requestFilter != nil && !endRequestBody() { return }
    if let local { return askResponder(local) }
    // Even an empty chunked body has been written: its end.
    if requestFraming == .chunked { hasPassedBody = true }
    isBodyPassed = true
    if !trailers.isEmpty && keepsBody { stopKeepingBody() }
    if trailers.isEmpty { upstream?.sendEnd(trailers) } else { sendTrailers(trailers) }
  }

  /// Some merge trailers into the fields, so a trailer must not say who calls either.
  private func sendTrailers(_ trailers: borrowing TrailerSection) {
    var kept = copy trailers
    kept.remove { $0.containsUnderscore || IdentityFields.contains($0) }
    upstream?.sendEnd(kept)
  }

  /// The caller took what had piled up of the response.
  func downstreamDrained() {
    if gate.map({ !$0.holdsResponse }) ?? true { upstream?.resumeResponse() }
    if local != nil { continueLocalStream() }
  }

  /// Nothing is left to do once the caller has sent its FIN: no target works for it yet, or the
  /// answer has no end of its own.
  var endsWithCaller: Bool { isParked || local?.stream != nil }

  /// The caller is gone, or does not take its response, or sent what is not HTTP.
  func downstreamGone(_ error: GatewayError? = nil) {
    record.isCallerGone = true
    if record.error == nil { record.error = error }
    finish()
  }
}
