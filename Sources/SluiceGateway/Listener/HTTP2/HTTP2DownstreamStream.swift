import SluiceReactor
import SluiceWire

/// One request of an HTTP/2 caller: the exchange's downstream side.
final class HTTP2DownstreamStream: HTTP2ServerStream {
  let connection: HTTP2DownstreamConnection
  private(set) var exchange: Exchange?
  /// What `Content-Length` says is still to come; nil where nothing says it.
  var responseLeft: UInt64?
  /// When the caller's time for a piece of the body, or for reading, is over.
  private(set) var deadline = MonotonicTime.distantFuture
  /// Until it is refused, or over.
  private var isTunnelWanted = true

  init(id: Int32, _ connection: HTTP2DownstreamConnection) {
    self.connection = connection
    super.init(id: id)
  }

  private var worker: Worker { connection.worker }

  // MARK: The request

  override func requestBegan(_ head: Span<UInt8>, isComplete: Bool) {
    let limits = connection.listener.headLimits
    let exchange = worker.takeExchange()
    do throws(HeadError) {
      // What was sent is counted; here are the words of HTTP/1.1 beside it.
      try exchange.request.parse(
        head,
        limits: HeadLimits(bytes: .max, fields: limits.fields + 5, target: limits.target))
    } catch {
      worker.giveBack(exchange)
      return requestRefused(.head(error))
    }
    if isComplete && !exchange.request.framing.isEmpty {
      worker.giveBack(exchange)
      return requestRefused(.contentLengthMismatch)
    }
    exchange.request.arrivedByHTTP2()
    exchange.record.isHTTP2 = true
    exchange.record.wantsTunnel = isTunnel
    self.exchange = exchange
    isWatched = true
    connection.requestBegan()
    if !isComplete && !isTunnel { timeBody() }
    exchange.begin(self, listener: connection.listener, peer: connection.peer)
  }

  override func requestRefused(_ fault: HTTP2HeadFault) {
    let exchange = worker.takeExchange()
    self.exchange = exchange
    if fault.isMalformed { codeAfterResponse = .protocolError }
    connection.requestBegan()
    exchange.record.isHTTP2 = true
    if case .head(let error) = fault { exchange.record.fault = error.code }
    exchange.refuse(
      fault.error, detail: fault.text, self, listener: connection.listener, peer: connection.peer)
  }

  /// Also the end of a body is for somebody who takes it: nobody could keep it until then.
  override var takesBody: Bool {
    if isTunnel && isTunnelWanted { return false }
    return exchange.map { $0.takesRequestBody || $0.request.framing.isEmpty } ?? true
  }

  override func bodyArrived(_ bytes: Span<UInt8>) {
    guard let exchange else { return }
    timeBody()
    exchange.downstreamBody(bytes)
  }

  override func inputEnded(_ trailers: TrailerSection) {
    if output.isEmpty { deadline = .distantFuture }
    guard !isTunnel, let exchange, !exchange.request.framing.isEmpty else { return }
    exchange.downstreamBodyEnded(trailers)
  }

  func takeBodyTurn() { if session != nil { takeInput() } }

  // MARK: The tunnel

  override func wantsPump() { connection.wantsPump() }

  override func tunnelEnded(isOrderly: Bool) {
    tunnel = nil
    isTunnelWanted = false
    isWatched = false
    dropInput()
    guard let session else { return }
    if isOrderly {
      session.end(self)
      session.stopListening(to: self)
      timeWriting()
    } else {
      session.reset(self, .cancel)
    }
    connection.wantsPump()
  }

  // MARK: Time

  private func timeBody() {
    if !output.isEmpty || isTunnel { return }
    deadline = connection.loop.now.advanced(byNanoseconds: connection.listener.bodyTimeout)
    connection.wake(at: deadline)
  }

  /// The caller's time runs from when it stops taking what there is.
  private func timeWriting(isProgress: Bool = false) {
    // What a session's caller does not take is the session's affair.
    if tunnel != nil { return }
    if output.isEmpty {
      if isInputComplete { deadline = .distantFuture } else if isProgress { timeBody() }
    } else if isProgress || deadline == .distantFuture {
      deadline = connection.loop.now.advanced(byNanoseconds: connection.listener.writeTimeout)
      connection.wake(at: deadline)
    }
  }

  override func outputTaken() { timeWriting(isProgress: true) }

