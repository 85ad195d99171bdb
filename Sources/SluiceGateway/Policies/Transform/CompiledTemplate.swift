import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// What the variables of a template stand for.
enum TemplateSource {
  case exchange(Exchange)
  case session(Session)
}

/// A template ready to be written: what is literal is bytes, what varies is known by case.
struct CompiledTemplate {
  private enum Segment {
    case literal([UInt8])
    case header([UInt8])
    case headers([UInt8])
    case parameter([UInt8])
    case argument([UInt8])
    case segment([UInt8])
    case hostGroup([UInt8])
    case claim([UInt8])
    case cookie([UInt8])
    case named(String)
    case scheme, httpVersion, hostname, target, questionMark, forwardedFor, clientPort, listenerPort
    case peer
    case tls(Template.TLSFact)
    case certificate(Template.CertificateFact)
    case targetAddress
    case method, path, query, host, id, client, consumer, groups, credential
    case connection, listener
  }

  /// Where the text goes, which decides what a caller's bytes may be there.
  enum Place {
    /// A field's value: as they are.
    case field
    /// A part of a URL: percent-encoded, so that they stay one segment or one parameter; only the
    /// request's own path, query and host are as they are.
    case url
    /// A query: the same, but only the request's own query is as it is.
    case query
    /// The value of one parameter.
    case parameter
  }

  private let segments: [Segment]

  private static let cookie = Array("cookie".utf8)
  private static let comma = Array(", ".utf8)
  private static let semicolon = Array("; ".utf8)

  /// `text` must be a template.
  init(_ text: String) {
    segments = (Template(text)?.segments ?? []).map { segment in
      switch segment {
      case .literal(let text): .literal(Array(text.utf8))
      case .variable(.header(let name)): .header(Array(name.utf8))
      case .variable(.headers(let name)): .headers(Array(name.utf8))
      case .variable(.parameter(let name)): .parameter(Array(name.utf8))
      case .variable(.argument(let name)): .argument(Array(name.utf8))
      case .variable(.segment(let name)): .segment(Array(name.utf8))
      case .variable(.hostGroup(let name)): .hostGroup(Array(name.utf8))
      case .variable(.claim(let name)): .claim(Array(name.utf8))
      case .variable(.cookie(let name)): .cookie(Array(name.utf8))
      case .variable(.named(let name)): .named(name)
      case .variable(.scheme): .scheme
      case .variable(.httpVersion): .httpVersion
      case .variable(.hostname): .hostname
      case .variable(.target): .target
      case .variable(.questionMark): .questionMark
      case .variable(.forwardedFor): .forwardedFor
      case .variable(.clientPort): .clientPort
      case .variable(.listenerPort): .listenerPort
      case .variable(.peer): .peer
      case .variable(.tls(let fact)): .tls(fact)
      case .variable(.certificate(let fact)): .certificate(fact)
      case .variable(.targetAddress): .targetAddress
      case .variable(.method): .method
      case .variable(.path): .path
      case .variable(.query): .query
      case .variable(.host): .host
      case .variable(.id): .id
      case .variable(.client): .client
      case .variable(.consumer): .consumer
      case .variable(.groups): .groups
      case .variable(.credential): .credential
      case .variable(.connection): .connection
      case .variable(.listener): .listener
      }
    }
  }

