import SluiceReactor
import Testing

@testable import SluiceGateway

/// How long a target by HTTP/2 may take nothing, in simulated time.
@Suite struct HTTP2TargetPatienceTests {
  private let second: Int64 = 1_000_000_000

  private func at(seconds: Double) -> MonotonicTime {
    MonotonicTime(nanoseconds: 0).advanced(byNanoseconds: Int64(seconds * Double(second)))
  }

  private func patience(_ exchanges: (isSession: Bool, seconds: Int64)...) -> HTTP2TargetPatience {
    var patience = HTTP2TargetPatience()
    for exchange in exchanges {
      patience.exchangeBegan(isSession: exchange.isSession, timeout: exchange.seconds * second)
    }
    return patience
  }

  /// The deadline of what waits from now on, in seconds.
  private func limit(_ patience: HTTP2TargetPatience) -> Int64 {
    var patience = patience
    return patience.waits(now: at(seconds: 100)).nanoseconds(since: at(seconds: 100)) / second
  }

  @Test func aRequestsPatienceIsTheLastOnes() {
    #expect(limit(patience((false, 5))) == 5)
    #expect(limit(patience((false, 60), (false, 5))) == 5)
    #expect(limit(patience((false, 5), (false, 60))) == 60)
  }

  @Test func aSessionIsWaitedForAsLongAsAHandshakeAtLeast() {
    #expect(HTTP2TargetPatience.session == 30 * second)
    #expect(limit(patience((true, 5))) == 30)
    #expect(limit(patience((true, 90))) == 90)
    // Whatever requests come before it, or behind.
    #expect(limit(patience((false, 1), (true, 5))) == 30)
    #expect(limit(patience((true, 5), (false, 1))) == 30)
    #expect(limit(patience((true, 5), (false, 60), (false, 1))) == 60)
  }

  @Test func whoTakesNothingIsCutOffThenAndNotEarlier() {
    var patience = patience((true, 5))
    #expect(!patience.isOver(now: at(seconds: 1_000)))
    #expect(patience.waits(now: at(seconds: 10)) == at(seconds: 40))
    #expect(!patience.isOver(now: at(seconds: 39.999)))
    #expect(patience.isOver(now: at(seconds: 40)))
  }

  @Test func whoTakesALittleHasItsTimeAnew() {
    var patience = patience((true, 5))
    for turn in 0..<120 {
      let now = at(seconds: Double(turn) * 29)
      #expect(turn == 0 || !patience.isOver(now: now))
      #expect(patience.waits(now: now) == now.advanced(byNanoseconds: 30 * second))
    }
    patience.drained()
    #expect(patience.deadline == .distantFuture)
    #expect(!patience.isOver(now: at(seconds: 1_000_000)))
  }

  /// The request that stalled may give up; the session behind it has its own time.
  @Test func aSessionThatBeginsBehindAStalledRequestIsNotCutOffByIt() {
    var patience = patience((false, 1))
    _ = patience.waits(now: at(seconds: 0))
    patience.exchangeBegan(isSession: true, timeout: 5 * second)
    #expect(!patience.isOver(now: at(seconds: 29.999)))
    #expect(patience.isOver(now: at(seconds: 30)))
  }

  @Test func anImpatientRequestTakesNoTimeFromThoseWhoWait() {
    var patience = patience((false, 60))
    _ = patience.waits(now: at(seconds: 0))
    patience.exchangeBegan(isSession: false, timeout: second)
    #expect(!patience.isOver(now: at(seconds: 59)))
    #expect(patience.isOver(now: at(seconds: 60)))
    // It counts from what is taken next.
    #expect(patience.waits(now: at(seconds: 50)) == at(seconds: 51))
  }

  @Test func whoIsHeardIsNotSilent() {
    var patience = patience((true, 5))
    patience.heard(now: at(seconds: 10))
    // For a caller that began before, the time counts from what came last.
    #expect(!patience.isSilent(since: at(seconds: 2), for: 5 * second, now: at(seconds: 14.999)))
    #expect(patience.isSilent(since: at(seconds: 2), for: 5 * second, now: at(seconds: 15)))
    #expect(!patience.isSilent(since: at(seconds: 12), for: 5 * second, now: at(seconds: 16.999)))
    #expect(patience.isSilent(since: at(seconds: 12), for: 5 * second, now: at(seconds: 17)))
    // For a ping, whatever came after it.
    #expect(!patience.isSilent(since: at(seconds: 9.999)))
    #expect(patience.isSilent(since: at(seconds: 10)))
  }
}
