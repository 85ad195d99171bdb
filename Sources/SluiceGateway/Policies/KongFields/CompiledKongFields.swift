public import SluiceConfiguration
import SluiceReactor
import SluiceWire

extension Configuration.KongFields: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy { CompiledKongFields() }
}

/// Tells callers how long it took, in the fields that Kong has for that.
final class CompiledKongFields: CompiledPolicy {
  override var phases: PolicyPhases { [.request, .response, .answer] }

  override func response(
    _ head: borrowing ResponseHead, _ exchange: Exchange
  ) -> PolicyOutcome {
    let record = exchange.record
    let total = record.responded.nanoseconds(since: record.started)
    let upstream = record.responded.nanoseconds(since: record.connected)
    exchange.responseEdits.add {
      $0.appendField("X-Kong-Upstream-Latency", decimal: Self.milliseconds(upstream))
      $0.appendField("X-Kong-Proxy-Latency", decimal: Self.milliseconds(total - upstream))
    }
    return .next
  }

  override func answered(_ answer: inout LocalAnswer, _ exchange: Exchange) {
    let total = exchange.loop.now.nanoseconds(since: exchange.record.started)
    answer.fields.append(
      FieldLine("X-Kong-Response-Latency", String(Self.milliseconds(total))))
  }

  private static func milliseconds(_ nanoseconds: Int64) -> UInt64 {
    UInt64(max(0, nanoseconds)) / 1_000_000
  }
}
