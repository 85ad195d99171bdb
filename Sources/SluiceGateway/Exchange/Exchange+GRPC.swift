import SluiceConfiguration
import SluiceReactor
public import SluiceWire

/// Calls of gRPC: their time, and how the gateway's own errors look to them.
extension Exchange {
  /// What the caller's request is; nil for all that is not gRPC. Looked at where it matters.
  var grpcType: GRPCMediaType? {
    guard let index = request.firstIndex(of: .contentType) else { return nil }
    return Self.type(request, index)
  }

  private static func type(_ head: borrowing RequestHead, _ index: Int) -> GRPCMediaType? {
    GRPCMediaType(head.span(head.fields[index].value))
  }

  /// The time that the caller gives, in nanoseconds; nil when it gives none.
  func readCallTimeout() {
    guard grpcType != nil, let index = request.firstIndex(named: Self.timeoutField.span) else {
      return
    }
    callTimeout = Self.timeout(request, index)
  }

  private static func timeout(_ head: borrowing RequestHead, _ index: Int) -> Int64? {
    GRPCTimeout.nanoseconds(head.span(head.fields[index].value))
  }

  /// What is left of the caller's time, in nanoseconds, if so much of it has gone that the target has to
  /// know: who waits for a policy or a connection, or tries again, would promise the target more than there
  /// is. Nil where what the caller said is passed on.
  var reducedCallTimeout: Int64? {
    guard let callTimeout, callTimeout < .max else { return nil }
    let gone = loop.now.nanoseconds(since: record.started)
    return gone < Self.negligibleNanoseconds ? nil : max(1, callTimeout - gone)
  }

  private static let negligibleNanoseconds: Int64 = 1_000_000

  static let timeoutField = Array("grpc-timeout".utf8)

  /// What the caller is told about an error: problem JSON, or a call's status.
  func answer(
    for error: GatewayError, detail: StaticString?, fields: [FieldLine]
  ) -> LocalAnswer {
    guard let type = grpcType else {
      var answer = LocalAnswer(error, detail: detail, requestID: requestID)
      answer.fields += fields
      return answer
    }
    var answer = LocalAnswer(status: 200, body: [])
    answer.fields.append(FieldLine("Content-Type", type.name))
    answer.fields.append(FieldLine("grpc-status", String(error.grpcStatus.rawValue)))
    answer.fields.append(FieldLine("grpc-message", Self.message(error, detail)))
    answer.fields += fields
    return answer
  }

  /// Whether the caller reads `grpc-status` and no body.
  var isGRPCCall: Bool { grpcType != nil }

  /// The sentence, and the stable code behind it.
  private static func message(_ error: GatewayError, _ detail: StaticString?) -> [UInt8] {
    var text = ByteBuffer()
    text.append(detail ?? error.row.title)
    text.append(" (")
    text.append(error.code)
    text.append(")")
    var encoded = ByteBuffer()
    encoded.append(grpcMessage: text.span)
    return encoded.copiedBytes()
  }

  /// Ends a call whose response has begun with a status of ours; false where that is not possible.
  func endCall(_ error: GatewayError) -> Bool {
    guard record.isHTTP2, responseFilter == nil, grpcType == .grpc, let downstream else {
      return false
    }
    var section = ByteBuffer()
    section.append("grpc-status: ")
    section.append(decimal: UInt64(error.grpcStatus.rawValue))
    section.append("\r\ngrpc-message: ")
    section.append(Self.message(error, nil))
    section.append("\r\n\r\n")
    guard let trailers = try? TrailerSection(parsing: section.span) else { return false }
    downstream.sendEnd(trailers)
    return true
  }

  // MARK: Retries

  /// Whether this answer, which is all of a response, is one that is tried elsewhere. The exchange is
  /// then on its way there.
  func triesAgain(after head: borrowing ResponseHead, isForsaken: Bool) -> Bool {
    guard withRoute({ !$0.service.settings.retries.grpc.isEmpty }) ?? false,
      let service = route?.service, head.framing.isEmpty,
      attempts.grpc < service.settings.retries.grpcAttempts,
      !hasPassedBody || keepsBody, let index = head.firstIndex(named: Self.statusField.span),
      let status = GRPCStatus(head.span(head.fields[index].value)),
      service.settings.retries.grpc.contains(where: {
        $0.isNumber(status) || isForsaken && $0 == .unavailable
      }),
      let attempt, service.state.retryBudget.takeRetry(now: loop.now)
    else { return false }
    attempts.grpc += 1
    route?.counters.retries &+= 1
    tried.insert(attempt.target)
    let stream = upstream
    upstream = nil
    endAttempt(.succeeded)
    stream?.abandon()
    downstream?.pauseRequestBody()
    // The only target may have changed its mind.
    if !chooseTarget(of: service, now: loop.now) {
      tried = TargetSet()
      if !chooseTarget(of: service, now: loop.now) { failUpstream(.noTargetAvailable) }
    }
    return true
  }

  /// Whether a server that is leaving has answered a call with CANCELLED and nothing else. Servers built on
  /// gRPC's C core do so with calls that they have accepted and not begun; nobody has cancelled anything.
  func isForsaken(_ head: borrowing ResponseHead) -> Bool {
    guard head.framing.isEmpty, route?.service.mayCarryGRPC ?? false,
      upstream?.isTargetLeaving ?? false, grpcType != nil,
      let index = head.firstIndex(named: Self.statusField.span)
    else { return false }
    return GRPCStatus(head.span(head.fields[index].value)) == .cancelled
  }

  /// What callers take for what it is.
  func sayUnavailable(insteadOf head: borrowing ResponseHead) {
    dropResponseFields(named: Self.statusField, of: head)
    dropResponseFields(named: Self.messageField, of: head)
    addResponseField(
      FieldLine("grpc-status", String(GRPCStatus.unavailable.rawValue)))
    addResponseField(
      FieldLine("grpc-message", Self.message(.upstreamRefused, "The target is shutting down.")))
  }

  private static let statusField = Array("grpc-status".utf8)
  private static let messageField = Array("grpc-message".utf8)
}

extension Configuration.GRPCRetryStatus {
  fileprivate func isNumber(_ status: GRPCStatus) -> Bool {
    switch self {
    case .cancelled: status == .cancelled
    case .unavailable: status == .unavailable
    case .aborted: status == .aborted
    case .unknown: status == .unknown
    case .deadlineExceeded: status == .deadlineExceeded
    case .resourceExhausted: status == .resourceExhausted
    case .internal: status == .internal
    }
  }
}

extension GRPCMediaType {
  var name: String {
    switch self {
    case .grpc: "application/grpc"
    case .web: "application/grpc-web"
    case .webText: "application/grpc-web-text"
    }
  }
}

extension GatewayError {
  /// What a caller that speaks gRPC is told in the status's place. `UNAVAILABLE` says that the call may be
  /// made again.
  public var grpcStatus: GRPCStatus {
    switch self {
    case .upstreamConnectTimeout: return .unavailable
    case .internalError, .regexLimit: return .internal
    case .bodyTooLarge, .headTooLarge, .uriTooLong: return .resourceExhausted
    case .upstreamMalformed, .upstreamBodyTooLarge, .upstreamBodyUnusable: return .internal
    default: break
    }
    switch status {
    case 401: return .unauthenticated
    case 403: return .permissionDenied
    case 404, 405, 426, 501, 505: return .unimplemented
    case 408, 504: return .deadlineExceeded
    case 409: return .aborted
    case 429: return .resourceExhausted
    case 400..<500: return .invalidArgument
    default: return .unavailable
    }
  }
}
