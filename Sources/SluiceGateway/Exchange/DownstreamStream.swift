import SluiceReactor
import SluiceWire

/// The caller's side of one exchange, whatever protocol carries it.
///
/// The exchange calls these on its worker's thread; the carrier decides about framing and never about
/// content. After `sendEnd`, `sendAnswer` or `abortResponse` the exchange is over for the carrier.
protocol DownstreamStream: AnyObject {
  /// Itself, if it is a connection that its loop keeps at least until the turn ends in which it closes, and
  /// that ends its exchange when it closes: then nobody has to count it. Nil for others.
  var keptByLoop: Unmanaged<HTTP1DownstreamConnection>? { get }
  /// A 1xx response; dropped where the protocol's version has none.
  func sendInformational(_ head: borrowing ResponseHead)
  /// 100 (Continue): the gateway itself wants the request's body.
  func sendContinue()
  /// The final response's head, with what the exchange adds; body and end follow.
  func sendHead(_ head: borrowing ResponseHead, of exchange: Exchange)
  func sendBody(_ bytes: Span<UInt8>)
  /// Whether the body of the response under way can be moved here inside the kernel: it leaves this
  /// carrier as the target sent it.
  var takesSplices: Bool { get }
  /// Moves a part of the body; only while `takesSplices`.
  func sendBody(from source: StreamConnection, atMost limit: Int) -> StreamConnection.SpliceOutcome
  /// Sends a part of the body from where it is stored; only while `takesSplices`. False when it can't be
  /// read.
  func sendBody(_ piece: MemoryFilePiece, _ range: Range<Int>) -> Bool
  func sendEnd(_ trailers: borrowing TrailerSection)
  /// A whole response that the gateway makes itself.
  func sendAnswer(_ answer: LocalAnswer, of exchange: Exchange)
  /// The head of one whose body comes in pieces of any number: body and end follow.
  func sendAnswerHead(_ answer: LocalAnswer, of exchange: Exchange)
  /// The response cannot be completed; the caller must be able to tell.
  func abortResponse()

  /// The upstream takes (more of) the request body now.
  func resumeRequestBody()
  func pauseRequestBody()

  /// The address that the caller has connected to.
  var localAddress: SocketAddress? { get }
  /// What the caller has proved by TLS to be; nil without a certificate.
  var clientCertificate: TLSClientCertificate? { get }
  /// What the caller's TLS handshake has agreed on; nil without TLS. A copy each time.
  var tlsHandshake: TLSHandshake? { get }
  /// What the caller's TLS handshake named; empty when it named nothing, nil without TLS.
  var serverName: [UInt8]? { get }

  /// Response bytes that the caller did not take yet.
  var responseBacklog: Int { get }
  /// The caller's connection holds so much for other exchanges that as little as possible of this response
  /// should be read before the caller takes it.
  var isCrowded: Bool { get }

  /// Who repeats a session's handshake; nil for every other exchange.
  var reconnector: SessionReconnector? { get }

  /// Where the caller was accepted; its sessions count there.
  var acceptor: HTTPListener { get }
  /// After a 101: what carried the exchange is the session's from now on. The exchange is over for
  /// the carrier, but for `deliverEarly`.
  func handOver(to session: Session)
  /// Gives the session what the caller sent behind its handshake.
  func deliverEarly(to session: Session)
  /// Says 101 with this head in the target's stead, and gives up the connection to what is returned;
  /// nil for a carrier that cannot.
  func beginWebSocket(
    _ head: [UInt8], of exchange: Exchange, maxSize: Int
  ) -> FirstMessageStream?
  /// Gives that what the caller sent behind its handshake.
  func deliverEarly(to stream: FirstMessageStream)
}

/// Of a carrier that frames or encrypts what it carries.
extension DownstreamStream {
  var takesSplices: Bool { false }
  var isCrowded: Bool { false }
  func sendBody(
    from source: StreamConnection, atMost limit: Int
  ) -> StreamConnection.SpliceOutcome { .refused }
  func sendBody(_ piece: MemoryFilePiece, _ range: Range<Int>) -> Bool { false }
}

extension DownstreamStream {
  var keptByLoop: Unmanaged<HTTP1DownstreamConnection>? { nil }
}

/// A carrier that has no connection of its own to tell of.
extension DownstreamStream {
  var clientCertificate: TLSClientCertificate? { nil }
  var tlsHandshake: TLSHandshake? { nil }
  var serverName: [UInt8]? { nil }
  var localAddress: SocketAddress? { nil }
}

/// A carrier that cannot become a WebSocket before its session.
extension DownstreamStream {
  func beginWebSocket(
    _ head: [UInt8], of exchange: Exchange, maxSize: Int
  ) -> FirstMessageStream? { nil }
  func deliverEarly(to stream: FirstMessageStream) {}
}

extension UpstreamStream {
  var isTargetLeaving: Bool { false }
}

extension DownstreamStream {
  var reconnector: SessionReconnector? { nil }
}

/// The target's side of one exchange. Calls back on the exchange's `upstream…` methods.
protocol UpstreamStream: AnyObject {
  func sendBody(_ bytes: Span<UInt8>)
  func sendEnd(_ trailers: borrowing TrailerSection)
  /// Request bytes that the target did not take yet.
  var requestBacklog: Int { get }
  /// The target has said that it is leaving, which answers on their way may be the reason of.
  var isTargetLeaving: Bool { get }
  func pauseResponse()
  func resumeResponse()
  /// The exchange no longer wants this response; a connection that can't be reused is closed.
  func abandon()
  /// After a 101: what carried the exchange is the session's from now on.
  func handOver(to session: Session)
}
