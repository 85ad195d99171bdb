import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// Answering with what is stored.
extension Exchange {
  /// Sends a stored response through the policies, as if a target had sent it.
  func serve(_ entry: CacheEntry, isNotModified: Bool) {
    leaveUpstream()
    let turn = self.turn
    if isNotModified { upstreamHead(entry.notModified) } else { upstreamHead(entry.head) }
    // A policy may have put its own answer in the place of the response, or another route's.
    guard self.turn == turn, state != .finished else { return }
    if replacement != nil || isNotModified || request.method == .head || entry.body.count == 0 {
      return upstreamEnd(TrailerSection())
    }
    if entry.body.count > StreamConnection.highWater {
      return StoredBodyReader(entry.body, self).start()
    }
    storedBody(entry.body, 0..<entry.body.count)
    if self.turn == turn && state == .responding { upstreamEnd(TrailerSection()) }
  }

  /// A part of a stored body: sent from where it lies, unless somebody looks at it.
  fileprivate func storedBody(_ body: StoredBody, _ range: Range<Int>) {
    guard let piece = body.piece else {
      return body.withBytes { upstreamBody($0.extracting(range)) }
    }
    guard splicesResponse, let downstream else { return storedCopy(piece, range) }
    record.sent &+= UInt64(range.count)
    worker.counters.splicedBytes &+= UInt64(range.count)
    if !downstream.sendBody(piece, range) { return cutShort(.internalError) }
    if downstream.responseBacklog > StreamConnection.highWater { upstream?.pauseResponse() }
  }

  private func storedCopy(_ piece: MemoryFilePiece, _ range: Range<Int>) {
    // Taken away meanwhile: sending may lead here again, for another exchange.
    var part = ByteBuffer()
    swap(&part, &worker.storedPart)
    part.clear()
    if piece.read(range, into: &part) {
      upstreamBody(part.span)
    } else {
      cutShort(.internalError)
    }
    swap(&part, &worker.storedPart)
  }
}

extension Exchange {
  /// The same in the place of a target's response, whose head has just come.
  func serve(
    _ entry: CacheEntry, isNotModified: Bool, instead head: borrowing ResponseHead
  ) {
    state = .forwarding
    // The end of a response without a body comes at once, and its connection can be used again.
    if head.framing.isEmpty {
      storedReplacement = (entry, isNotModified)
    } else {
      serve(entry, isNotModified: isNotModified)
    }
  }

  /// Makes this exchange the request of another once more, for nobody; only `policies` see what comes
  /// back. `forward` sends it. False when it can't be made.
  func prepareInBackground(like other: Exchange, policies: PolicyChain) -> Bool {
    guard let acceptor = other.downstream?.acceptor, copyHead(other.request) else { return false }
    begin(like: other, BackgroundStream(acceptor: acceptor), policies: policies)
    record.isBackground = true
    return true
  }

  /// Makes this exchange a copy of another's request, as targets would get that, for nobody and to
  /// another service; `policies` see its end. `forward` sends it. False when it can't be made.
  func prepareCopy(
    of other: Exchange, to route: CompiledRoute, body: consuming ByteBuffer, policies: PolicyChain
  ) -> Bool {
    guard let acceptor = other.downstream?.acceptor, copyHead(other.request) else { return false }
    begin(like: other, BackgroundStream(acceptor: acceptor), policies: policies)
    record.isBackground = true
    // What the other route makes of the path; this one knows nothing of it.
    var path = ByteBuffer()
    other.appendSentPath(to: &path)
    requestEdits.setPath(path)
    // The body is here.
    dropRequestFields(named: Self.expectField)
    take(route)
    requestFraming = body.isEmpty ? .none : .length(UInt64(body.count))
    isBodyCollected = !body.isEmpty
    collectedBody = body
    return true
  }

  private func copyHead(_ head: borrowing RequestHead) -> Bool {
    var scanned = 0
    let limits = HeadLimits(bytes: .max, fields: .max, target: .max)
    let bytes = head.span(ByteRange(start: 0, count: UInt16(clamping: head.bytes.count)))
    do throws(HeadError) {
      return try request.parse(prefixOf: bytes, scanned: &scanned, limits: limits) != nil
    } catch {
      return false
    }
  }

  // MARK: What a target gets

  /// Appends what a target gets for this field, as one list. `name` is in lower case.
  ///
  /// What the gateway adds for each connection (X-Forwarded-For and the like) is not among it.
  func appendSentValues(of name: [UInt8], to output: inout ByteBuffer) {
    var isFirst = true
    if !IdentityFields.contains(name.span) {
      appendSentValues(of: name, request, &isFirst, to: &output)
    } else if let identity {
      let lines = identity.upstreamFields
      FieldLines.appendValues(of: name, in: lines.span, &isFirst, to: &output)
    }
    if !requestEdits.fields.isEmpty {
      appendAddedValues(of: name, requestEdits, &isFirst, to: &output)
    }
  }

