import Testing

@testable import SluiceGateway

@Suite struct PingWindowTests {
  @Test func sizeStaysSmall() { #expect(MemoryLayout<PingWindow>.size == 2) }

  @Test func theLatestIsAnsweredOnce() {
    var pings = PingWindow()
    #expect(!pings.isAwaited && !pings.remembers(0) && !pings.remembers(1))
    let number = pings.send()
    #expect(pings.isAwaited && pings.remembers(number))
    #expect(!pings.remembers(number &+ 1) && !pings.remembers(number &- 1))
    #expect(pings.take(number) == .latest(isTimed: true))
    #expect(!pings.isAwaited && !pings.remembers(number))
  }

  @Test func lateAnswersAreKnownInTheirOrder() {
    var pings = PingWindow()
    let numbers = (0..<3).map { _ in pings.send() }
    #expect(numbers.allSatisfy { pings.remembers($0) })
    #expect(pings.take(numbers[0]) == .late)
    // That the end lives does not say that it has got the latest.
    #expect(pings.isAwaited && !pings.remembers(numbers[0]) && pings.remembers(numbers[1]))
    #expect(pings.take(numbers[2]) == .latest(isTimed: true))
    #expect(!pings.remembers(numbers[1]))
  }

  @Test func whatWasForgivenMayStillBeAnswered() {
    var pings = PingWindow()
    let first = pings.send()
    pings.isAwaited = false
    #expect(pings.remembers(first))
    let second = pings.send()
    #expect(pings.take(first) == .late && pings.take(second) == .latest(isTimed: true))
  }

  @Test func dataInThePlaceOfAPingHasNoRoundTrip() {
    var pings = PingWindow()
    let number = pings.send()
    pings.skip(isAwaited: true)
    #expect(pings.isAwaited)
    #expect(pings.take(number) == .latest(isTimed: false))
    #expect(pings.take(pings.send()) == .latest(isTimed: true))
  }

  @Test func aPingThatIsPutOffIsNotWaitedFor() {
    var pings = PingWindow()
    let number = pings.send()
    pings.isAwaited = false
    pings.skip(isAwaited: false)
    #expect(!pings.isAwaited)
    #expect(pings.take(number) == .latest(isTimed: false))
  }

  /// Numbers go round; what is remembered stays bounded, and nothing else is taken for it.
  @Test func asManyAsTheBoundAreRemembered() {
    var pings = PingWindow()
    var numbers: [UInt8] = []
    for count in 1...600 {
      numbers.append(pings.send())
      let remembered = (UInt8.min...UInt8.max).filter { pings.remembers($0) }
      #expect(remembered.count == min(count, Int(PingWindow.maxRemembered)))
      #expect(Set(remembered) == Set(numbers.suffix(Int(PingWindow.maxRemembered))))
    }
  }
}
