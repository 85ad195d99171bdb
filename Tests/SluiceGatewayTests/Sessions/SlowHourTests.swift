import SluiceReactor
import SluiceWire
import Testing

@testable import SluiceGateway

/// An hour of simulated time with readers that never catch up, and with floods: what is kept for them is
/// bounded all the while.
@Suite struct SlowHourTests {
  private static let hour = 3_600

  /// Quotes of many symbols come faster than the caller reads them.
  @Test(arguments: [
    (dropsOldest: true, hasKeys: false), (dropsOldest: true, hasKeys: true),
    (dropsOldest: false, hasKeys: false), (dropsOldest: false, hasKeys: true),
  ])
  func whatWaitsForASlowReaderIsBounded(_ rule: (dropsOldest: Bool, hasKeys: Bool)) {
    let limits = MessageQueue.Limits(
      dropsNewest: !rule.dropsOldest, dropsOldest: rule.dropsOldest, maxBytes: 64 * 1_024,
      maxKeys: 100)
    var random = SplitMix64(seed: 11)
    var queue = MessageQueue()
    // What the kernel did not take of the frame before.
    var inSocket = 0
    var (sent, arrived, dropped, mostBytes, mostSlots) = (0, 0, 0, 0, 0)
    for _ in 0..<Self.hour {
      for _ in 0..<60 {
        let symbol = UInt8(random.next() % 150)
        let frame = [UInt8](repeating: symbol, count: 40 + Int(random.next() % 2_000))
        sent += 1
        switch queue.add(
          frame, key: rule.hasKeys ? [symbol] : nil, limits: limits, elsewhere: inSocket)
        {
        case .waits: break
        case .replaced, .refused: dropped += 1
        }
        while queue.takeSurplus(limits, elsewhere: inSocket) != nil { dropped += 1 }
        mostBytes = max(mostBytes, queue.bytes + inSocket)
        mostSlots = max(mostSlots, queue.slots)
      }
      var room = 8 * 1_024
      while room > 0 {
        let taken = min(room, inSocket)
        inSocket -= taken
        room -= taken
        if inSocket > 0 { break }
        guard let next = queue.takeFirst() else { break }
        arrived += 1
        inSocket = next.count
      }
    }
    // A value that takes its key's place may be longer than the one that was counted.
    let growth = !rule.dropsOldest && rule.hasKeys ? 150 * 2_040 : 0
    #expect(mostBytes <= limits.maxBytes + 2_040 + growth)
    #expect(mostSlots < 8 * 1_024)
    #expect(sent == arrived + dropped + queue.count)
    #expect(arrived > Self.hour * 3 && dropped > Self.hour * 20)
  }

  /// Pings, pongs and empty fragments in any pattern: not more than the allowance passes.
  @Test func aFloodOfControlFramesPassesOnlyAtItsRate() {
    let second: Int64 = 1_000_000_000
    let rate = MessageRate(100, per: second, burst: 100)
    var cell = MonotonicTime(nanoseconds: 0)
    var random = SplitMix64(seed: 5)
    var now = MonotonicTime(nanoseconds: 0).advanced(byNanoseconds: second)
    let start = now
    var passed = 0
    while now.nanoseconds(since: start) < Int64(Self.hour) * second {
      // Bursts and rests.
      for _ in 0..<Int(random.next() % 400) where rate.allows(1, cell, now: now) {
        rate.take(1, &cell, now: now)
        passed += 1
      }
      now = now.advanced(byNanoseconds: Int64(random.next() % UInt64(second)))
    }
    let elapsed = Int(now.nanoseconds(since: start) / second)
    #expect(passed <= 100 * (elapsed + 1) && passed > 50 * elapsed)
  }

  /// A target that sends a byte a second, in frames that never seem to end, costs what any other does.
  @Test func framesThatTakeForeverAreHeldNowhere() throws {
    var follower = WebSocketFrameFollower(from: .server, allowsRSV1: false)
    var scratch = ByteBuffer()
    // One binary message of an hour's bytes, with a ping between its frames now and then.
    var (passed, controls) = (0, 0)
    for _ in 0..<Self.hour / 60 {
      let frame: [UInt8] =
        [0x02 & (passed == 0 ? 0xFF : 0x00), 50] + [UInt8](repeating: 7, count: 50)
      let ping: [UInt8] = [0x89, 6] + [UInt8](repeating: 1, count: 6)
      for byte in frame + ping {
        let piece = [byte]
        switch try follower.next(
          piece.span, from: 0, maxSize: 1 << 20, scratch: &scratch, stopsAtFrames: false)
        {
        case .relay(let range, _): passed += range.count
        case .relayHeld(let held, let range, _): passed += held.span.count + range.count
        case .control: controls += 1
        case .needsMore: break
        }
      }
      #expect(scratch.count <= 125)
    }
    #expect(controls == Self.hour / 60)
    #expect(passed == 52 * (Self.hour / 60))
  }
}
