import SluiceReactor
import SluiceWire
import Testing

@testable import SluiceGateway

@Suite struct SessionAdmissionTests {
  private let second: Int64 = 1_000_000_000

  private func limit(_ route: String, _ most: Int) -> SessionAdmission.Limit {
    .init(key: .route(route), most: most)
  }

  private func room(_ value: String, _ most: Int) -> SessionAdmission.Limit {
    let label = SessionLabel(name: Array("room".utf8), value: Array(value.utf8))
    return .init(key: .label(route: "a", label), most: most)
  }

  @Test func aPlaceIsUnderEveryLimitOrUnderNone() throws {
    let admission = SessionAdmission()
    let process = SessionAdmission.Limit(key: .process, most: 3)
    let first = try #require(admission.admit([process, limit("a", 1)]))
    // The full route takes no place of the process.
    for _ in 0..<5 { #expect(admission.admit([process, limit("a", 1)]) == nil) }
    let others = (0..<2).compactMap { _ in admission.admit([process, limit("b", 5)]) }
    #expect(others.count == 2)
    #expect(admission.admit([process, limit("b", 5)]) == nil)
    first.release()
    #expect(admission.admit([process, limit("a", 1)]) != nil)
  }

  @Test func everyValueOfALabelHasItsOwn() throws {
    let admission = SessionAdmission()
    let seven = try #require(admission.admit([room("7", 1)]))
    #expect(admission.admit([room("7", 1)]) == nil)
    #expect(admission.admit([room("8", 1)]) != nil)
    let both = try #require(admission.admit([limit("a", 1)])).joined(with: seven)
    #expect(admission.admit([limit("a", 1)]) == nil)
    both.release()
    #expect(admission.admit([room("7", 1)]) != nil)
    #expect(admission.admit([limit("a", 1)]) != nil)
  }

  /// A reload sets limits for who is there already.
  @Test func otherLimitsCountWhoIsThere() throws {
    let admission = SessionAdmission()
    let first = try #require(admission.exchange(nil, for: [limit("a", 1)]))
    // There is no room, and nobody is sent away.
    let second = try #require(admission.exchange(nil, for: [limit("a", 1)]))
    #expect(admission.admit([limit("a", 2)]) == nil)
    #expect(admission.exchange(first, for: [limit("a", 9)]) === first)
    let moved = try #require(admission.exchange(first, for: [limit("b", 1)]))
    #expect(admission.admit([limit("a", 2)]) != nil)
    #expect(admission.admit([limit("b", 1)]) == nil)
    #expect(admission.exchange(moved, for: []) == nil)
    #expect(admission.admit([limit("b", 1)]) != nil)
    second.release()
    #expect(admission.exchange(nil, for: []) == nil)
  }

  /// A burst of a second, then evenly; who may not under one pace counts for none.
  @Test func pacesHoldTogether() {
    let admission = SessionAdmission()
    let slow = SessionAdmission.Pace(key: .route("a"), perSecond: 2)
    let all = SessionAdmission.Pace(key: .process, perSecond: 4)
    var now = MonotonicTime(nanoseconds: 5 * second)
    #expect(admission.mayOpen([slow, all], now: now))
    #expect(admission.mayOpen([slow, all], now: now))
    for _ in 0..<10 { #expect(!admission.mayOpen([slow, all], now: now)) }
    let fast = SessionAdmission.Pace(key: .route("b"), perSecond: 100)
    #expect(admission.mayOpen([fast, all], now: now))
    #expect(admission.mayOpen([fast, all], now: now))
    #expect(!admission.mayOpen([fast, all], now: now))
    now = now.advanced(byNanoseconds: 250_000_000)
    #expect(!admission.mayOpen([slow, all], now: now))
    #expect(admission.mayOpen([fast, all], now: now))
    now = now.advanced(byNanoseconds: 250_000_000)
    #expect(admission.mayOpen([slow, all], now: now))
    #expect(!admission.mayOpen([slow, all], now: now))
  }

  /// Strangers' addresses are forgotten when they say nothing any more, and not before.
  @Test func pacesOfStrangersDoNotPileUp() {
    let admission = SessionAdmission()
    func pace(_ address: UInt64) -> SessionAdmission.Pace {
      .init(key: .address(route: "a", IPAddress(high: address, low: 0)), perSecond: 1)
    }
    var now = MonotonicTime(nanoseconds: 5 * second)
    var most = 0
    for address in 0..<20_000 {
      #expect(admission.mayOpen([pace(UInt64(address))], now: now))
      // A thousand in a second.
      now = now.advanced(byNanoseconds: second / 1_000)
      most = max(most, admission.rememberedPaces)
    }
    #expect(most < 2_200)
    for address in 19_500..<20_000 {
      #expect(!admission.mayOpen([pace(UInt64(address))], now: now))
    }
  }
}