  override func outputDrained() {
    if let tunnel { tunnel.outputDrained() } else { exchange?.downstreamDrained() }
  }

  func timedOut() {
    deadline = .distantFuture
    if session == nil { return }
    if output.isEmpty {
      // A target that does not take the body is not the caller's fault.
      if hasInput || isInputComplete { return }
      if let exchange, exchange.state != .responding { return exchange.fail(.requestTimeout) }
    }
    let exchange = self.exchange
    self.exchange = nil
    session?.reset(self, .cancel)
    exchange?.downstreamGone()
  }

  // MARK: The end

  override func closed(_ code: HTTP2ErrorCode) {
    if !hasBegun && code == .protocolError { worker.counters.malformedRequests &+= 1 }
    connection.streamClosed()
    if let tunnel { return tunnel.streamClosed() }
    // All of the response is out, and the exchange is about to say that this was all.
    if isEndSent && code == .noError { return }
    let exchange = self.exchange
    self.exchange = nil
    exchange?.downstreamGone()
  }

  /// The response is complete as far as the exchange is concerned.
  private func responseCompleted() {
    isTunnelWanted = false
    exchange = nil
    isWatched = false
    dropInput()
    connection.pump()
    timeWriting()
  }
}

extension HTTP2DownstreamStream: DownstreamStream {
  var acceptor: HTTPListener { connection.acceptor }
  var localAddress: SocketAddress? { connection.localAddress }
  var clientCertificate: TLSClientCertificate? { connection.clientCertificate }
  var tlsHandshake: TLSHandshake? { connection.tlsHandshake }
  var serverName: [UInt8]? { connection.serverName }

  /// A stream whose bytes are all out has no backlog, whatever waits in others: nobody would tell it
  /// to go on.
  var responseBacklog: Int {
    let waiting = output.count
    return waiting > 0 && isCrowded ? max(waiting, StreamConnection.highWater + 1) : waiting
  }

  var isCrowded: Bool {
    session.map { $0.outputBytes > HTTP2Limits.responseBacklog } ?? false
  }

  // MARK: The response

  func sendInformational(_ head: borrowing ResponseHead) {
    // RFC 9113 8.6: there is no switching of protocols. And hints are of no use to somebody who does
    // not read, but may be without end.
    if head.status == 101 || connection.backlog > StreamConnection.highWater { return }
    worker.http2Fields.begin(status: head.status)
    Self.append(head, of: nil, to: &worker.http2Fields)
    session?.inform(self, &worker.http2Fields)
    connection.pump()
  }

  func sendContinue() {
    worker.http2Fields.begin(status: 100)
    session?.inform(self, &worker.http2Fields)
    connection.pump()
  }

  func sendHead(_ head: borrowing ResponseHead, of exchange: Exchange) {
    if isTunnel && head.status == 101 { return openTunnel(head, of: exchange) }
    let isLengthUnknown = exchange.isResponseLengthUnknown
    let isEnd = head.framing == .none || head.framing == .length(0) && !isLengthUnknown
    if !isEnd, !isLengthUnknown, case .length(let count) = head.framing { responseLeft = count }
    worker.http2Fields.begin(status: shown(exchange.shownStatus(head.status)))
    Self.append(head, of: exchange, to: &worker.http2Fields)
    // HEAD and 304 announce the length that a GET would have had; RFC 9110 8.6 forbids it in 204.
    if head.status != 204, !isLengthUnknown, let count = head.contentLength {
      worker.http2Fields.append("content-length") { $0.append(decimal: count) }
    }
    Self.appendLines(of: exchange.responseEdits, to: &worker.http2Fields)
    session?.respond(self, &worker.http2Fields, isEnd: isEnd)
    connection.pump()
  }

  private static func append(
    _ head: borrowing ResponseHead, of exchange: Exchange?, to output: inout HTTP2FieldList
  ) {
    let dropped = FieldName.contentLength.bit | FieldName.transferEncoding.bit
    let isEdited = exchange.map { !$0.responseEdits.isEmpty } ?? false
    let isHandshake = exchange?.wantsUpgrade ?? false
    for index in head.fields.indices {
      let field = head.fields[index]
      if field.isHopByHop || dropped & field.known.bit != 0 { continue }
      if isEdited, let exchange, exchange.responseEdits.drops(index) { continue }
      if isHandshake, field.known == .secWebSocketAccept || field.known == .other,
        field.known == .secWebSocketAccept
          || head.span(field.name).hasPrefixIgnoringCase(SessionFacts.labelPrefix)
      {
        continue
      }
      output.append(name: head.span(field.name), value: head.span(field.value))
    }
  }

