import SluiceReactor
import SluiceWire

/// Writing responses: framing is this carrier's, content is the exchange's.
extension HTTP1DownstreamConnection: DownstreamStream {
  var keptByLoop: Unmanaged<HTTP1DownstreamConnection>? { .passUnretained(self) }

  var responseBacklog: Int { backlog }

  func sendInformational(_ head: borrowing ResponseHead) {
    // RFC 9110 15.2: an HTTP/1.0 client knows no 1xx.
    guard let exchange, exchange.request.version == .http11 else { return }
    stageHead(head, extra: nil)
  }

  func sendContinue() {
    if exchange?.request.version == .http11 { stage { $0.append("HTTP/1.1 100 Continue\r\n\r\n") } }
    flushStage()
  }

  func sendHead(_ head: borrowing ResponseHead, of exchange: Exchange) {
    var framing = head.framing
    // What is left of the request is not read.
    if exchange.internalRedirect?.dropsBody == true, !machine.isRequestComplete {
      machine.stopKeepingAlive()
    }
    if exchange.isResponseLengthUnknown, case .length = framing { framing = .untilClose }
    if framing == .untilClose || framing == .chunked, exchange.request.version == .http10 {
      // Without chunks the end of the body is the end of the connection.
      responseFraming = .untilClose
      machine.stopKeepingAlive()
    } else {
      responseFraming = framing == .untilClose ? .chunked : framing
    }
    stageHead(head, extra: exchange)
  }

  /// The parsed head, written anew. `extra` adds the final response's own fields.
  private func stageHead(_ head: borrowing ResponseHead, extra exchange: Exchange?) {
    let status = exchange?.shownStatus(head.status) ?? head.status
    let framing = responseFraming
    let keepsAlive = machine.keepsAlive
    let isOld = exchange?.request.version == .http10
    // The closure only borrows for the call; a borrowed parameter can't be captured, a pointer can.
    withUnsafePointer(to: head) { head in
      stage { output in
        if let exchange, Self.isSentAsItIs(head.pointee, framing, of: exchange) {
          // All but the empty line.
          let bytes = head.pointee.bytes.span
          output.append(bytes.extracting(..<(bytes.count &- 2)))
        } else {
          if status == head.pointee.status {
            output.appendStatusLine(status, reason: head.pointee.span(head.pointee.reason))
          } else {
            output.appendStatusLine(status)
          }
          Self.appendFields(head.pointee, of: exchange, to: &output)
          if let exchange, status != 101 {
            Self.appendFraming(
              framing, head.pointee, isLengthUnknown: exchange.isResponseLengthUnknown, to: &output)
          }
        }
        if let exchange {
          if status == 101 {
            Self.appendUpgrade(head.pointee, to: &output)
          } else {
            Self.appendConnection(keepsAlive: keepsAlive, isOld: isOld, to: &output)
          }
          Self.appendLines(of: exchange.responseEdits, to: &output)
        }
        output.append("\r\n")
      }
    }
  }

  /// Whether policies and the caller leave a stored head as it was composed.
  private static func isSentAsItIs(
    _ head: borrowing ResponseHead, _ framing: BodyFraming, of exchange: Exchange
  ) -> Bool {
    guard head.isComposed, framing == head.framing, exchange.internalRedirect?.status == nil else {
      return false
    }
    return !exchange.isResponseLengthUnknown && exchange.responseEdits.dropsNothing
  }

  private static func appendFields(
    _ head: borrowing ResponseHead, of exchange: Exchange?, to output: inout ByteBuffer
  ) {
    let dropped = FieldName.contentLength.bit | FieldName.transferEncoding.bit
    let isEdited = exchange.map { !$0.responseEdits.isEmpty } ?? false
    let isHandshake = exchange?.wantsUpgrade ?? false
    var copy = FieldCopy()
    for index in head.fields.indices {
      let field = head.fields[index]
      if field.isHopByHop || dropped & field.known.bit != 0 { continue }
      if isEdited, let exchange, exchange.responseEdits.drops(index) { continue }
      if isHandshake, head.span(field.name).hasPrefixIgnoringCase(SessionFacts.labelPrefix) {
        continue
      }
      copy.add(field, of: head, to: &output)
    }
    copy.finish(of: head, to: &output)
  }

  private static func appendUpgrade(_ head: borrowing ResponseHead, to output: inout ByteBuffer) {
    guard let upgrade = head.upgrade else { return }
    output.append("Connection: Upgrade\r\n")
    output.appendField("Upgrade", head.span(upgrade))
  }

  private static func appendFraming(
    _ framing: BodyFraming, _ head: borrowing ResponseHead, isLengthUnknown: Bool,
    to output: inout ByteBuffer
  ) {
    switch framing {
    case .length(let count): output.appendField("Content-Length", decimal: count)
    case .chunked: output.append("Transfer-Encoding: chunked\r\n")
    case .none:
      // HEAD and 304 announce the length that a GET would have had; RFC 9110 8.6 forbids it in 204.
      if head.status != 204, !isLengthUnknown, let count = head.contentLength {
        output.appendField("Content-Length", decimal: count)
      }
    case .untilClose: break
    }
  }

