public import SluiceConfiguration
import SluiceWire

extension Configuration.RequestID: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy { CompiledRequestID(self) }
}

/// Puts the exchange's id on the request and, if wanted, on the response.
final class CompiledRequestID: CompiledPolicy {
  private let header: [UInt8]
  private let echoes: Bool

  init(_ settings: Configuration.RequestID) {
    header = Array(settings.header.utf8)
    echoes = settings.echo
  }

  override var phases: PolicyPhases { echoes ? [.request, .response] : .request }

  override func request(_ exchange: Exchange) -> PolicyOutcome {
    exchange.acceptRequestID(header)
    exchange.dropRequestFields(named: header)
    let id = exchange.requestID
    exchange.requestEdits.add { append(id, to: &$0) }
    if echoes { exchange.responseEdits.add { append(id, to: &$0) } }
    return .next
  }

  private func append(_ id: RequestID, to lines: inout ByteBuffer) {
    lines.append(header)
    lines.append(": ")
    id.append(to: &lines)
    lines.appendLineEnd()
  }

  /// What the target says its id is would be a second one.
  override func response(
    _ head: borrowing ResponseHead, _ exchange: Exchange
  ) -> PolicyOutcome {
    exchange.dropResponseFields(named: header, of: head)
    return .next
  }
}
