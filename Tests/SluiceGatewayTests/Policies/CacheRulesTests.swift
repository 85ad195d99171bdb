import SluiceConfiguration
import SluiceReactor
import SluiceWire
import Testing

@testable import SluiceGateway

/// What may be stored, and for how long: one line per rule of RFC 9111.
@Suite struct CacheRulesTests {
  private static let second: Int64 = 1_000_000_000

  private func decide(
    _ control: String?, status: Int = 200, expires: Int64? = nil, date: Int64? = 1_000,
    lastModified: Int64? = nil, age: Int64 = 0, hasSetCookie: Bool = false,
    request: CacheRules.Request = .init(), _ edit: (inout Configuration.Cache) -> Void = { _ in }
  ) -> CacheRules.Decision {
    var settings = Configuration.Cache()
    edit(&settings)
    var response = CacheRules.Response()
    response.status = status
    if let control {
      response.control.add(Array(control.utf8).span)
      response.hasControl = true
    }
    response.date = date
    response.expires = expires
    response.lastModified = lastModified
    response.age = age
    response.hasSetCookie = hasSetCookie
    return CacheRules(settings).decide(response, request, now: 1_000, delay: 0)
  }

  private func lifetime(_ decision: CacheRules.Decision) -> Int64? {
    guard case .store(let freshness) = decision else { return nil }
    return freshness.lifetime / Self.second
  }

  @Test func theTargetDecides() {
    #expect(lifetime(decide("max-age=60")) == 60)
    #expect(lifetime(decide("max-age=60, s-maxage=5")) == 5)
    #expect(lifetime(decide(nil, expires: 1_030)) == 30)
    #expect(lifetime(decide("max-age=9", expires: 1_030)) == 9)
    #expect(lifetime(decide("max-age=60") { $0.ttl = .seconds(1) }) == 60)
    #expect(decide("max-age=0") == .no(.notFresh))
    #expect(lifetime(decide("max-age=0", lastModified: 1)) == 0)
    #expect(lifetime(decide("no-cache", lastModified: 1)) == 0)
    #expect(decide(nil, expires: .min) == .no(.notFresh))
    #expect(decide("max-age=60", age: 60) == .no(.notFresh))
    #expect(decide("max-age=60", date: 900) == .no(.notFresh))
    #expect(lifetime(decide("max-age=60", date: 2_000)) == 60)
  }

  @Test func otherwiseTheOperatorDoes() {
    #expect(decide(nil) == .no(.notFresh))
    #expect(decide(nil, lastModified: 1) == .no(.notFresh))
    #expect(lifetime(decide(nil) { $0.ttl = .seconds(7) }) == 7)
    #expect(decide(nil, status: 404) { $0.ttl = .seconds(7) } == .no(.notFresh))
    #expect(lifetime(decide(nil, status: 404) { $0.negativeTtl = .seconds(3) }) == 3)
    #expect(decide(nil, status: 302) { $0.ttl = .seconds(7) } == .no(.notFresh))
    #expect(lifetime(decide("max-age=5", status: 302)) == 5)
    #expect(lifetime(decide(nil, lastModified: 500) { $0.heuristicPercent = 10 }) == 50)
    #expect(
      lifetime(decide(nil, lastModified: -100_000_000) { $0.heuristicPercent = 10 }) == 86_400)
  }

  @Test(arguments: ["no-store", "private", "private=\"x\"", "max-age=60, no-store", "max-age=60;x"])
  func whatMustNotBeStored(control: String) {
    let decision = decide(control) { $0.ttl = .seconds(60) }
    if case .store = decision { Issue.record("stored: \(control)") }
  }

  @Test(arguments: [206, 304, 500, 502, 503, 201, 303, 400, 401, 403, 416])
  func statusesThatAreNeverStored(status: Int) {
    #expect(decide("max-age=60, public", status: status) == .no(.status))
  }

  @Test func credentialsNeedPermission() {
    let foreign = CacheRules.Request(hasForeignCredentials: true)
    let cookies = CacheRules.Request(hasCookies: true)
    for request in [foreign, cookies] {
      #expect(decide("max-age=60", request: request) == .no(.credentials))
      for allowing in ["max-age=60, public", "s-maxage=60", "max-age=60, must-revalidate"] {
        #expect(lifetime(decide(allowing, request: request)) == 60)
      }
    }
    #expect(lifetime(decide("max-age=60", request: foreign) { $0.shared = true }) == 60)
    #expect(lifetime(decide("max-age=60", request: cookies) { $0.ignoreCookies = true }) == 60)
    #expect(
      decide("max-age=60", request: cookies) { $0.shared = true } == .no(.credentials))
    #expect(decide("max-age=60", request: .init(isNoStore: true)) == .no(.requestNoStore))
    #expect(decide("public, max-age=60", hasSetCookie: true) == .no(.setCookie))
    #expect(
      lifetime(decide("public, max-age=60", hasSetCookie: true) { $0.setCookie = .strip }) == 60)
  }

  @Test func stalenessIsTheTargetsFirst() throws {
    func staleness(_ control: String) throws -> (Int64, Int64) {
      let decision = decide(control) {
        $0.staleWhileRevalidate = .seconds(10)
        $0.staleIfError = .seconds(20)
      }
      guard case .store(let freshness) = decision else { throw Refused() }
      return (
        freshness.staleWhileRevalidate / Self.second, freshness.staleIfError / Self.second
      )
    }
    struct Refused: Error {}
    #expect(try staleness("max-age=1") == (10, 20))
    #expect(
      try staleness("max-age=1, stale-while-revalidate=3, stale-if-error=4") == (3, 4))
    #expect(try staleness("max-age=1, must-revalidate, stale-if-error=4") == (0, 0))
    #expect(try staleness("max-age=1, proxy-revalidate") == (0, 0))
    #expect(try staleness("s-maxage=1") == (0, 0))
    #expect(try staleness("s-maxage=1, stale-while-revalidate=3") == (3, 0))
  }

  @Test func ageDecidesWhatMayBeUsed() {
    var freshness = CacheFreshness(initialAge: 2, lifetime: 10)
    freshness.staleWhileRevalidate = 5
    freshness.staleIfError = 50
    let stored = MonotonicTime(nanoseconds: 100)
    func use(_ time: Int64, _ request: CacheControl? = nil) -> CacheFreshness.Use {
      let age = freshness.age(storedAt: stored, now: MonotonicTime(nanoseconds: time))
      return freshness.use(age: age, request: request)
    }
    #expect(use(107) == .fresh)
    #expect(use(108) == .revalidateMeanwhile)
    #expect(use(112) == .revalidateMeanwhile)
    #expect(use(113) == .revalidate)
    var noCache = CacheControl()
    noCache.add(Array("no-cache".utf8).span)
    #expect(use(101, noCache) == .revalidate)
    #expect(freshness.isUsableAfterError(age: 59))
    #expect(!freshness.isUsableAfterError(age: 60))
  }

  @Test(
    arguments: [
      ("Accept-Encoding, ,accept-language", ["accept-encoding", "accept-language"]),
      ("Accept, accept", ["accept"]), ("Host", []), ("*", nil), ("Accept, *", nil),
      ("X-Forwarded-For", nil), ("a b", nil),
    ] as [(String, [String]?)])
  func vary(value: String, names: [String]?) {
    let read = CacheVary.names(Array(value.utf8).span)
    #expect(read?.map { String(decoding: $0, as: UTF8.self) } == names)
  }
}
