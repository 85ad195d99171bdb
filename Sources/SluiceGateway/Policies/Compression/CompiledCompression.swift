public import SluiceConfiguration
import SluiceWire

extension Configuration.Compression: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy { CompiledCompression(self) }
}

/// Compresses responses on their way to callers that accept it.
///
/// ```
///  target ─▶ cache stores ─▶ response-transform ─▶ compression ─▶ caller
/// ```
final class CompiledCompression: CompiledPolicy {
  private let codings: [ContentCoding]
  private let minSize: UInt64
  private let types: MediaTypeSet
  private let compressesEvents: Bool
  private let pool: CompressorPool
  private let vary = FieldLine("Vary", "Accept-Encoding")

  /// Whose readers wait for each piece. They count only where they are named as a whole.
  private static let streams = MediaTypeSet([
    "text/event-stream", "application/x-ndjson", "application/jsonl", "application/json-seq",
  ])
  private static let eventStream = MediaTypeSet(["text/event-stream"])

  init(_ settings: Configuration.Compression) {
    codings = settings.encodings.compactMap { ContentCoding(rawValue: $0.rawValue) }
    minSize = UInt64(max(1, settings.minSize.bytes))
    types = MediaTypeSet(settings.types)
    compressesEvents = settings.events
    pool = CompressorPool(level: settings.level, budget: settings.memory.bytes)
  }

  override var phases: PolicyPhases { [.response, .answer] }

  override func response(
    _ head: borrowing ResponseHead, _ exchange: Exchange
  ) -> PolicyOutcome {
    if exchange.wantsUpgrade { return .next }
    // Of what a 304 stands for only the target knows the type, so it gets what a 200 might have had.
    if head.status == 304 {
      mark(head, exchange)
      if !codings(for: exchange.request).isEmpty { exchange.weakenTag(of: head) }
      return .next
    }
    guard let isStream = compressible(head, exchange) else { return .next }
    mark(head, exchange)
    let codings = codings(for: exchange.request)
    if exchange.request.method == .head {
      if let coding = codings.first {
        announce(coding, head, exchange)
        exchange.isResponseLengthUnknown = true
      }
      return .next
    }
    for coding in codings {
      guard let compressor = pool.take(coding) else { continue }
      announce(coding, head, exchange)
      exchange.addResponseFilter(
        CompressionFilter(pool, coding, compressor, isFlushed: isStream))
      break
    }
    return .next
  }

  /// An answer of the gateway's own in the place of a response that was to be compressed.
  override func answered(_ answer: inout LocalAnswer, _ exchange: Exchange) {
    _ = exchange.responseEdits.removeLines(named: Self.contentEncoding)
  }

  /// Whether pieces have to be flushed; nil for a response that is left as it is.
  private func compressible(_ head: borrowing ResponseHead, _ exchange: Exchange) -> Bool? {
    switch head.status {
    case ..<200, 204, 205, 206: return nil
    default: break
    }
    guard let index = head.onlyIndex(of: .contentType) else { return nil }
    let type = head.span(head.fields[index].value)
    let isStream = Self.streams.names(type)
    guard isStream ? takesStream(type) : types.contains(type) else { return nil }
    if let length = head.contentLength, length < minSize { return nil }
    if head.framing == .none && exchange.request.method != .head { return nil }
    if head.firstIndex(of: .contentEncoding) != nil
      || exchange.responseEdits.hasLine(named: Self.contentEncoding) || hasDigest(head)
    {
      return nil
    }
    return Self.forbids(head) || Self.forbids(exchange.request) ? nil : isStream
  }

  private func takesStream(_ type: Span<UInt8>) -> Bool {
    types.names(type) || compressesEvents && Self.eventStream.names(type)
  }

  /// A digest of the content would be wrong, and who signed it relies on it (RFC 9530).
  private func hasDigest(_ head: borrowing ResponseHead) -> Bool {
    for field in head.fields where field.known == .other {
      let name = head.span(field.name)
      switch name.count {
      case 6: if name.equalsIgnoringCase("digest") { return true }
      case 11:
        if name.equalsIgnoringCase("content-md5") || name.equalsIgnoringCase("repr-digest") {
          return true
        }
      case 14: if name.equalsIgnoringCase("content-digest") { return true }
      default: break
      }
    }
    return false
  }

  /// RFC 9111 5.2.2.6; what can't be read might say it.
  private static func forbids(_ head: borrowing ResponseHead) -> Bool {
    guard head.firstIndex(of: .cacheControl) != nil else { return false }
    var control = CacheControl()
    for field in head.fields where field.known == .cacheControl {
      control.add(head.span(field.value))
    }
    return control.isMalformed || control.contains(.noTransform)
  }

  /// RFC 9111 5.2.1.6.
  private static func forbids(_ head: borrowing RequestHead) -> Bool {
    guard head.firstIndex(of: .cacheControl) != nil else { return false }
    var control = CacheControl()
    for field in head.fields where field.known == .cacheControl {
      control.add(head.span(field.value))
    }
    return control.contains(.noTransform)
  }

  /// Those that this caller accepts, the best first.
  private func codings(for head: borrowing RequestHead) -> [ContentCoding] {
    guard head.firstIndex(of: .acceptEncoding) != nil else { return [] }
    var accepted = AcceptEncoding()
    for field in head.fields where field.known == .acceptEncoding {
      accepted.add(head.span(field.value))
    }
    return accepted.acceptable(among: codings)
  }

  /// Caches behind the gateway must know, whatever this caller gets.
  private func mark(_ head: borrowing ResponseHead, _ exchange: Exchange) {
    for index in head.fields.indices
    where head.fields[index].known == .vary && !exchange.responseEdits.drops(index) {
      var names = TokenList(head.span(head.fields[index].value))
      let value = head.span(head.fields[index].value)
      while let range = names.next() {
        let name = value.extracting(range)
        if name.equalsIgnoringCase("accept-encoding") || name.equalsIgnoringCase("*") { return }
      }
    }
    exchange.responseEdits.add(vary)
  }

  private func announce(
    _ coding: ContentCoding, _ head: borrowing ResponseHead, _ exchange: Exchange
  ) {
    exchange.responseEdits.add(FieldLine("Content-Encoding", coding.rawValue))
    exchange.weakenTag(of: head)
    // Parts of what was sent are not parts of what the target has.
    exchange.dropResponseFields(named: Self.acceptRanges, of: head)
  }

  private static let contentEncoding = Array("content-encoding".utf8)
  private static let acceptRanges = Array("accept-ranges".utf8)
}
