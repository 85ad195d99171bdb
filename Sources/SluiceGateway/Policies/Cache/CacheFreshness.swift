import SluiceReactor
import SluiceWire

/// For how long a stored response may be used, in nanoseconds (RFC 9111 4.2, RFC 5861).
struct CacheFreshness: Equatable {
  /// The response's age when it was stored.
  var initialAge: Int64
  var lifetime: Int64
  /// How long after that it may still be used while a new one is fetched, and when that fails.
  var staleWhileRevalidate: Int64 = 0
  var staleIfError: Int64 = 0
  /// Whether it may go to callers that sent credentials or cookies, whoever they are.
  var isForEveryone = false

  enum Use: Equatable {
    case fresh
    /// Use it and fetch a new one.
    case revalidateMeanwhile
    /// Ask the target first.
    case revalidate
  }

  func age(storedAt: MonotonicTime, now: MonotonicTime) -> Int64 {
    initialAge &+ max(0, now.nanoseconds(since: storedAt))
  }

  /// What may be done with a response of this age. `request` is what the caller demands, if that
  /// counts.
  func use(age: Int64, request: CacheControl?) -> Use {
    var lifetime = self.lifetime
    var staleness = staleWhileRevalidate
    if let request {
      if request.contains(.noCache) { return .revalidate }
      if let most = request.maxAge { lifetime = min(lifetime, Self.nanoseconds(most)) }
      if let rest = request.minFresh { lifetime -= Self.nanoseconds(rest) }
      if request.maxAge != nil || request.minFresh != nil { staleness = 0 }
    }
    if age < lifetime { return .fresh }
    return age < Self.sum(lifetime, staleness) ? .revalidateMeanwhile : .revalidate
  }

  func isUsableAfterError(age: Int64) -> Bool { age < Self.sum(lifetime, staleIfError) }

  static func nanoseconds(_ seconds: UInt32) -> Int64 { Int64(seconds) * 1_000_000_000 }

  private static func sum(_ left: Int64, _ right: Int64) -> Int64 {
    let (sum, overflow) = left.addingReportingOverflow(right)
    return overflow ? .max : sum
  }
}
