/// The numbers of streams that a caller has left out (RFC 9113 5.1.1): whoever opens stream 7 has given up the
/// lower ones that it has not opened. Pure.
///
/// Callers count in twos, so there is mostly nothing to remember. Of a caller that leaves out again and again
/// the latest gaps are known; a number from a forgotten one is passed over as one of a stream that has ended.
struct HTTP2StreamNumbers {
  private var next: UInt32 = 1
  private var gaps: [ClosedRange<UInt32>] = []

  /// Gaps that are remembered.
  static let maxGaps = 8

  /// A HEADERS frame names this stream. False when its number has gone by without being used. Numbers that
  /// no caller may use at all are somebody else's to refuse.
  mutating func use(_ number: UInt32) -> Bool {
    if number < next { return !gaps.contains { $0.contains(number) } }
    if number & 1 == 0 { return true }
    if number > next {
      if gaps.count == Self.maxGaps { gaps.removeFirst() }
      gaps.append(next...(number - 1))
    }
    // The largest number is 2^31 - 1.
    next = number + 2
    return true
  }
}
