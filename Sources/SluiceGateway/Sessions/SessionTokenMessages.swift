import SluiceReactor
import SluiceWire

/// `connection.refresh.message`: new credentials for the session among its own messages.
///
/// After the limits, because each costs what judging a token costs; before `authorize`, because they are
/// no messages to the target.
final class SessionTokenMessages: MessagePolicy {
  private let path: JSONPath

  /// A longer token is none.
  static let maxTokenBytes = 16 * 1_024

  /// Nil for a path that the configuration's check would have refused.
  init?(_ path: String) {
    guard let path = try? JSONPath(path) else { return nil }
    self.path = path
    super.init(stage: .authorize, cellCount: 0)
  }

  override func meet(
    _ message: WebSocketMessage, _ payload: Span<UInt8>, of session: Session,
    _ inspection: SessionInspection
  ) -> MessageOutcome {
    guard message.opcode == .text, !message.isCompressed,
      case .found(let value) = path.value(in: payload), value.kind == .string
    else { return .pass }
    let content = payload.extracting(value.content)
    // Tokens have no characters that JSON escapes.
    let isToken =
      !value.hasEscapes && !content.isEmpty && content.count <= Self.maxTokenBytes
      && FieldSyntax.isValue(content)
    guard isToken, session.trust?.isAsking != true else {
      session.answerToken(isToken ? 429 : 400)
      return .taken
    }
    session.judge(token: content.withUnsafeBufferPointer { Array($0) })
    return .taken
  }
}

extension Session {
  /// Has the token judged as the bearer token of a handshake, and answers by a message.
  fileprivate func judge(token: [UInt8]) {
    var head = ByteBuffer()
    head.append("POST / HTTP/1.0\r\nAuthorization: Bearer ")
    head.append(token)
    head.append("\r\n\r\n")
    if trust == nil { trust = SessionTrust() }
    judge(head.copiedBytes()) { session, status in session.answerToken(status) }
  }

  /// Has the credentials in a head judged as those of a handshake; `done` is called once unless the
  /// session has ended by then, with 204 when they hold.
  func judge(
    _ head: [UInt8], isRenewal: Bool = false, done: @escaping (Session, Int) -> Void
  ) {
    guard let chain = route.refresh, let trust else { return done(self, 404) }
    let exchange = worker.takeExchange()
    do throws(HeadError) {
      try exchange.request.parse(
        head.span, limits: HeadLimits(bytes: 65_535, fields: 65_535, target: 65_535))
    } catch {
      worker.giveBack(exchange)
      return done(self, 400)
    }
    // A renewal's head is that of the handshake itself.
    let subject = isRenewal ? nil : trust.subject
    if subject == nil, !isRenewal, chain.identifyStage?.asksAboutRequests == true {
      worker.giveBack(exchange)
      return done(self, 503)
    }
    trust.isAsking = true
    exchange.judge(
      by: chain,
      for: SessionTokenTarget(
        id: id, worker: worker.index, subject: subject, isRenewal: isRenewal),
      SessionTokenCall(self, done), listener: listener.compiled, peer: client)
  }

  fileprivate func answerToken(_ status: Int) {
    let text =
      status == 204
      ? #"{"type":"token-accepted"}"#
      : "{\"type\":\"error\",\"code\":\"token-refused\",\"status\":\(status)}"
    // Who does not read its answers gets no more of them.
    _ = push(SessionMessage(isText: true, bytes: Array(text.utf8)))
  }
}

extension Exchange {
  /// `request` holds credentials that a session's caller has shown, by a message or at its handshake.
  fileprivate func judge(
    by chain: PolicyChain, for target: SessionTokenTarget, _ call: SessionTokenCall,
    listener: CompiledListener, peer: SocketAddress
  ) {
    start(call, listener: listener, peer: peer)
    record.isBackground = true
    // The same path as at the handshake is what others are asked about.
    if let error = normalisePath(request) { return fail(error) }
    judge(by: chain, for: target)
    policyPosition = SessionToken.judging
    meetPolicies()
  }
}

/// The caller's side of such an exchange: tells the session what came of it.
private final class SessionTokenCall: DownstreamStream {
  private weak var session: Session?
  private let done: (Session, Int) -> Void

  init(_ session: Session, _ done: @escaping (Session, Int) -> Void) {
    self.session = session
    self.done = done
  }

  private func finish(_ status: Int) {
    guard let session, session.token != .none else { return }
    self.session = nil
    session.trust?.isAsking = false
    done(session, status)
  }

  var responseBacklog: Int { 0 }
  func sendInformational(_ head: borrowing ResponseHead) {}
  func sendContinue() {}
  func sendHead(_ head: borrowing ResponseHead, of exchange: Exchange) {}
  func sendBody(_ bytes: Span<UInt8>) {}
  func sendEnd(_ trailers: borrowing TrailerSection) {}
  func sendAnswer(_ answer: LocalAnswer, of exchange: Exchange) { finish(answer.status) }
  func sendAnswerHead(_ answer: LocalAnswer, of exchange: Exchange) { finish(answer.status) }
  func abortResponse() { finish(500) }
  func resumeRequestBody() {}
  func pauseRequestBody() {}
  // It never asks for an upgrade, so no 101 is an answer to it.
  var acceptor: HTTPListener { preconditionFailure("a call has no listener") }
  func handOver(to session: Session) {}
  func deliverEarly(to session: Session) {}
}
