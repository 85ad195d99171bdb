import SluiceConfiguration
import SluiceGateway

/// Lets requests pass only between two hours of the day (UTC), and says when on every response.
///
/// What the file says below `policies: {business-hours: …}`:
struct BusinessHours: Policy {
  var from = 8
  var until = 18

  static let policyName = "business-hours"
  /// After it is known who calls and before anything is limited or changed.
  static let stage = PolicyStage.authorize

  /// The keys with their bounds; unknown keys and wrong values are errors with a line and a hint, as they
  /// are for the policies that come with the gateway.
  static let schema = Schema(
    "BusinessHours", of: Self(), "Lets requests pass only between two hours of the day (UTC).",
    [
      Field("from", .integer(0...23), "The first hour."),
      Field("until", .integer(1...24), "The hour that is none of them any more."),
    ])

  static let example = "policies: {business-hours: {from: 9, until: 17}}"

  func check(_ check: inout PolicyCheck) {
    if until <= from { check.error("ends before it begins", at: "until") }
  }

  func compile(_ context: PolicyContext) -> CompiledPolicy {
    CompiledBusinessHours(self, hour: UTCClock.hour)
  }
}

/// What the settings compile to: one on each worker, so nothing in it needs a lock.
final class CompiledBusinessHours: CompiledPolicy {
  private let hours: Range<Int>
  private let hour: () -> Int
  // Made once, so that a request costs no more than a comparison and a copy.
  private let notice: FieldLine
  private let closed = PolicyRefusal(.forbidden, detail: "Closed at this hour.")

  init(_ settings: BusinessHours, hour: @escaping () -> Int) {
    hours = settings.from..<settings.until
    self.hour = hour
    notice = FieldLine("X-Business-Hours", "\(settings.from)-\(settings.until) UTC")
  }

  override func request(_ exchange: Exchange) -> PolicyOutcome {
    exchange.addResponseField(notice)
    return hours.contains(hour()) ? .next : .refuse(closed)
  }
}
