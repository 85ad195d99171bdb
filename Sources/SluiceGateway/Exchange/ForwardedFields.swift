import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// What targets are told about the caller: X-Forwarded-*, X-Real-IP, Forwarded (RFC 7239) and Via.
///
/// A caller that is no trusted proxy can't say anything about itself here: its own fields of these
/// names are dropped. A trusted proxy's are kept and added to.
final class ForwardedFields {
  private let writesXForwarded: Bool
  /// Trusted proxies say who calls in another field than X-Forwarded-For, so what X-Real-IP says is the
  /// caller's own word.
  private let ownsRealIP: Bool
  private let writesForwarded: Bool
  private let via: [UInt8]
  let port: UInt16
  let scheme: StaticString
  /// What every caller's request gets alike.
  private let constants: [UInt8]
  /// Fields of the request that are not copied, as bits by `FieldName`.
  private let droppedUntrusted: UInt128
  private let droppedTrusted: UInt128

  init(
    _ settings: Configuration.Forwarded, from source: Configuration.ClientAddressSource = .init(),
    port: UInt16, isEncrypted: Bool
  ) {
    writesXForwarded = settings.xForwarded
    ownsRealIP = settings.xForwarded && !source.isStandard
    writesForwarded = settings.forwarded
    via = Array(settings.via.utf8)
    self.port = port
    scheme = isEncrypted ? "https" : "http"
    constants = Array("X-Forwarded-Proto: \(scheme)\r\nX-Forwarded-Port: \(port)\r\n".utf8)
    let all: [FieldName] = [
      .xForwardedFor, .xForwardedProto, .xForwardedHost, .xForwardedPort, .xRealIP, .forwarded,
      .xForwardedPrefix,
    ]
    var untrusted = all.reduce(UInt128(0)) { $0 | $1.bit }
    // These are merged with our own and written once.
    var trusted: UInt128 = 0
    if writesXForwarded { trusted |= FieldName.xForwardedFor.bit }
    if ownsRealIP { trusted |= FieldName.xRealIP.bit }
    if writesForwarded { trusted |= FieldName.forwarded.bit }
    if !via.isEmpty {
      untrusted |= FieldName.via.bit
      trusted |= FieldName.via.bit
    }
    droppedUntrusted = untrusted
    droppedTrusted = trusted
  }

  func dropped(isTrusted: Bool) -> UInt128 { isTrusted ? droppedTrusted : droppedUntrusted }

  /// Appends the fields for one request. `peer` is the connection's other end; `client` is who calls,
  /// which is another one behind trusted proxies; `authority` is what was asked for, if it is not the head's.
  func append(
    to output: inout ByteBuffer, head: borrowing RequestHead, peer: SocketAddress,
    client: SocketAddress, isTrusted: Bool, authority: [UInt8]? = nil
  ) {
    if writesXForwarded {
      if isTrusted {
        appendMerged(to: &output, head, peer, client, authority)
      } else {
        appendOwn(to: &output, head, peer, authority)
      }
    }
    if writesForwarded { appendForwarded(to: &output, head, peer, isTrusted, authority) }
    if !via.isEmpty {
      output.append("Via: ")
      appendValues(of: .via, head, to: &output)
      switch head.version {
      case .http10: output.append("1.0 ")
      case .http11: output.append("1.1 ")
      case .http2: output.append("2.0 ")
      }
      output.append(via)
      output.append("\r\n")
    }
  }

  private func appendOwn(
    to output: inout ByteBuffer, _ head: borrowing RequestHead, _ peer: SocketAddress,
    _ asked: [UInt8]?
  ) {
    output.append("X-Forwarded-For: ")
    let start = output.count
    appendHost(of: peer, to: &output)
    let length = output.count - start
    output.append("\r\nX-Real-IP: ")
    output.appendCopy(of: start..<(start + length))
    output.append("\r\n")
    output.append(constants)
    if let asked {
      output.appendField("X-Forwarded-Host", asked.span)
    } else if let authority = head.authority {
      output.appendField("X-Forwarded-Host", head.span(authority))
    }
  }

  /// What a trusted proxy said stays; it is added where it said nothing.
  private func appendMerged(
    to output: inout ByteBuffer, _ head: borrowing RequestHead, _ peer: SocketAddress,
    _ client: SocketAddress, _ asked: [UInt8]?
  ) {
    output.append("X-Forwarded-For: ")
    appendValues(of: .xForwardedFor, head, to: &output)
    appendHost(of: peer, to: &output)
    output.append("\r\n")
    if head.firstIndex(of: .xForwardedProto) == nil {
      output.append("X-Forwarded-Proto: ")
      output.append(scheme)
      output.append("\r\n")
    }
    if head.firstIndex(of: .xForwardedPort) == nil {
      output.appendField("X-Forwarded-Port", decimal: UInt64(port))
    }
    if ownsRealIP || head.firstIndex(of: .xRealIP) == nil {
      output.append("X-Real-IP: ")
      appendHost(of: client, to: &output)
      output.append("\r\n")
    }
    if head.firstIndex(of: .xForwardedHost) != nil { return }
    if let asked {
      output.appendField("X-Forwarded-Host", asked.span)
    } else if let authority = head.authority {
      output.appendField("X-Forwarded-Host", head.span(authority))
    }
  }

  private func appendForwarded(
    to output: inout ByteBuffer, _ head: borrowing RequestHead, _ peer: SocketAddress,
    _ isTrusted: Bool, _ asked: [UInt8]?
  ) {
    output.append("Forwarded: ")
    if isTrusted { appendValues(of: .forwarded, head, to: &output) }
    // RFC 7239 4: an IPv6 address is quoted and bracketed, a caller without an address is unknown.
    if let ip = peer.ip {
      output.append(ip.isIPv4 ? "for=" : "for=\"[")
      output.append(hostOf: peer)
      if !ip.isIPv4 { output.append("]\"") }
    } else {
      output.append("for=unknown")
    }
    if let asked {
      output.append(";host=\"")
      output.append(asked)
      output.append("\"")
    } else if let authority = head.authority {
      output.append(";host=\"")
      output.append(head.span(authority))
      output.append("\"")
    }
    output.append(";proto=")
    output.append(scheme)
    output.append("\r\n")
  }

  /// Every value that the request has for `name`, each followed by a comma.
  private func appendValues(
    of name: FieldName, _ head: borrowing RequestHead, to output: inout ByteBuffer
  ) {
    for field in head.fields where field.known == name && !field.value.isEmpty {
      output.append(head.span(field.value))
      output.append(", ")
    }
  }

  private func appendHost(of peer: SocketAddress, to output: inout ByteBuffer) {
    if peer.isUnix {
      output.append("unknown")
    } else {
      output.append(hostOf: peer)
    }
  }
}

extension FieldName {
  /// This name's bit in a set of names.
  var bit: UInt128 { UInt128(1) << UInt128(rawValue) }
}
