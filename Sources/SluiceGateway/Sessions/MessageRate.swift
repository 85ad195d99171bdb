import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// An amount per window, counted by the generic cell rate algorithm (ITU-T I.371).
///
/// All its state is a cell of eight bytes: the time up to which the allowance is used up. What was
/// taken becomes free again evenly, nothing has to be swept, and the count is exact.
struct MessageRate: Sendable {
  private let amount: Int64
  private let window: Int64
  /// How far the cell may be ahead of now, in nanoseconds.
  private let tolerance: Int64

  /// `amount` in `window` nanoseconds, and `burst` of it at once.
  init(_ amount: Int, per window: Int64, burst: Int) {
    self.amount = Int64(amount)
    self.window = window
    tolerance = Self.time(Int64(burst), window, Int64(amount))
  }

  private static func time(_ count: Int64, _ window: Int64, _ amount: Int64) -> Int64 {
    let (product, overflow) = count.multipliedReportingOverflow(by: window)
    if !overflow { return product / amount }
    return Int64(clamping: Int128(count) * Int128(window) / Int128(amount))
  }

  /// Whether `count` may pass now. More than a burst may when nothing of it is used up.
  func allows(_ count: Int, _ cell: MonotonicTime, now: MonotonicTime) -> Bool {
    let ahead = cell.nanoseconds(since: now)
    if ahead <= 0 { return true }
    let cost = Self.time(Int64(count), window, amount)
    return min(cost, tolerance) <= tolerance &- ahead
  }

  /// Takes `count`, allowed or not.
  func take(_ count: Int, _ cell: inout MonotonicTime, now: MonotonicTime) {
    cell = max(cell, now).advanced(byNanoseconds: Self.time(Int64(count), window, amount))
  }

  /// When the smallest amount may pass again.
  func nextTime(_ cell: MonotonicTime) -> MonotonicTime {
    let least = Self.time(1, window, amount)
    return cell.advanced(byNanoseconds: -max(0, tolerance &- least))
  }
}

/// `messages.rateLimit` and `messages.rateLimitFromUpstream`: how much one end of a session may send.
final class MessageRatePolicy: MessagePolicy {
  private let messages: MessageRate?
  private let bytes: MessageRate?
  private let action: Configuration.MessageRateAction
  private let side: SessionSide

  init(_ settings: Configuration.MessageRateLimit, from side: SessionSide) {
    let window = settings.window.nanoseconds
    messages = settings.limit.map {
      MessageRate($0, per: window, burst: settings.burst ?? $0)
    }
    bytes = settings.bytes.map { MessageRate($0.bytes, per: window, burst: $0.bytes) }
    action = settings.action
    self.side = side
    // One cell for messages, one for bytes.
    super.init(stage: .limit, cellCount: 2)
  }

  override func meet(
    _ message: WebSocketMessage, _ payload: Span<UInt8>, of session: Session,
    _ inspection: SessionInspection
  ) -> MessageOutcome {
    let now = session.loop.now
    var used = (messages: inspection.cells[firstCell], bytes: inspection.cells[firstCell &+ 1])
    let size = payload.count
    if action != .delay {
      let isAllowed =
        messages?.allows(1, used.messages, now: now) ?? true
        && bytes?.allows(size, used.bytes, now: now) ?? true
      if !isAllowed { return action == .drop ? .drop(.rateLimit) : .close(Self.ending(of: side)) }
    }
    messages?.take(1, &used.messages, now: now)
    bytes?.take(size, &used.bytes, now: now)
    inspection.cells[firstCell] = used.messages
    inspection.cells[firstCell &+ 1] = used.bytes
    if action != .delay { return .pass }
    // The next one has to wait, so this one need not be kept.
    let next = max(messages?.nextTime(used.messages) ?? now, bytes?.nextTime(used.bytes) ?? now)
    return next > now ? .passThenWait(until: next) : .pass
  }

  static func ending(of side: SessionSide) -> SessionEnding {
    SessionEnding(
      .policy, side: side, code: WebSocketCloseCode.policyViolation.rawValue,
      reason: Array("More messages came than the limit allows.".utf8), policy: "rate-limit")
  }
}
