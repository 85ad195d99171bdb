import SluiceReactor

/// Keeps idempotent retries of a service to a share of its requests, so that a target in trouble is
/// not buried under its own retries.
///
/// Counts over a sliding window of ten slots of one second: the running one and the nine before it.
/// At least `floor` retries per window are allowed, for a service with little traffic.
/// One per service and worker; 100 bytes, no allocation.
struct RetryBudget: Sendable {
  static let slots = 10
  static let slotNanoseconds: Int64 = 1_000_000_000
  /// Envoy's minimum.
  static let floor: UInt64 = 3

  private let percent: UInt64
  private var requests = InlineArray<10, UInt32>(repeating: 0)
  private var retries = InlineArray<10, UInt32>(repeating: 0)
  private var requestTotal: UInt64 = 0
  private var retryTotal: UInt64 = 0
  private var slot = 0
  /// The end of the running slot; nil before the first call.
  private var slotEnd: MonotonicTime?

  /// `percent` 0 allows no retry at all, not even the floor.
  init(percent: Int) { self.percent = UInt64(max(0, percent)) }

  /// Counts a request; its retries are not requests.
  mutating func recordRequest(now: MonotonicTime) {
    advance(to: now)
    requests[slot] &+= 1
    requestTotal &+= 1
  }

  /// Whether one more retry fits; counts it if so.
  mutating func takeRetry(now: MonotonicTime) -> Bool {
    advance(to: now)
    guard percent > 0 else { return false }
    guard retryTotal < max(Self.floor, requestTotal * percent / 100) else { return false }
    retries[slot] &+= 1
    retryTotal &+= 1
    return true
  }

  /// The retry that was counted a moment ago, at the same time, is none.
  mutating func giveBack() {
    guard retries[slot] > 0 else { return }
    retries[slot] -= 1
    retryTotal -= 1
  }

  private mutating func advance(to now: MonotonicTime) {
    guard let end = slotEnd else {
      slotEnd = now.advanced(byNanoseconds: Self.slotNanoseconds)
      return
    }
    guard now >= end else { return }
    let passed = now.nanoseconds(since: end) / Self.slotNanoseconds + 1
    for _ in 0..<min(passed, Int64(Self.slots)) {
      slot = slot + 1 == Self.slots ? 0 : slot + 1
      requestTotal &-= UInt64(requests[slot])
      retryTotal &-= UInt64(retries[slot])
      requests[slot] = 0
      retries[slot] = 0
    }
    slotEnd = end.advanced(byNanoseconds: passed * Self.slotNanoseconds)
  }
}
