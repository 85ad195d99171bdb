import SluiceConfiguration
import SluiceWire

/// Changes the response on its way to the caller.
final class CompiledResponseTransform: CompiledPolicy {
  private let fields: FieldTransform
  private let body: BodyTransform?
  private let changesOwn: Bool
  /// Nil where messages are not changed.
  let messages: MessageTransform?
  private let unusable = PolicyRefusal(.upstreamBodyUnusable)
  private let tooLarge = PolicyRefusal(.upstreamBodyTooLarge)
  private let noEncoding = FieldLine("Accept-Encoding", "identity")

  init(_ settings: Configuration.ResponseTransform) {
    fields = FieldTransform(
      remove: settings.remove.headers, rename: settings.rename.headers,
      replace: settings.replace.headers, add: settings.add.headers,
      append: settings.append.headers)
    body = BodyTransform(settings)
    changesOwn = settings.own && !fields.isEmpty
    messages = MessageTransform(
      body, settings.messages, Configuration.ResponseTransform.policyName)
  }

  override var phases: PolicyPhases {
    var phases: PolicyPhases = body == nil ? .response : [.request, .response]
    if changesOwn { phases.insert(.answer) }
    return phases
  }

  override var meetsEveryAnswer: Bool { changesOwn }

  override func answered(_ answer: inout LocalAnswer, _ exchange: Exchange) {
    // Another policy may put an answer in the place of a response that was changed already.
    if exchange.note(of: self) == nil { fields.apply(to: &answer, exchange) }
  }

  /// Only a whole response that is not encoded can be changed.
  override func request(_ exchange: Exchange) -> PolicyOutcome {
    if exchange.wantsUpgrade { return .next }
    for key in Self.hindering {
      exchange.dropRequestFields(key)
      _ = exchange.requestEdits.fields.removeLines(named: key.name)
    }
    exchange.requestEdits.add(noEncoding)
    return .next
  }

  override func response(
    _ head: borrowing ResponseHead, _ exchange: Exchange
  ) -> PolicyOutcome {
    if changesOwn { exchange.setNote(self, of: self) }
    guard let body, !exchange.wantsUpgrade else {
      fields.apply(to: &exchange.responseEdits, of: head, exchange)
      return .next
    }
    let fate = fate(of: head, body)
    if case .refused(let refusal) = fate { return .refuse(refusal) }
    // Before anything is said about a response that may turn out to be none.
    if case .changed = fate { exchange.holdResponse() }
    fields.apply(to: &exchange.responseEdits, of: head, exchange)
    if case .untouched = fate { return .next }
    exchange.weakenTag(of: head)
    if case .onlyNamed = fate, head.status == 304 { return .next }
    exchange.dropResponseFields(named: Self.acceptRanges, of: head)
    // What HEAD says of the length is not true of what GET would get.
    exchange.isResponseLengthUnknown = true
    if case .changed = fate { exchange.addResponseFilter(BodyEditFilter(body, exchange)) }
    return .next
  }

  private enum Fate {
    case untouched
    /// It has no body, and stands for one that is changed.
    case onlyNamed
    case changed
    case refused(PolicyRefusal)
  }

  private func fate(of head: borrowing ResponseHead, _ body: BodyTransform) -> Fate {
    // What a 304 stands for may be one of those that are changed.
    if head.status == 304 { return .onlyNamed }
    // A part that nobody asked for could hold what is to be removed, as bytes of any type.
    if head.status == 206 { return .refused(unusable) }
    guard JSONBody.isJSON(head) else { return .untouched }
    if JSONBody.isEncoded(head) { return .refused(unusable) }
    switch head.framing {
    case .none: return .onlyNamed
    case .length(0): return .untouched
    case .length(let count) where count > UInt64(body.limit): return .refused(tooLarge)
    case .length, .chunked, .untilClose: return .changed
    }
  }

  private static let acceptRanges = Array("accept-ranges".utf8)
  private static let hindering = ["accept-encoding", "range", "if-range"].map { FieldSearch($0) }
}
