import SluiceReactor
import SluiceWire

/// The caller's side of one exchange, whatever protocol carries it.
///
/// The exchange calls these on its worker's thread; the carrier decides about framing and never about
/// content. After `sendEnd`, `sendAnswer` or `abortResponse` the exchange is over for the carrier.
protocol DownstreamStream: AnyObject {
  /// A 1xx response; dropped where the protocol's version has none.
  func sendInformational(_ head: borrowing ResponseHead)
  /// The final response's head, with what the exchange adds; body and end follow.
  func sendHead(_ head: borrowing ResponseHead, of exchange: Exchange)
  func sendBody(_ bytes: Span<UInt8>)
  func sendEnd(_ trailers: borrowing TrailerSection)
  /// A whole response that the gateway makes itself.
  func sendAnswer(_ answer: LocalAnswer, of exchange: Exchange)
  /// The response cannot be completed; the caller must be able to tell.
  func abortResponse()

  /// The upstream takes (more of) the request body now.
  func resumeRequestBody()
  func pauseRequestBody()

  /// The address that the caller has connected to.
  var localAddress: SocketAddress? { get }
  /// What the caller has proved by TLS to be; nil without a certificate.
  var clientCertificate: TLSClientCertificate? { get }

  /// Response bytes that the caller did not take yet.
  var responseBacklog: Int { get }

  /// After a 101: bytes pass both ways without framing.
  func beginTunnel()
  func sendTunnel(_ bytes: Span<UInt8>)
  /// The other side sent its end.
  func finishTunnel()
  /// Both sides are done, or the other is gone.
  func sendTunnelEnd()
  func pauseTunnel()
  func resumeTunnel()
}

/// A carrier that has no connection of its own to tell of.
extension DownstreamStream {
  var clientCertificate: TLSClientCertificate? { nil }
  var localAddress: SocketAddress? { nil }
}

/// The target's side of one exchange. Calls back on the exchange's `upstream…` methods.
protocol UpstreamStream: AnyObject {
  func sendBody(_ bytes: Span<UInt8>)
  func sendEnd(_ trailers: borrowing TrailerSection)
  /// Request bytes that the target did not take yet.
  var requestBacklog: Int { get }
  func pauseResponse()
  func resumeResponse()
  /// The exchange no longer wants this response; a connection that can't be reused is closed.
  func abandon()

  func sendTunnel(_ bytes: Span<UInt8>)
  func finishTunnel()
}