  private func appendSentValues(
    of name: [UInt8], _ head: borrowing RequestHead, _ isFirst: inout Bool,
    to output: inout ByteBuffer
  ) {
    guard let first = head.firstIndex(named: name.span) else { return }
    for index in first..<head.fields.count {
      let field = head.fields[index]
      if field.isHopByHop || requestEdits.fields.drops(index) { continue }
      guard head.span(field.name).equalsIgnoringCase(name) else { continue }
      if !isFirst { output.append(", ") }
      isFirst = false
      output.append(head.span(field.value))
    }
  }

  private func appendAddedValues(
    of name: [UInt8], _ edits: borrowing RequestEdits, _ isFirst: inout Bool,
    to output: inout ByteBuffer
  ) {
    FieldLines.appendValues(of: name, in: edits.fields.lines.span, &isFirst, to: &output)
  }

  /// Appends what targets are told about how the caller came here, as far as they may answer
  /// differently: a trusted proxy's word for scheme, host, port and prefix.
  func appendForwardedKey(to key: inout CacheKey.Builder) {
    if isTrusted { appendForwardedKey(of: request, to: &key) }
  }

  private func appendForwardedKey(
    of head: borrowing RequestHead, to key: inout CacheKey.Builder
  ) {
    for field in head.fields {
      switch field.known {
      case .xForwardedProto, .xForwardedHost, .xForwardedPort, .xForwardedPrefix:
        key.append(field.known.rawValue)
        key.appendCounted(head.span(field.value))
      case .forwarded:
        let value = head.span(field.value)
        var start = 0
        while start < value.count {
          var end = start
          while end < value.count, value[end] != 0x3B, value[end] != 0x2C { end += 1 }
          while start < end, value[start] == 0x20 { start += 1 }
          let pair = value.extracting(start..<max(start, end))
          // What it says of addresses differs from caller to caller, and from nothing else.
          if !pair.hasPrefixIgnoringCase(Self.forwardedFor)
            && !pair.hasPrefixIgnoringCase(Self.forwardedBy)
          {
            key.appendCounted(pair)
          }
          start = end + 1
        }
      default: break
      }
    }
  }

  private static let forwardedFor = Array("for=".utf8)
  private static let forwardedBy = Array("by=".utf8)
}

/// Sends a large stored body as fast as the caller takes it, from the memory in which it lies.
///
/// Plays the target's part for the exchange, so that back-pressure and filters are those of any body.
final class StoredBodyReader: UpstreamStream {
  private let body: StoredBody
  private var exchange: Exchange?
  private var offset = 0
  private var isPaused = false

  private static let piece = 64 * 1_024
  /// So many in a row where filters look at them; then others get their turn, because what a filter
  /// makes small enough never fills the connection.
  private static let piecesPerTurn = 4

  init(_ body: StoredBody, _ exchange: Exchange) {
    self.body = body
    self.exchange = exchange
  }

  func start() {
    exchange?.upstream = self
    send()
  }

  private func send() {
    var pieces = 0
    while let exchange, !isPaused, offset < body.count {
      if pieces == Self.piecesPerTurn && exchange.readsResponseBody {
        return sendLater(exchange)
      }
      pieces += 1
      let end = min(body.count, offset + Self.piece)
      let range = offset..<end
      offset = end
      exchange.storedBody(body, range)
    }
    guard offset == body.count, let exchange else { return }
    self.exchange = nil
    exchange.upstreamEnd(TrailerSection())
  }

  private func sendLater(_ exchange: Exchange) {
    let (token, use) = (exchange.token, exchange.use)
    exchange.loop.mailbox.post { loop in
      guard let exchange = loop.handler(token) as? Exchange, exchange.use == use else { return }
      (exchange.upstream as? StoredBodyReader)?.send()
    }
  }

  func pauseResponse() { isPaused = offset < body.count }

  func resumeResponse() {
    if !isPaused { return }
    isPaused = false
    send()
  }

  func abandon() { exchange = nil }

  // There is no request to send.
  var requestBacklog: Int { 0 }
  func sendBody(_ bytes: Span<UInt8>) {}
  func sendEnd(_ trailers: borrowing TrailerSection) {}
  func handOver(to session: Session) {}
}

/// The caller's side of an exchange that the gateway begins itself: nobody listens.
final class BackgroundStream: DownstreamStream {
  let acceptor: HTTPListener

  init(acceptor: HTTPListener) { self.acceptor = acceptor }

  var responseBacklog: Int { 0 }
  func sendInformational(_ head: borrowing ResponseHead) {}
  func sendContinue() {}
  func sendHead(_ head: borrowing ResponseHead, of exchange: Exchange) {}
  func sendBody(_ bytes: Span<UInt8>) {}
  func sendEnd(_ trailers: borrowing TrailerSection) {}
  func sendAnswer(_ answer: LocalAnswer, of exchange: Exchange) {}
  func sendAnswerHead(_ answer: LocalAnswer, of exchange: Exchange) {}
  func abortResponse() {}
  func resumeRequestBody() {}
  func pauseRequestBody() {}
  func handOver(to session: Session) {}
  func deliverEarly(to session: Session) {}
}
