public import SluiceConfiguration
import SluiceWire

extension Configuration.GRPCWeb: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy { CompiledGRPCWeb() }
}

/// Translates calls of gRPC-Web to gRPC and back.
///
/// ```
///  caller ─ application/grpc-web[-text] ─▶ GRPCWebRequestFilter ─ application/grpc ─▶ target
///  caller ◀─ messages, trailers as a frame ─ GRPCWebResponseFilter ◀─ messages, trailers ─ target
/// ```
final class CompiledGRPCWeb: CompiledPolicy {
  private static let contentType = Array("content-type".utf8)

  override var phases: PolicyPhases { [.request, .response] }

  override func request(_ exchange: Exchange) -> PolicyOutcome {
    guard let type = exchange.grpcType, type != .grpc, exchange.request.method == .post else {
      return .next
    }
    exchange.dropRequestFields(named: Self.contentType)
    let value = Self.typeOfRequest(exchange.request)
    exchange.requestEdits.fields.add(name: Self.contentType.span, value: value.span)
    // Its length is that of the text.
    if type == .webText { exchange.addRequestFilter(GRPCWebRequestFilter()) }
    return .next
  }

  override func response(
    _ head: borrowing ResponseHead, _ exchange: Exchange
  ) -> PolicyOutcome {
    guard let type = exchange.grpcType, type != .grpc, exchange.request.method == .post,
      let index = head.onlyIndex(of: .contentType),
      GRPCMediaType(head.span(head.fields[index].value)) == .grpc
    else { return .next }
    exchange.dropResponseFields(named: Self.contentType, of: head)
    let value = Self.value(
      head.span(head.fields[index].value), as: type == .web ? Self.web : Self.webText)
    exchange.responseEdits.add(name: Self.contentType.span, value: value.span)
    // An answer without messages has its status in the fields, where gRPC-Web reads it, too.
    if !head.framing.isEmpty {
      exchange.addResponseFilter(GRPCWebResponseFilter(isText: type == .webText))
    }
    return .next
  }

  private static let web: StaticString = "application/grpc-web"
  private static let webText: StaticString = "application/grpc-web-text"

  private static func typeOfRequest(_ head: borrowing RequestHead) -> [UInt8] {
    guard let index = head.firstIndex(of: .contentType) else { return [] }
    return value(head.span(head.fields[index].value), as: "application/grpc")
  }

  /// The same format of messages under another type.
  private static func value(_ value: Span<UInt8>, as type: StaticString) -> [UInt8] {
    var output = ByteBuffer()
    output.append(type)
    output.append(value.extracting(GRPCMediaType.suffix(of: value)))
    return output.copiedBytes()
  }
}

/// Undoes the base64 of a request, which may consist of several encoded pieces, each with its padding.
final class GRPCWebRequestFilter: BodyFilter {
  private var decoder = Base64GroupDecoder()

  override func filter(
    _ bytes: Span<UInt8>, isLast: Bool, into output: inout ByteBuffer
  ) -> Result {
    guard decoder.decode(bytes, into: &output), !isLast || decoder.isAtBorder else {
      return .refused(.bodyInvalid)
    }
    return .replaced
  }
}

/// Puts the trailers behind the messages, as a frame of their own, and encodes all for text.
final class GRPCWebResponseFilter: BodyFilter {
  private let isText: Bool
  private var frame = ByteBuffer()

  /// The highest bit of a frame's flags: what follows are trailers.
  private static let trailerFlag: UInt8 = 0x80

  init(isText: Bool) { self.isText = isText }

  override func trailersArrived(_ trailers: inout TrailerSection) {
    var text = ByteBuffer()
    for field in trailers.fields {
      let name = trailers.span(field.name)
      for index in name.indices { text.append(name[index].asciiLowercased) }
      text.append(": ")
      text.append(trailers.span(field.value))
      text.append("\r\n")
    }
    frame.append(Self.trailerFlag)
    for shift in [24, 16, 8, 0] { frame.append(UInt8(truncatingIfNeeded: text.count >> shift)) }
    frame.append(text.span)
    trailers = TrailerSection()
  }

  override func filter(
    _ bytes: Span<UInt8>, isLast: Bool, into output: inout ByteBuffer
  ) -> Result {
    // Each piece is encoded by itself, so that none waits for the next one's bytes.
    append(bytes, to: &output)
    if isLast {
      var taken = ByteBuffer()
      swap(&taken, &frame)
      append(taken.span, to: &output)
    }
    return .replaced
  }

  private func append(_ bytes: Span<UInt8>, to output: inout ByteBuffer) {
    if isText { output.append(base64: bytes, .standard) } else { output.append(bytes) }
  }
}
