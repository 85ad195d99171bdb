public import SluiceConfiguration
import SluiceReactor
import SluiceWire

extension Configuration.ForwardAuth: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy {
    CompiledForwardAuth(self, context)
  }
}

/// Asks another service who calls and whether they may.
final class CompiledForwardAuth: IdentifyPolicy {
  private let client: ServiceClient?
  private let target: [UInt8]
  private let timeout: Timespan
  /// Empty for all.
  private let requestNames: [[UInt8]]
  /// What it gets beside them.
  private let set: [(name: [UInt8], value: CompiledTemplate)]
  private let responseNames: [[UInt8]]
  /// Fields for targets by those of its answer.
  private let targetNames: [(from: [UInt8], to: [UInt8])]
  private let callerNames: [[UInt8]]
  private let consumerName: [UInt8]
  private let groupsName: [UInt8]
  private let grants: [Configuration.ForwardAuth.Grant]
  /// Nil for never.
  let renewBefore: Timespan?
  private let consumers: ConsumerDirectory
  private let worker: Worker
  private let unavailable = PolicyRefusal(.checkUnavailable)

  private static let maxBytes = 64 * 1_024
  /// What frames the request or belongs to its connection, and what would be asked for twice.
  private static let never: UInt128 =
    FieldName.host.bit | FieldName.contentLength.bit | FieldName.transferEncoding.bit
    | FieldName.expect.bit | FieldName.upgrade.bit | FieldName.secWebSocketKey.bit
    | FieldName.secWebSocketExtensions.bit | FieldName.secWebSocketVersion.bit
    | FieldName.range.bit | FieldName.ifNoneMatch.bit | FieldName.ifModifiedSince.bit
  /// What a caller gets of a refusal, besides its body.
  private static let passedOn = [
    "content-type", "www-authenticate", "location", "set-cookie", "retry-after", "cache-control",
  ].map { Array($0.utf8) }

  init(_ settings: Configuration.ForwardAuth, _ context: PolicyContext) {
    client = context.client(service: settings.service, timeout: settings.timeout)
    target = Array(settings.path.utf8)
    timeout = settings.timeout
    requestNames = settings.requestHeaders.map { Array($0.utf8) }
    responseNames = settings.responseHeaders.map { Array($0.utf8) }
    set = settings.set.sorted { $0.key < $1.key }.map {
      (Array($0.key.utf8), CompiledTemplate($0.value))
    }
    targetNames = settings.targetHeaders.sorted { $0.key < $1.key }.map {
      (Array($0.value.utf8), Array($0.key.utf8))
    }
    callerNames = settings.callerHeaders.map { Array($0.utf8) }
    consumerName = Array(settings.consumerHeader.utf8)
    groupsName = Array(settings.groupsHeader.utf8)
    grants = settings.grants
    renewBefore = settings.renewBefore
    consumers = context.consumers
    worker = context.worker
  }

  override var ownedFields: [[UInt8]] { responseNames + targetNames.map(\.to) }

  override func identify(_ exchange: Exchange) -> IdentifyOutcome {
    guard let client else { return .refused(unavailable) }
    var request = ClientRequest(target: target)
    appendFields(exchange.request, exchange, to: &request.lines)
    let ticket = exchange.suspend(
      atMost: Timespan(nanoseconds: timeout.nanoseconds + 1_000_000_000))
    client.send(request, limit: Self.maxBytes) { [self] result in
      worker.resume(ticket) { decide(result, $0) }
    }
    return .wait
  }

  private func appendFields(
    _ head: borrowing RequestHead, _ exchange: Exchange, to lines: inout ByteBuffer
  ) {
    let forwarded = exchange.listener.forwarded
    let dropped = Self.never | forwarded.dropped(isTrusted: exchange.isTrusted)
    for field in head.fields {
      if field.isHopByHop || dropped & field.known.bit != 0 { continue }
      if RequestComposer.mayForge(field, of: head) { continue }
      let name = head.span(field.name)
      if !requestNames.isEmpty && !requestNames.contains(where: { name.equalsIgnoringCase($0) }) {
        continue
      }
      if name.equalsIgnoringCase("x-forwarded-method") || name.equalsIgnoringCase("x-forwarded-uri")
      {
        continue
      }
      if set.contains(where: { name.equalsIgnoringCase($0.name.span) }) { continue }
      lines.appendField(name: name, value: head.span(field.value))
    }
    if set.isEmpty || exchange.subject != nil {
      return appendFacts(head, exchange, to: &lines)
    }
    var facts = ByteBuffer()
    appendFacts(head, exchange, to: &facts)
    appendUnset(facts.span, to: &lines)
    appendSet(exchange, to: &lines)
  }

