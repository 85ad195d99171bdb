/// Where something lies in a head's bytes. Sixteen bits suffice: no head exceeds 65,535 bytes.
public struct ByteRange: Equatable, Sendable {
  public var start: UInt16
  public var count: UInt16

  public init(start: UInt16, count: UInt16) {
    self.start = start
    self.count = count
  }

  /// `lower` and `upper` must lie within a head.
  @inline(__always)
  init(_ lower: Int, _ upper: Int) {
    start = UInt16(truncatingIfNeeded: lower)
    count = UInt16(truncatingIfNeeded: upper &- lower)
  }

  public static var empty: ByteRange { ByteRange(start: 0, count: 0) }

  @inlinable public var isEmpty: Bool { count == 0 }

  @inlinable public var range: Range<Int> {
    // Sums of two 16-bit numbers: never out of order.
    Range(uncheckedBounds: (Int(start), Int(start) &+ Int(count)))
  }
}
