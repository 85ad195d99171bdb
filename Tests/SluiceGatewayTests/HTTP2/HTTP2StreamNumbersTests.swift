import SluiceReactor
import Testing

@testable import SluiceGateway

@Suite struct HTTP2StreamNumbersTests {
  private func uses(_ numbers: [UInt32]) -> [Bool] {
    var machine = HTTP2StreamNumbers()
    return numbers.map { machine.use($0) }
  }

  @Test func whoCountsInTwosLeavesNothingOut() {
    #expect(uses([1, 3, 5, 3, 1, 5, 7]).allSatisfy { $0 })
  }

  @Test func whatWasLeftOutStaysSo() {
    #expect(uses([5, 1]) == [true, false])
    #expect(
      uses([1, 9, 3, 7, 5, 1, 9, 11]) == [true, true, false, false, false, true, true, true])
  }

  /// The library refuses them.
  @Test func evenNumbersAreNobodysGap() { #expect(uses([1, 2, 3, 4, 5]).allSatisfy { $0 }) }

  @Test func theLargestNumber() {
    #expect(uses([0x7FFF_FFFF, 0x7FFF_FFFD, 0x7FFF_FFFF]) == [true, false, true])
  }

  @Test func theLatestGapsAreKnown() {
    var machine = HTTP2StreamNumbers()
    let count = UInt32(HTTP2StreamNumbers.maxGaps)
    for gap in 0...count { #expect(machine.use(3 + 4 * gap) == true) }
    // The first one is forgotten.
    #expect(machine.use(1) == true)
    for gap in 1...count { #expect(machine.use(1 + 4 * gap) == false) }
  }

  /// Against a set of all numbers.
  @Test func anySequence() {
    var generator = SplitMix64(seed: 11)
    for _ in 0..<300 {
      var machine = HTTP2StreamNumbers()
      var used: Set<UInt32> = []
      for _ in 0..<6 {
        let number = UInt32(generator.next() % 12) * 2 + 1
        let isFine = used.contains(number) || number > used.max() ?? 0
        #expect(machine.use(number) == isFine)
        if !isFine { break }
        used.insert(number)
      }
    }
  }
}
