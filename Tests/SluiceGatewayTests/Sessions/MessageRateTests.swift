import SluiceConfiguration
import SluiceReactor
import SluiceWire
import Testing

@testable import SluiceGateway

@Suite struct MessageRateTests {
  private static let second: Int64 = 1_000_000_000
  private static let start = MonotonicTime(nanoseconds: 1_000_000 * second)

  @Test func aBurstPassesAndThenOneWheneverOneIsFree() {
    let rate = MessageRate(10, per: Self.second, burst: 3)
    var cell = MonotonicTime(nanoseconds: 0)
    var now = Self.start
    for _ in 0..<3 {
      #expect(rate.allows(1, cell, now: now))
      rate.take(1, &cell, now: now)
    }
    #expect(!rate.allows(1, cell, now: now))
    #expect(rate.nextTime(cell) == now.advanced(byNanoseconds: Self.second / 10))
    for _ in 0..<5 {
      now = now.advanced(byNanoseconds: Self.second / 10 - 1)
      #expect(!rate.allows(1, cell, now: now))
      now = now.advanced(byNanoseconds: 1)
      #expect(rate.allows(1, cell, now: now))
      rate.take(1, &cell, now: now)
      #expect(!rate.allows(1, cell, now: now))
    }
    // After a long silence there is one burst, not more.
    now = now.advanced(byNanoseconds: 100 * Self.second)
    #expect(rate.allows(3, cell, now: now))
    rate.take(3, &cell, now: now)
    #expect(!rate.allows(1, cell, now: now))
  }

  /// Against a bucket that is filled in whole numbers: an amount of 1 per nanosecond has no rounding.
  @Test func countsLikeABucket() {
    var random = SplitMix64(seed: 7)
    let burst = 1_000
    let rate = MessageRate(1_000_000_000, per: Self.second, burst: burst)
    var cell = MonotonicTime(nanoseconds: 0)
    var now = Self.start
    var free = burst
    for _ in 0..<4_000 {
      let passed = Int(random.next() % 400)
      now = now.advanced(byNanoseconds: Int64(passed))
      free = min(burst, free + passed)
      let wanted = 1 + Int(random.next() % 600)
      let isAllowed = wanted <= free
      #expect(rate.allows(wanted, cell, now: now) == isAllowed)
      if isAllowed {
        rate.take(wanted, &cell, now: now)
        free -= wanted
      }
      if free < 1 { #expect(rate.nextTime(cell) == now.advanced(byNanoseconds: Int64(1 - free))) }
    }
  }

  /// More than fits at once passes when nothing is used up, and what follows waits for it.
  @Test func moreThanABurstPassesAfterSilence() {
    let rate = MessageRate(1_000, per: Self.second, burst: 1_000)
    var cell = MonotonicTime(nanoseconds: 0)
    #expect(rate.allows(5_000, cell, now: Self.start))
    rate.take(5_000, &cell, now: Self.start)
    let end = Self.start.advanced(byNanoseconds: 4 * Self.second)
    #expect(!rate.allows(1, cell, now: end))
    #expect(rate.allows(1, cell, now: end.advanced(byNanoseconds: Self.second / 1_000)))
  }

  @Test func extremesDoNotOverflow() {
    let day = 86_400 * Self.second
    let rate = MessageRate(1, per: day, burst: 1_000_000)
    var cell = MonotonicTime(nanoseconds: 0)
    for _ in 0..<100 {
      #expect(rate.allows(1, cell, now: Self.start))
      rate.take(1, &cell, now: Self.start)
    }
    let bytes = MessageRate(1, per: day, burst: 1)
    rate.take(1 << 40, &cell, now: Self.start)
    #expect(!bytes.allows(1, cell, now: Self.start))
  }

  // MARK: The pipeline

  @Test func policiesRunInTheOrderOfTheirStages() {
    let policies = [MessageStage.transform, .limit, .route, .limit, .validate, .authorize].map {
      MessagePolicy(stage: $0, cellCount: 0)
    }
    let sorted = MessagePipeline.inOrder(policies)
    #expect(sorted.map(\.stage) == [.limit, .limit, .authorize, .validate, .route, .transform])
    #expect(sorted[0] === policies[1])
    #expect(sorted[1] === policies[3])
  }

  @Test func everyPolicyHasCellsOfItsOwn() {
    var route = Configuration.Route()
    route.kind = .websocket
    var messages = Configuration.MessageSettings()
    messages.rateLimit = Configuration.MessageRateLimit()
    messages.rateLimit?.limit = 1
    messages.rateLimitFromUpstream = messages.rateLimit
    route.messages = messages
    let pipeline = MessagePipeline(route, Configuration.MessageUses())
    #expect(pipeline.cellCount == 4)
    #expect((pipeline.fromClient + pipeline.fromUpstream).map(\.firstCell) == [0, 2])
    #expect(!pipeline.queues)
  }

  @Test func modeIsChosenByWhatNeedsWholeMessages() {
    func isInspected(_ edit: (inout Configuration.Route) -> Void) -> Bool {
      var route = Configuration.Route()
      route.kind = .websocket
      route.messages = Configuration.MessageSettings()
      route.connection = Configuration.ConnectionSettings()
      edit(&route)
      var configuration = Configuration()
      configuration.routes["all"] = route
      return CompiledSession(
        route, configuration.messageUses(ofRoute: "all"), configuration.sessions
      ).isInspected
    }
    #expect(!isInspected { _ in })
    #expect(!isInspected { $0.messages = nil })
    #expect(!isInspected { $0.connection?.slowConsumer = .close })
    #expect(!isInspected { $0.messages?.maxControlFrames = 7 })
    #expect(isInspected { $0.messages?.inspect = true })
    #expect(isInspected { $0.messages?.rateLimit = .init() })
    #expect(isInspected { $0.messages?.rateLimitFromUpstream = .init() })
    #expect(isInspected { $0.messages?.conflate = .init() })
    #expect(isInspected { $0.connection?.slowConsumer = .dropOldest })
    #expect(isInspected { $0.connection?.slowConsumer = .dropNewest })
  }

  // MARK: Who hears which code

  @Test func whoeverExceedsALimitHearsWhich() {
    let caller = SessionEnding(.policy, side: .client, code: 1_008, reason: [1])
    #expect(caller.code(for: .client) == 1_008)
    #expect(caller.code(for: .upstream) == 1_001)
    #expect(caller.reason(for: .client) == [1])
    #expect(caller.reason(for: .upstream) == [])
    let target = SessionEnding(.policy, side: .upstream, code: 1_008, reason: [1])
    #expect(target.code(for: .client) == 1_011)
    #expect(target.code(for: .upstream) == 1_008)
    #expect(target.reason(for: .client) == [])
    #expect(target.reason(for: .upstream) == [1])
  }
}