  /// The text, where nothing of it varies; nil for none.
  var literal: String? {
    guard segments.count == 1, case .literal(let bytes) = segments[0], !bytes.isEmpty else {
      return nil
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Whether it is made of nothing but what stands in a URL as the caller sent it.
  var isOfURL: Bool {
    segments.allSatisfy { segment in
      switch segment {
      case .literal, .path, .target, .query, .argument, .host, .hostname, .scheme, .questionMark:
        true
      default: false
      }
    }
  }

  func append(_ exchange: Exchange, _ place: Place, to output: inout ByteBuffer) {
    for segment in segments { append(segment, exchange, exchange.request, place, to: &output) }
  }

  enum JSONLiterals { case asWritten, escaped }

  /// As a part of a JSON text: what varies is the content of a string. Bytes that are no UTF-8 become
  /// replacement characters.
  func append(json source: TemplateSource, literals: JSONLiterals, to output: inout ByteBuffer) {
    for segment in segments {
      if case .literal(let bytes) = segment {
        if literals == .asWritten {
          output.append(bytes)
        } else {
          output.append(jsonContent: bytes.span)
        }
        continue
      }
      var text = ByteBuffer()
      switch source {
      case .exchange(let exchange): append(segment, exchange, exchange.request, .field, to: &text)
      case .session(let session): append(segment, of: session, to: &text)
      }
      if UTF8Validator.isValid(text.span) {
        output.append(jsonContent: text.span)
      } else {
        let repaired = Array(Exchange.text(text.span).utf8)
        output.append(jsonContent: repaired.span)
      }
    }
  }

  private func append(
    _ segment: Segment, _ exchange: Exchange, _ head: borrowing RequestHead, _ place: Place,
    to output: inout ByteBuffer
  ) {
    switch segment {
    case .literal(let bytes): output.append(bytes)
    case .header, .headers, .cookie, .forwardedFor:
      append(field: segment, exchange, head, place, to: &output)
    case .argument, .parameter, .query, .questionMark:
      append(query: segment, exchange, place, to: &output)
    case .segment, .hostGroup: append(group: segment, exchange, head, place, to: &output)
    case .claim(let name):
      if let claim = exchange.identity?.claim(name) { append(claim.value.span, place, to: &output) }
    case .named(let name):
      exchange.worker.snapshot.variables[name]?.append(exchange, place, to: &output)
    case .scheme, .httpVersion, .hostname, .target, .method, .path, .host:
      append(line: segment, exchange, head, place, to: &output)
    case .clientPort: output.append(decimal: UInt64(exchange.clientAddress.port))
    case .listenerPort: output.append(decimal: UInt64(exchange.listener.forwarded.port))
    case .peer: output.append(hostOf: exchange.peer)
    case .tls(let fact):
      guard let tls = exchange.tlsHandshake else { return }
      append(tls.text(of: fact).span, place, to: &output)
    case .certificate(let fact):
      guard let certificate = exchange.clientCertificate else { return }
      append(certificate.text(of: fact).span, place, to: &output)
    case .targetAddress:
      guard let address = exchange.lastTarget?.addressBytes else { return }
      append(address.span, place, to: &output)
    case .id: exchange.requestID.append(to: &output)
    case .client: output.append(hostOf: exchange.clientAddress)
    case .consumer, .groups, .credential:
      exchange.withIdentity { append(segment, of: $0, place, to: &output) }
    case .connection:
      // A request that is no handshake becomes no session.
      if exchange.wantsUpgrade { append(exchange.sessionID.bytes.span, place, to: &output) }
    case .listener: append(Array(exchange.listener.name.utf8).span, place, to: &output)
    }
  }

  /// Of header fields.
  private func append(
    field segment: Segment, _ exchange: Exchange, _ head: borrowing RequestHead, _ place: Place,
    to output: inout ByteBuffer
  ) {
    switch segment {
    case .header(let name):
      guard let index = head.firstIndex(named: name.span) else { return }
      append(head.span(head.fields[index].value), place, to: &output)
    case .headers(let name):
      let separator = name == Self.cookie ? Self.semicolon : Self.comma
      var isFirst = true
      for field in head.fields where head.span(field.name).equalsIgnoringCase(name.span) {
        if !isFirst { append(separator.span, place, to: &output) }
        append(head.span(field.value), place, to: &output)
        isFirst = false
      }
    case .cookie(let name):
      for field in head.fields where field.known == .cookie {
        let span = head.span(field.value)
        guard let range = Cookies.value(of: name, in: span) else { continue }
        return append(span.extracting(range), place, to: &output)
      }
    case .forwardedFor:
      for field in head.fields where field.known == .xForwardedFor && !field.value.isEmpty {
        append(head.span(field.value), place, to: &output)
        output.append(", ")
      }
      output.append(hostOf: exchange.clientAddress)
    default: break
    }
  }

  private func append(
    query segment: Segment, _ exchange: Exchange, _ place: Place, to output: inout ByteBuffer
  ) {
    switch segment {
    case .argument(let name):
      // A value ends before the next parameter, so that it stays one.
      exchange.withOwnQuery { query in
        guard let range = QueryParameters.value(ofLowercased: name, in: query) else { return }
        output.append(query.extracting(range))
      }
    case .parameter(let name):
      exchange.withOwnQuery { query in
        guard let range = QueryParameters.value(of: name, in: query) else { return }
        // A URL takes it as it was written; a field gets what it stands for.
        if place != .field { return output.append(query.extracting(range)) }
        var decoded = ByteBuffer()
        if PercentEncoding.decode(query.extracting(range), into: &decoded) {
          output.append(decoded.span)
        }
      }
    case .questionMark: if exchange.withOwnQuery({ !$0.isEmpty }) { output.append(0x3F) }
    case .query:
      exchange.withOwnQuery { append($0, place == .parameter ? place : .field, to: &output) }
    default: break
    }
  }

  /// What a part of the route's path or host matched.
  private func append(
    group segment: Segment, _ exchange: Exchange, _ head: borrowing RequestHead, _ place: Place,
    to output: inout ByteBuffer
  ) {
    var text = ByteBuffer()
    switch segment {
    case .segment(let name):
      if place == .field || place == .url {
        return exchange.appendPathSegment(named: name, to: &output)
      }
      // A path may hold what would end a parameter.
      exchange.appendPathSegment(named: name, to: &text)
      var decoded = ByteBuffer()
      if PercentEncoding.decode(text.span, into: &decoded) { swap(&text, &decoded) }
    case .hostGroup(let name):
      guard let captures = exchange.route?.hostCaptures, let host = head.host else { return }
      captures.append(name, of: head.span(host), to: &text)
    default: return
    }
    append(text.span, place, to: &output)
  }

  /// Of the request line, and what HTTP/2 has in its place.
  private func append(
    line segment: Segment, _ exchange: Exchange, _ head: borrowing RequestHead, _ place: Place,
    to output: inout ByteBuffer
  ) {
    let whole = place == .url ? .field : place
    switch segment {
    case .scheme: output.append(exchange.listener.forwarded.scheme)
    case .httpVersion:
      switch head.version {
      case .http10: output.append("HTTP/1.0")
      case .http11: output.append("HTTP/1.1")
      case .http2: output.append("HTTP/2.0")
      }
    case .hostname:
      guard let host = head.host else { return }
      let span = head.span(host)
      for index in span.indices { output.append(span[index].asciiLowercased) }
    case .target: append(head.span(head.target), whole, to: &output)
    case .path: exchange.withPath { append($0, whole, to: &output) }
    case .host:
      guard let authority = head.authority else { return }
      append(head.span(authority), whole, to: &output)
    case .method: output.append(head.span(head.methodName))
    default: break
    }
  }

  /// What of a session's handshake is left as long as it lives; the configuration's check refuses the
  /// others.
  private func append(_ segment: Segment, of session: Session, to output: inout ByteBuffer) {
    switch segment {
    case .literal(let bytes): output.append(bytes)
    case .claim(let name):
      if let claim = session.identity?.claim(name) { output.append(claim.value) }
    case .client: output.append(hostOf: session.client)
    case .consumer, .groups, .credential:
      if let identity = session.identity { append(segment, of: identity, .field, to: &output) }
    case .connection: output.append(session.id.bytes)
    case .listener: output.append(Array(session.listener.compiled.name.utf8))
    case .header, .headers, .parameter, .argument, .segment, .hostGroup, .cookie, .named, .scheme,
      .httpVersion, .hostname, .target,
      .questionMark, .forwardedFor, .clientPort, .listenerPort, .peer, .tls, .certificate,
      .targetAddress, .method, .path, .query, .host, .id:
      break
    }
  }

  private func append(
    _ segment: Segment, of identity: Identity, _ place: Place, to output: inout ByteBuffer
  ) {
    let text: [UInt8] =
      switch segment {
      case .consumer: identity.consumer
      case .groups: Array(identity.groups.joined(separator: [0x2C]))
      default: identity.credential
      }
    append(text.span, place, to: &output)
  }

  private func append(_ value: Span<UInt8>, _ place: Place, to output: inout ByteBuffer) {
    if place == .field { output.append(value) } else { PercentEncoding.encode(value, to: &output) }
  }
}

extension Exchange {
  /// Appends the segment of the path that the route's pattern names; nothing when it names none.
  func appendPathSegment(named name: [UInt8], to output: inout ByteBuffer) {
    if let captures = route?.captures {
      return withPath { path in
        captures.withGroup(name, of: path) { output.append($0) }
      }
    }
    guard let wanted = route?.pathNames.first(where: { $0.name == name })?.index else { return }
    withPath { path in
      var index = -1
      var start = 0
      for at in path.indices where path[at] == 0x2F {
        if index == wanted { return output.append(path.extracting(start..<at)) }
        index += 1
        start = at + 1
      }
      if index == wanted { output.append(path.extracting(start...)) }
    }
  }
}
