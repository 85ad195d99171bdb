import SluiceReactor
import SluiceWire

/// What the caller's side tells the exchange.
extension Exchange {
  /// Whether request body bytes have somewhere to go now.
  var takesRequestBody: Bool {
    if state == .collecting { return true }
    guard let upstream, state == .forwarding || state == .responding else { return false }
    return upstream.requestBacklog <= StreamConnection.highWater
  }

  /// A piece of the body; only called while `takesRequestBody`.
  func downstreamBody(_ bytes: Span<UInt8>) {
    record.received &+= UInt64(bytes.count)
    if let limit = route?.maxBodySize, record.received > limit {
      return refuseBody(.bodyTooLarge)
    }
    if state == .collecting { return collectBody(bytes) }
    _ = sendRequestBody(bytes, isLast: false)
  }

  func downstreamBodyEnded(_ trailers: borrowing TrailerSection) {
    if state == .collecting { return bodyEndedCollecting() }
    if requestFilter != nil && !endRequestBody() { return }
    // Even an empty chunked body has been written: its end.
    if requestFraming == .chunked { hasPassedBody = true }
    if trailers.isEmpty { upstream?.sendEnd(trailers) } else { sendTrailers(trailers) }
  }

  /// Some merge trailers into the fields, so a trailer must not say who calls either.
  private func sendTrailers(_ trailers: borrowing TrailerSection) {
    var kept = copy trailers
    kept.remove { $0.containsUnderscore || IdentityFields.contains($0) }
    upstream?.sendEnd(kept)
  }

  /// The caller took what had piled up of the response.
  func downstreamDrained() { upstream?.resumeResponse() }

  /// The caller is gone, or does not take its response, or sent what is not HTTP.
  func downstreamGone(_ error: GatewayError? = nil) {
    record.isCallerGone = true
    if record.error == nil { record.error = error }
    if state == .tunnel { route?.counters.openTunnels -= 1 }
    finish()
  }

  func downstreamTunnel(_ bytes: Span<UInt8>) {
    record.received &+= UInt64(bytes.count)
    guard let upstream else { return }
    upstream.sendTunnel(bytes)
    if upstream.requestBacklog > StreamConnection.highWater { downstream?.pauseTunnel() }
  }

  /// The caller sent its FIN; bytes may still go there.
  func downstreamTunnelEnded() {
    record.hasDownstreamEnded = true
    upstream?.finishTunnel()
    if record.hasUpstreamEnded { closeTunnel() }
  }
}
