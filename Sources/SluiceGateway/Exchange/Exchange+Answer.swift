import SluiceWire

/// Answers that the gateway makes itself.
extension Exchange {
  /// Answers in the target's stead. `detail` must not contain anything internal.
  func fail(_ error: GatewayError, detail: StaticString? = nil, fields: [FieldLine] = []) {
    record.error = error
    var answer = self.answer(for: error, detail: detail, fields: fields)
    if let allow { answer.fields.append(FieldLine("Allow", allow)) }
    if error == .upgradeRequired {
      answer.fields.append(FieldLine("Upgrade", RouteEntry.websocket))
    } else if error == .websocketVersion {
      // RFC 6455 4.2.2
      answer.fields.append(FieldLine("Upgrade", RouteEntry.websocket))
      answer.fields.append(FieldLine("Sec-WebSocket-Version", RouteEntry.version))
    }
    self.answer(answer)
  }

  /// Answers a request that found no route, and says what is wrong with its path if that is why.
  func refuse(_ error: GatewayError) {
    guard error == .malformedRequest else { return fail(error) }
    worker.counters.malformedRequests &+= 1
    let fault = pathFault(request)
    record.fault = fault?.code
    fail(error, detail: fault?.text)
  }

  /// Why the path has no normal form. Looked for anew: who meets no such path carries no reason along.
  private func pathFault(_ head: borrowing RequestHead) -> PathError? {
    var scratch = ByteBuffer()
    do throws(PathError) {
      try PathNormalizer.normalize(
        head.span(head.path), slashes: listener.slashes, into: &scratch)
      return nil
    } catch {
      return error
    }
  }

  func answer(_ answer: LocalAnswer) {
    leaveUpstream()
    var answer = answer
    if let status = internalRedirect?.status, answer.status < 300 { answer.status = status }
    answerMeetsPolicies(&answer)
    if let way = failureWay {
      failureWay = nil
      return leave(by: way)
    }
    record.status = answer.status
    record.sent = request.method == .head ? 0 : UInt64(answer.body.count)
    let downstream = self.downstream
    downstream?.sendAnswer(answer, of: self)
    finish()
  }
}
