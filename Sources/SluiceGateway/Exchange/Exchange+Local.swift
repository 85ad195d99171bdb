import SluiceReactor
import SluiceWire

/// Exchanges that the process answers itself.
///
/// ```
///  respondLocally ─▶ collecting the body ─▶ the responder's task ─┬─▶ answered whole
///                         ├─ too large: 413                       └─▶ streaming ─▶ end, or caller gone
///                         └─ no room for it now: 503
/// ```
final class LocalWork {
  let responder: any LocalResponder
  var body: [UInt8] = []
  var maxBodyBytes = 0
  /// How much of `body` has memory; grows only by what `share` got.
  private(set) var roomBytes = 0
  private(set) var share: LocalBodyShare?
  /// The responder has the request.
  var isAsked = false
  var stream: LocalStream?

  init(_ responder: any LocalResponder) {
    self.responder = responder
    share = responder.bodyBudget.map(LocalBodyShare.init)
  }

  /// Makes room for so many bytes more, which `maxBodyBytes` allows; false when the budget has none. By doubling,
  /// but no further than to the largest body, so that what is counted is what is taken.
  func makeRoom(for count: Int) -> Bool {
    let needed = body.count + count
    if needed <= roomBytes { return true }
    let wanted = min(max(needed, 2 * roomBytes), maxBodyBytes)
    if share?.grow(to: wanted) == false { return false }
    roomBytes = wanted
    body.reserveCapacity(wanted)
    return true
  }

  /// Nothing of the body remains here.
  func handOver() -> (body: [UInt8], share: LocalBodyShare?) {
    defer { (body, share, roomBytes) = ([], nil, 0) }
    return (body, share)
  }
}

extension Exchange {
  func respondLocally() {
    guard case .responder(let responder) = listener.destination else { return fail(.noRoute) }
    state = .waiting
    let local = LocalWork(responder)
    self.local = local
    if request.framing.isEmpty { return askResponder(local) }
    local.maxBodyBytes = responder.maxBodyBytes(of: localRequest(request, body: []))
    if case .length(let count) = request.framing {
      if count > UInt64(local.maxBodyBytes) { return fail(.bodyTooLarge) }
      local.maxBodyBytes = Int(count)
    }
    if request.expectsContinue { sendContinue() }
  }

  /// A responder takes its body whole, so the caller may send it at once.
  private func sendContinue() {
    var head = ResponseHead()
    guard let downstream,
      (try? head.parse(
        Self.continueHead.span, requestMethod: request.method, limits: worker.headLimits)) != nil
    else { return }
    downstream.sendInformational(head)
  }

  private static let continueHead = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

  func localBody(_ bytes: Span<UInt8>, _ local: LocalWork) {
    if local.body.count + bytes.count > local.maxBodyBytes { return fail(.bodyTooLarge) }
    if !local.makeRoom(for: bytes.count) { return fail(.overloaded) }
    bytes.withUnsafeBufferPointer { local.body.append(contentsOf: $0) }
  }

  func askResponder(_ local: LocalWork) {
    local.isAsked = true
    let (body, share) = local.handOver()
    var request = localRequest(self.request, body: body)
    request.bodyShare = share
    let token = self.token
    let use = self.use
    let mailbox = loop.mailbox
    let responder = local.responder
    // Swift's task resumes on this worker; token and use tell whether the request is still there.
    Task(executorPreference: loop.executor) { [request] in
      let answer = await responder.answer(request)
      let isPosted = mailbox.post { loop in
        if let exchange = loop.handler(token) as? Exchange {
          exchange.answerIfWaiting(answer, use: use)
        } else {
          answer.stream?.end()
        }
      }
      if !isPosted { answer.stream?.end() }
    }
  }

  private func answerIfWaiting(_ answer: LocalAnswer, use: UInt64) {
    guard self.use == use && state == .waiting, let local else {
      answer.stream?.end()
      return
    }
    guard let stream = answer.stream else { return self.answer(answer) }
    if request.method == .head {
      stream.end()
      return self.answer(answer)
    }
    state = .responding
    local.stream = stream
    record.status = answer.status
    let (token, mailbox) = (token, loop.mailbox)
    stream.begin {
      mailbox.post { loop in
        guard let exchange = loop.handler(token) as? Exchange, exchange.use == use else { return }
        exchange.continueLocalStream()
      }
    }
    downstream?.sendAnswerHead(answer, of: self)
    continueLocalStream()
  }

  /// Sends what is there, as far as the caller takes it.
  func continueLocalStream() {
    guard let stream = local?.stream, let downstream else { return }
    while downstream.responseBacklog <= StreamConnection.highWater {
      switch stream.next() {
      case .piece(let bytes):
        record.sent &+= UInt64(bytes.count)
        if !bytes.isEmpty { downstream.sendBody(bytes.span) }
      case .nothing:
        return setDeadline(afterNanoseconds: stream.settings.keepAliveNanoseconds)
      case .finished:
        downstream.sendEnd(TrailerSection())
        return finish()
      }
    }
  }

  /// Nothing was sent for a while.
  func keepLocalStreamAlive(_ stream: LocalStream) {
    let comment = stream.settings.keepAlive
    if let downstream, downstream.responseBacklog == 0, !comment.isEmpty {
      downstream.sendBody(comment.span)
    }
    setDeadline(afterNanoseconds: stream.settings.keepAliveNanoseconds)
  }

  private func localRequest(_ head: borrowing RequestHead, body: [UInt8]) -> LocalRequest {
    var fields: [(name: String, value: String)] = []
    for field in head.fields {
      let name = Self.text(head.span(field.name))
      let value = Self.text(head.span(field.value))
      fields.append((name, value))
    }
    return LocalRequest(
      method: Self.text(head.span(head.methodName)),
      host: peer.isUnix ? nil : head.authority.map { Self.text(head.span($0)) },
      path: withPath { Self.text($0) },
      query: head.query.map { Self.text(head.span($0)) },
      fields: fields, body: body)
  }
}
