/// A rate of bytes by the generic cell rate algorithm (ITU-T I.371), for bytes that have passed
/// already: whoever takes too much waits afterwards.
///
/// All its state is one number: the moment, in nanoseconds of the monotonic clock, at which all that
/// was taken is made up for. One in the past, such as 0, is nothing taken. Pure.
struct BandwidthRule: Equatable, Sendable {
  /// Bytes in a second.
  private let rate: UInt64
  /// How far ahead of now the number may be without a wait.
  private let tolerance: UInt64

  private static let second: UInt64 = 1_000_000_000

  init(rate: Int, burst: Int) {
    self.rate = UInt64(rate)
    tolerance = Self.time(UInt64(burst), self.rate)
  }

  /// Rounded up, so that not more than the rate passes.
  private static func time(_ bytes: UInt64, _ rate: UInt64) -> UInt64 {
    let (product, overflow) = bytes.multipliedReportingOverflow(by: second)
    if overflow { return UInt64(Int64.max) }
    return (product + rate - 1) / rate
  }

  /// The number after so many bytes.
  func take(_ bytes: Int, _ number: UInt64, now: UInt64) -> UInt64 {
    let next = max(number, now).addingReportingOverflow(Self.time(UInt64(bytes), rate))
    // Centuries; never the number of a dead cell.
    return next.overflow ? UInt64(Int64.max) : min(next.partialValue, UInt64(Int64.max))
  }

  /// Nanoseconds until more may pass.
  func wait(_ number: UInt64, now: UInt64) -> UInt64 {
    let ahead = number > now ? number - now : 0
    return ahead > tolerance ? ahead - tolerance : 0
  }

  func usage(_ number: UInt64, now: UInt64) -> LimitUsage {
    if number <= now { return .none }
    let ahead = number - now
    return ahead >= tolerance ? .all : .some(LimitStep.thousandths(ahead, of: tolerance))
  }
}

/// Both directions of one policy, as a table of limits sees its cells: the first number is that of
/// requests, the second that of responses.
struct BandwidthJudge: LimitJudge {
  let rules: BandwidthRules
  let now: UInt64

  func usage(of cell: LimitCell, first: UInt64) -> LimitUsage {
    let request = rules.request?.usage(first, now: now) ?? .none
    let response = rules.response?.usage(cell.number(1), now: now) ?? .none
    return switch (request, response) {
    case (.all, _), (_, .all): .all
    case (.none, let other), (let other, .none): other
    case (.some(let one), .some(let other)): .some(max(one, other))
    }
  }
}

struct BandwidthRules {
  var request: BandwidthRule?
  var response: BandwidthRule?

  subscript(_ side: BandwidthSide) -> BandwidthRule? { side == .request ? request : response }
}

/// Whose bytes.
enum BandwidthSide: Int { case request, response }
