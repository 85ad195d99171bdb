public import SluiceConfiguration
import SluiceWire

extension Configuration.TargetHeaders: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy { CompiledTargetHeaders(self) }
}

/// Says what fields targets get.
final class CompiledTargetHeaders: CompiledPolicy {
  private let fields: FieldTransform
  private let host: CompiledTemplate?
  private let passesForwarded: Bool

  init(_ settings: Configuration.TargetHeaders) {
    let (host, others) = settings.set.reduce(into: (String?.none, [String: String]())) {
      if $1.key.lowercased() == "host" { $0.0 = $1.value } else { $0.1[$1.key] = $1.value }
    }
    self.host = host.map { CompiledTemplate($0) }
    fields = FieldTransform(
      remove: others.keys.sorted(), rename: [:], replace: [:], add: [:], append: others)
    passesForwarded = settings.forwarded == .caller
  }

  override func request(_ exchange: Exchange) -> PolicyOutcome {
    if passesForwarded { exchange.requestEdits.keepForwarded() }
    if !fields.isEmpty {
      fields.apply(to: &exchange.requestEdits.fields, of: exchange.request, exchange)
    }
    if let host {
      var text = ByteBuffer()
      host.append(exchange, .field, to: &text)
      // What is no field can't be a host either; the service's setting holds then.
      if !text.isEmpty, FieldSyntax.isValue(text.span) { exchange.requestEdits.setHost(text) }
    }
    return .next
  }
}
