import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// Writes the request that a target gets, from the parsed form: no byte passes that was not
/// understood (RFC 9110 7.6, RFC 9112 3.2).
enum RequestComposer {
  private static let never: UInt128 =
    FieldName.host.bit | FieldName.contentLength.bit | FieldName.transferEncoding.bit

  static func append(
    _ exchange: Exchange, target: UpstreamTarget, to output: inout ByteBuffer
  ) {
    exchange.withListener { append(exchange.request, exchange, $0, target, to: &output) }
  }

  private static func append(
    _ head: borrowing RequestHead, _ exchange: Exchange, _ listener: CompiledListener,
    _ target: UpstreamTarget, to output: inout ByteBuffer
  ) {
    let forwarded = listener.forwarded
    if let method = exchange.requestEdits.method {
      output.append(method)
    } else {
      output.append(head.span(head.methodName))
    }
    output.append(0x20)
    appendTarget(head, exchange, target, to: &output)
    output.append(" HTTP/1.1\r\nHost: ")
    appendHost(head, exchange, target, to: &output)
    output.append("\r\n")
    let keepsForwarded = exchange.requestEdits.keepsForwarded
    var dropped = never
    if !keepsForwarded { dropped |= forwarded.dropped(isTrusted: exchange.isTrusted) }
    if exchange.wantsUpgrade { dropped |= FieldName.secWebSocketExtensions.bit }
    let isEdited = !exchange.requestEdits.isEmpty
    let takesUnderscores = listener.takesUnderscores
    let hasDisbelieved = !exchange.isTrusted && listener.clientAddress.isOfItsOwn
    let callTimeout = exchange.reducedCallTimeout
    var isCallTimed = false
    var copy = FieldCopy()
    for index in head.fields.indices {
      let field = head.fields[index]
      if field.isHopByHop || dropped & field.known.bit != 0 { continue }
      if mayForge(field, of: head, underscores: takesUnderscores) { continue }
      // A stranger's word in the field in which trusted proxies say who calls.
      if hasDisbelieved, listener.clientAddress.isIn(field, head) { continue }
      if isEdited {
        if exchange.requestEdits.fields.drops(index) { continue }
      }
      if callTimeout != nil, field.known == .other,
        head.span(field.name).equalsIgnoringCase(Exchange.timeoutField)
      {
        isCallTimed = true
        continue
      }
      if isEdited, exchange.requestEdits.rewrites(field) {
        copy.finish(of: head, to: &output)
        exchange.requestEdits.append(field, of: head, to: &output)
      } else {
        copy.add(field, of: head, to: &output)
      }
    }
    copy.finish(of: head, to: &output)
    if isCallTimed, let callTimeout {
      output.append("grpc-timeout: ")
      output.append(grpcTimeout: callTimeout)
      output.append("\r\n")
    }
    if !keepsForwarded {
      forwarded.append(
        to: &output, head: head, peer: exchange.peer, client: exchange.clientAddress,
        isTrusted: exchange.isTrusted)
    }
    exchange.withIdentity { output.append($0.upstreamFields) }
    if isEdited { appendLines(of: exchange.requestEdits, to: &output) }
    if exchange.wantsUpgrade { appendHandshake(head, exchange, to: &output) }
    switch exchange.requestFraming {
    case .none, .untilClose: break
    case .length(let count): output.appendField("Content-Length", decimal: count)
    case .chunked: output.append("Transfer-Encoding: chunked\r\n")
    }
    output.append("\r\n")
  }

  /// Whether a caller's field could pass for one that the gateway sets: for targets, and for services
  /// that are asked about callers.
  static func mayForge(
    _ field: HeaderField, of head: borrowing RequestHead, underscores: Bool = false
  ) -> Bool {
    if field.known != .other { return field.known == .sluiceConnectionID }
    let name = head.span(field.name)
    // CGI, WSGI, Rack and PHP take X_Real_IP for X-Real-IP.
    return !underscores && name.containsUnderscore || IdentityFields.contains(name)
  }

  private static func appendHandshake(
    _ head: borrowing RequestHead, _ exchange: Exchange, to output: inout ByteBuffer
  ) {
    guard let upgrade = head.upgrade else { return }
    output.append("Connection: Upgrade\r\nUpgrade: ")
    output.append(head.span(upgrade))
    output.append("\r\nSluice-Connection-Id: ")
    output.append(exchange.sessionID.bytes)
    if let reconnector = exchange.downstream?.reconnector {
      output.append("\r\nSluice-Reconnect: ")
      output.append(decimal: UInt64(reconnector.number))
    }
    var separator: StaticString = "\r\nSec-WebSocket-Extensions: "
    for offer in exchange.offers(of: head) {
      output.append(separator)
      output.append(offer)
      separator = ", "
    }
    output.append("\r\n")
  }

  /// Base path, what the route makes of the normalised path, and the query as it came.
  private static func appendTarget(
    _ head: borrowing RequestHead, _ exchange: Exchange, _ target: UpstreamTarget,
    to output: inout ByteBuffer
  ) {
    if head.form == .asterisk { return output.append(0x2A) }
    output.append(target.basePath)
    exchange.appendSentPath(to: &output)
    if exchange.requestEdits.hasQuery {
      exchange.withQuery {
        if $0.isEmpty { return }
        output.append(0x3F)
        output.append($0)
      }
    } else if let query = head.query {
      output.append(0x3F)
      output.append(head.span(query))
    }
  }

  private static func appendLines(of edits: borrowing RequestEdits, to output: inout ByteBuffer) {
    output.append(edits.fields.lines.span)
  }

  private static func appendOwnHost(
    of edits: borrowing RequestEdits, to output: inout ByteBuffer
  ) { output.append(edits.host.span) }

  private static func appendHost(
    _ head: borrowing RequestHead, _ exchange: Exchange, _ target: UpstreamTarget,
    to output: inout ByteBuffer
  ) {
    if exchange.requestEdits.hasHost {
      return appendOwnHost(of: exchange.requestEdits, to: &output)
    }
    let isAppended: Void? = exchange.withRoute { appendHost(head, $0.service, target, to: &output) }
    if isAppended == nil { appendOwnHost(of: head, target, to: &output) }
  }

  private static func appendHost(
    _ head: borrowing RequestHead, _ service: UpstreamService, _ target: UpstreamTarget,
    to output: inout ByteBuffer
  ) {
    switch service.host {
    case .preserve: appendOwnHost(of: head, target, to: &output)
    case .target: output.append(target.authority)
    case .literal(let name): output.append(name)
    }
  }

  /// What the caller has named, or the target where it has named nothing.
  private static func appendOwnHost(
    of head: borrowing RequestHead, _ target: UpstreamTarget, to output: inout ByteBuffer
  ) {
    if let authority = head.authority {
      output.append(head.span(authority))
    } else {
      output.append(target.authority)
    }
  }
}

extension Span where Element == UInt8 {
  func equalsIgnoringCase(_ other: [UInt8]) -> Bool { equalsIgnoringCase(other.span) }

  var containsUnderscore: Bool {
    for index in indices where self[index] == 0x5F { return true }
    return false
  }
}
