import SluiceConfiguration
import SluiceWire

/// Whether a response may be stored, and for how long it is good: RFC 9111 3 and 4.2, in a pure form.
struct CacheRules {
  /// What counts of a response.
  struct Response {
    var status = 200
    var control = CacheControl()
    /// Whether there is a Cache-Control field, or a targeted one that counts in its place.
    var hasControl = false
    /// Seconds of Unix time; `expires` is .min for what is no date.
    var date: Int64?
    var expires: Int64?
    var lastModified: Int64?
    var age: Int64 = 0
    var hasETag = false
    var hasSetCookie = false
    var isPragmaNoCache = false

    var hasValidator: Bool { hasETag || lastModified != nil }
  }

  /// What counts of the request.
  struct Request {
    /// Authorization that nobody here has looked at, so that the consumer is not told apart by it.
    var hasForeignCredentials = false
    var hasCookies = false
    var isNoStore = false
  }

  enum Refusal: String {
    case requestNoStore, status, malformed, noStore, `private`, setCookie, credentials
    /// Nothing says how long it is good, or it is good for nothing.
    case notFresh
  }

  enum Decision: Equatable {
    case no(Refusal)
    case store(CacheFreshness)
  }

  let ttl: Int64
  let negativeTTL: Int64
  let heuristicPercent: Int64
  let staleWhileRevalidate: Int64
  let staleIfError: Int64
  let storesAcross: Bool
  let ignoresCookies: Bool
  let stripsSetCookie: Bool

  init(_ settings: Configuration.Cache) {
    ttl = settings.ttl.nanoseconds
    negativeTTL = settings.negativeTtl.nanoseconds
    heuristicPercent = Int64(settings.heuristicPercent)
    staleWhileRevalidate = settings.staleWhileRevalidate.nanoseconds
    staleIfError = settings.staleIfError.nanoseconds
    storesAcross = settings.shared
    ignoresCookies = settings.ignoreCookies
    stripsSetCookie = settings.setCookie == .strip
  }

  private static let second: Int64 = 1_000_000_000
  private static let day: Int64 = 86_400 * second

  /// `now` is Unix time in seconds, `delay` how long the response took in nanoseconds.
  func decide(
    _ response: Response, _ request: Request, now: Int64, delay: Int64
  ) -> Decision {
    let control = response.control
    if request.isNoStore { return .no(.requestNoStore) }
    guard let isNegative = Self.isNegative(response.status) else { return .no(.status) }
    if control.isMalformed { return .no(.malformed) }
    if control.contains(.noStore) { return .no(.noStore) }
    if control.contains(.private) { return .no(.private) }
    if response.hasSetCookie && !stripsSetCookie { return .no(.setCookie) }
    // RFC 9111 3.5; cookies are credentials as well as not.
    let isForEveryone =
      control.contains(.public) || control.sMaxAge != nil || control.contains(.mustRevalidate)
    let hasCredentials =
      request.hasForeignCredentials && !storesAcross || request.hasCookies && !ignoresCookies
    if hasCredentials && !isForEveryone { return .no(.credentials) }

    let apparent = response.date.map { max(0, now - $0) } ?? 0
    let age = max(apparent * Self.second, response.age * Self.second + delay)
    var freshness = CacheFreshness(
      initialAge: age, lifetime: lifetime(response, isNegative: isNegative),
      isForEveryone: isForEveryone)
    setStaleness(of: &freshness, control)
    let isGoodForAWhile =
      freshness.isUsableAfterError(age: age)
      || freshness.use(age: age, request: nil) != .revalidate
    guard isGoodForAWhile || response.hasValidator && saysSomething(response) else {
      return .no(.notFresh)
    }
    return .store(freshness)
  }

  /// Nil for statuses that are never stored.
  private static func isNegative(_ status: Int) -> Bool? {
    switch status {
    case 200, 203, 204, 300, 301, 302, 307, 308: false
    case 404, 405, 410, 414, 451, 501: true
    default: nil
    }
  }

  private func saysSomething(_ response: Response) -> Bool {
    response.hasControl || response.expires != nil
  }

  /// RFC 9111 4.2.1; then what the operator says about responses that don't say it.
  private func lifetime(_ response: Response, isNegative: Bool) -> Int64 {
    let control = response.control
    if control.contains(.noCache) { return 0 }
    if let seconds = control.sMaxAge ?? control.maxAge {
      return CacheFreshness.nanoseconds(seconds)
    }
    if let expires = response.expires {
      guard expires != .min, let date = response.date else { return 0 }
      return max(0, min(expires - date, Int64(CacheControl.longest))) * Self.second
    }
    if response.isPragmaNoCache && !response.hasControl { return 0 }
    if isNegative { return negativeTTL }
    // RFC 9110 15.4.3: not without being told.
    if response.status == 302 || response.status == 307 { return 0 }
    if heuristicPercent > 0, let date = response.date, let modified = response.lastModified,
      modified < date
    {
      let since = min(date - modified, Int64(CacheControl.longest))
      return max(ttl, min(since * Self.second / 100 * heuristicPercent, Self.day))
    }
    return ttl
  }

  private func setStaleness(of freshness: inout CacheFreshness, _ control: CacheControl) {
    if control.contains(.mustRevalidate) || control.contains(.noCache) { return }
    // What the target itself says about staleness is meant for caches like this one, although
    // s-maxage forbids it to be guessed (RFC 9111 5.2.2.10).
    let mayGuess = !control.contains(.proxyRevalidate) && control.sMaxAge == nil
    freshness.staleWhileRevalidate =
      control.staleWhileRevalidate.map(CacheFreshness.nanoseconds)
      ?? (mayGuess ? staleWhileRevalidate : 0)
    freshness.staleIfError =
      control.staleIfError.map(CacheFreshness.nanoseconds) ?? (mayGuess ? staleIfError : 0)
  }
}