  private static func appendConnection(
    keepsAlive: Bool, isOld: Bool, to output: inout ByteBuffer
  ) {
    if !keepsAlive {
      output.append("Connection: close\r\n")
    } else if isOld {
      output.append("Connection: keep-alive\r\n")
    }
  }

  private static func appendLines(
    of edits: borrowing FieldEdits, to output: inout ByteBuffer
  ) {
    output.append(edits.lines.span)
  }

  func sendBody(_ bytes: Span<UInt8>) {
    if responseFraming == .chunked {
      stage { $0.appendChunkHeader(size: bytes.count) }
      write(bytes)
      stage { $0.appendChunkEnd() }
    } else {
      write(bytes)
    }
    timeWriting()
  }

  var takesSplices: Bool {
    if case .length = responseFraming { return canSplice }
    return false
  }

  func sendBody(
    from source: StreamConnection, atMost limit: Int
  ) -> StreamConnection.SpliceOutcome {
    let outcome = splice(from: source, atMost: limit)
    timeWriting()
    return outcome
  }

  func sendBody(_ piece: MemoryFilePiece, _ range: Range<Int>) -> Bool {
    let isWhole = write(piece, range)
    timeWriting()
    return isWhole
  }

  /// The caller's time runs from when it stops taking what there is. What is staged leaves, or does not,
  /// when the turn ends: see `streamStalled`.
  func timeWriting() {
    if backlog > 0 && deadline == .distantFuture {
      setDeadline(afterNanoseconds: listener.writeTimeout)
    }
  }

  func sendEnd(_ trailers: borrowing TrailerSection) {
    if responseFraming == .chunked {
      let trailers = copy trailers
      stage { $0.appendLastChunk(trailers: trailers) }
    }
    responseCompleted()
  }

  func sendAnswer(_ answer: LocalAnswer, of exchange: Exchange) {
    // A request that is not wholly here would have to be read to its end first.
    if !machine.isRequestComplete { machine.stopKeepingAlive() }
    let isHead = exchange.request.method == .head
    stageAnswerHead(answer, framing: .length(UInt64(answer.body.count)), of: exchange)
    if !isHead { stage { $0.append(answer.body) } }
    responseCompleted()
  }

  func sendAnswerHead(_ answer: LocalAnswer, of exchange: Exchange) {
    if !machine.isRequestComplete { machine.stopKeepingAlive() }
    responseFraming = exchange.request.version == .http10 ? .untilClose : .chunked
    if responseFraming == .untilClose { machine.stopKeepingAlive() }
    stageAnswerHead(answer, framing: responseFraming, of: exchange)
  }

  private func stageAnswerHead(
    _ answer: LocalAnswer, framing: BodyFraming, of exchange: Exchange
  ) {
    let keepsAlive = machine.keepsAlive
    let isOld = exchange.request.version == .http10
    let date = worker.date
    stage { output in
      output.appendStatusLine(answer.status)
      output.appendField("Date", date.span)
      if answer.contentType.utf8CodeUnitCount > 0 && framing != .length(0) {
        output.appendField("Content-Type", answer.contentType)
      }
      switch framing {
      // RFC 9110 8.6 forbids it in 204.
      case .length(let count):
        if answer.status != 204 { output.appendField("Content-Length", decimal: count) }
      case .chunked: output.append("Transfer-Encoding: chunked\r\n")
      case .none, .untilClose: break
      }
      for field in answer.fields { output.append(field.bytes) }
      // RFC 9110 7.8: Upgrade has to be named in Connection.
      if answer.status == 426 { output.append("Connection: Upgrade\r\n") }
      Self.appendConnection(keepsAlive: keepsAlive, isOld: isOld, to: &output)
      Self.appendLines(of: exchange.responseEdits, to: &output)
      output.append("\r\n")
    }
  }

  func abortResponse() {
    exchange = nil
    // With a length or chunks the missing rest shows by itself; without, only a reset does.
    if responseFraming == .untilClose { abortConnection() } else { shutAfterFlush() }
  }

  // MARK: Sessions

  func beginWebSocket(
    _ head: [UInt8], of exchange: Exchange, maxSize: Int
  ) -> FirstMessageStream? {
    let stream = FirstMessageStream(exchange, acceptor: acceptor, maxSize: maxSize)
    stage { $0.append(head) }
    self.exchange = nil
    machine.upgraded()
    clearDeadline()
    handOver(to: stream as StreamConnection)
    acceptor.becameStranger(self, stream)
    return stream
  }

  func handOver(to session: Session) {
    exchange = nil
    machine.upgraded()
    clearDeadline()
    handOver(to: session.downstream as StreamConnection)
    acceptor.becameSession(self)
  }
}