  private static func appendLines(
    of edits: borrowing FieldEdits, to output: inout HTTP2FieldList
  ) {
    output.appendLines(edits.lines.span)
  }

  func sendBody(_ bytes: Span<UInt8>) {
    session?.append(bytes, to: self)
    if let left = responseLeft {
      responseLeft = left &- UInt64(bytes.count)
      // The last frame says that it is.
      if left <= UInt64(bytes.count) { session?.end(self) }
    }
    connection.pump()
    timeWriting()
  }

  func sendEnd(_ trailers: borrowing TrailerSection) {
    session?.end(self, copy trailers)
    responseCompleted()
  }

  func sendAnswer(_ answer: LocalAnswer, of exchange: Exchange) {
    let hasBody = !answer.body.isEmpty && exchange.request.method != .head
    beginAnswer(answer, of: exchange)
    // RFC 9110 8.6 forbids it in 204.
    if answer.status != 204 {
      worker.http2Fields.append("content-length") { $0.append(decimal: UInt64(answer.body.count)) }
    }
    session?.respond(self, &worker.http2Fields, isEnd: !hasBody)
    if hasBody {
      session?.append(answer.body.span, to: self)
      session?.end(self)
    }
    responseCompleted()
  }

  func sendAnswerHead(_ answer: LocalAnswer, of exchange: Exchange) {
    beginAnswer(answer, of: exchange)
    session?.respond(self, &worker.http2Fields, isEnd: false)
    connection.pump()
  }

  private func beginAnswer(_ answer: LocalAnswer, of exchange: Exchange) {
    let date = worker.date
    worker.http2Fields.begin(status: shown(answer.status))
    worker.http2Fields.append("date") { $0.append(date) }
    let hasType = answer.contentType.utf8CodeUnitCount > 0
    if hasType && (!answer.body.isEmpty || answer.stream != nil) {
      worker.http2Fields.append("content-type") { $0.append(answer.contentType) }
    }
    for field in answer.fields { worker.http2Fields.appendLines(field.bytes.span) }
    Self.appendLines(of: exchange.responseEdits, to: &worker.http2Fields)
  }

  /// The caller can tell a response that was reset from a whole one (RFC 9113 8.1).
  func abortResponse() {
    session?.reset(self, .internalError)
    responseCompleted()
  }

  // MARK: Flow of the request body

  func resumeRequestBody() {
    if hasInput || isEndWaiting { connection.wantsBodyTurn(self) }
  }

  /// What a target does not take stays in the stream's window.
  func pauseRequestBody() {}

  // MARK: Sessions

  func handOver(to session: Session) {
    session.sharesConnection = true
    exchange = nil
    beginTunnel(for: session.downstream, on: connection)
  }

  /// What came already waits in the tunnel.
  func deliverEarly(to session: Session) {}

  func beginWebSocket(
    _ head: [UInt8], of exchange: Exchange, maxSize: Int
  ) -> FirstMessageStream? {
    if !isTunnel || session == nil { return nil }
    worker.http2Fields.begin(status: 200)
    worker.http2Fields.appendLines(head.span, without: .secWebSocketAccept)
    session?.respond(self, &worker.http2Fields, isEnd: false)
    let stream = FirstMessageStream(
      exchange, acceptor: acceptor, maxSize: maxSize, sharesConnection: true)
    self.exchange = nil
    beginTunnel(for: stream, on: connection)
    acceptor.becameStranger(stream)
    return stream
  }

  /// The answer to an extended CONNECT is a status like any other (RFC 8441 5).
  private func openTunnel(_ head: borrowing ResponseHead, of exchange: Exchange) {
    worker.http2Fields.begin(status: 200)
    Self.append(head, of: exchange, to: &worker.http2Fields)
    Self.appendLines(of: exchange.responseEdits, to: &worker.http2Fields)
    session?.respond(self, &worker.http2Fields, isEnd: false)
    connection.wantsPump()
  }

  /// What a caller that asked for a tunnel takes for one (RFC 9110 9.3.6) is none without a 101.
  private func shown(_ status: Int) -> Int { isTunnel && status / 100 == 2 ? 502 : status }
}
