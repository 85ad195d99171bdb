extension Span<UInt8> {
  /// The part of `range` without the spaces and tabs at its ends (RFC 9110 5.6.3).
  func withoutBlanks(_ range: Range<Int>) -> Range<Int> {
    var (start, end) = (range.lowerBound, range.upperBound)
    while start < end, isBlank(start) { start += 1 }
    while end > start, isBlank(end - 1) { end -= 1 }
    return start..<end
  }

  private func isBlank(_ index: Int) -> Bool { self[index] == 0x20 || self[index] == 0x09 }
}