  /// What the gateway itself says of the request.
  private func appendFacts(
    _ head: borrowing RequestHead, _ exchange: Exchange, to lines: inout ByteBuffer
  ) {
    exchange.listener.forwarded.append(
      to: &lines, head: head, peer: exchange.peer, client: exchange.clientAddress,
      isTrusted: exchange.isTrusted, authority: exchange.subject?.authority)
    if let subject = exchange.subject {
      lines.append("X-Forwarded-Method: GET\r\nX-Forwarded-Uri: ")
      lines.append(subject.uri)
      return lines.appendLineEnd()
    }
    lines.appendField("X-Forwarded-Method", head.span(head.methodName))
    lines.append("X-Forwarded-Uri: ")
    exchange.withPath { lines.append($0) }
    if let query = head.query {
      lines.append(0x3F)
      lines.append(head.span(query))
    }
    lines.appendLineEnd()
  }

  /// Those of whole lines whose names are not set to something else.
  private func appendUnset(_ facts: Span<UInt8>, to lines: inout ByteBuffer) {
    var start = 0
    for end in 0..<facts.count where facts[end] == 0x0A {
      let line = facts.extracting(start..<end + 1)
      start = end + 1
      let isSet = set.contains { name, _ in
        line.count > name.count && line[name.count] == 0x3A
          && line.extracting(..<name.count).equalsIgnoringCase(name.span)
      }
      if !isSet { lines.append(line) }
    }
  }

  /// What the settings say beside the caller's fields; what would be no field's value is left out.
  private func appendSet(_ exchange: Exchange, to lines: inout ByteBuffer) {
    for (name, value) in set {
      var text = ByteBuffer()
      value.append(exchange, .field, to: &text)
      if !text.isEmpty, FieldSyntax.isValue(text.span) {
        lines.appendField(name: name.span, value: text.span)
      }
    }
  }

  private func decide(_ result: ClientResult, _ exchange: Exchange) -> PolicyOutcome {
    guard case .response(let response) = result, response.status < 500 else {
      return .refuse(unavailable)
    }
    guard (200..<300).contains(response.status) else { return .answer(refusal(response)) }
    if !grants.isEmpty {
      // What can't be understood could have been a limit.
      guard let granted = SessionGrants(response.fields, grants) else {
        return .refuse(unavailable)
      }
      exchange.grants = granted
      if granted.lifetime != nil { exchange.renewBefore = renewBefore?.nanoseconds }
    }
    passOn(response, exchange)
    return exchange.identified(.known(identity(response, exchange.grants)))
  }

  /// What targets and callers get of an answer that lets pass.
  private func passOn(_ response: ClientResponse, _ exchange: Exchange) {
    for (name, value) in response.fields {
      if responseNames.contains(where: { name.span.equalsIgnoringCase($0) }) {
        exchange.requestEdits.fields.add(name: name.span, value: value.span)
      }
      for pair in targetNames where name.span.equalsIgnoringCase(pair.from.span) {
        exchange.requestEdits.fields.add(name: pair.to.span, value: value.span)
      }
      if callerNames.contains(where: { name.span.equalsIgnoringCase($0) }) {
        exchange.responseEdits.add { $0.appendField(name: name.span, value: value.span) }
      }
    }
  }

  private func identity(_ response: ClientResponse, _ granted: SessionGrants?) -> Identity {
    let consumer = consumerName.isEmpty ? [] : response.value(consumerName) ?? []
    var groups = consumers.groups(of: consumer) ?? []
    if !groupsName.isEmpty, let value = response.value(groupsName) {
      var names = FieldList(value.span)
      while let range = names.next() {
        // No name of a group has a space.
        let group = Array(value[range].prefix { $0 != 0x20 && $0 != 0x09 })
        if !groups.contains(group) { groups.append(group) }
      }
    }
    let expiresAt = granted?.lifetime.map { worker.unixClock.seconds + $0 / 1_000_000_000 }
    return Identity(consumer: consumer, groups: groups, expiresAt: expiresAt)
  }

  /// The service's answer as the caller gets it.
  private func refusal(_ response: ClientResponse) -> LocalAnswer {
    var answer = LocalAnswer(status: response.status, contentType: "", body: response.body)
    if response.status == 204 || response.status == 304 { answer.body = [] }
    for (name, value) in response.fields
    where Self.passedOn.contains(where: { name.span.equalsIgnoringCase($0) }) {
      let line = FieldLine(
        name: String(decoding: name, as: UTF8.self), value: String(decoding: value, as: UTF8.self))
      if let line { answer.fields.append(line) }
    }
    return answer
  }
}
