import Synchronization

/// What is counted for one key: up to six numbers of 64 bits, shared by all workers and changed by
/// compare-and-swap alone.
///
/// What a number means is its rule's business; 0 is always "nothing counted". A cell that its table
/// has forgotten is dead: its first number says so, for good, so that nobody counts in it any more.
/// Every number stands for itself, hence all accesses are relaxed.
final class LimitCell: Sendable {
  static let mostNumbers = 6
  /// No rule's number.
  static let dead = UInt64.max

  private let first = Atomic<UInt64>(0)
  private let second = Atomic<UInt64>(0)
  private let third = Atomic<UInt64>(0)
  private let fourth = Atomic<UInt64>(0)
  private let fifth = Atomic<UInt64>(0)
  private let sixth = Atomic<UInt64>(0)

  var isDead: Bool { first.load(ordering: .relaxed) == Self.dead }

  @inline(__always)
  func number(_ index: Int) -> UInt64 {
    switch index {
    case 0: first.load(ordering: .relaxed)
    case 1: second.load(ordering: .relaxed)
    case 2: third.load(ordering: .relaxed)
    case 3: fourth.load(ordering: .relaxed)
    case 4: fifth.load(ordering: .relaxed)
    default: sixth.load(ordering: .relaxed)
    }
  }

  /// Sets a number if it is `expected`; returns what it was.
  @inline(__always)
  func replace(_ index: Int, _ expected: UInt64, by number: UInt64) -> UInt64 {
    switch index {
    case 0: Self.replace(first, expected, by: number)
    case 1: Self.replace(second, expected, by: number)
    case 2: Self.replace(third, expected, by: number)
    case 3: Self.replace(fourth, expected, by: number)
    case 4: Self.replace(fifth, expected, by: number)
    default: Self.replace(sixth, expected, by: number)
    }
  }

  @inline(__always)
  private static func replace(
    _ place: borrowing Atomic<UInt64>, _ expected: UInt64, by number: UInt64
  ) -> UInt64 {
    place.compareExchange(expected: expected, desired: number, ordering: .relaxed).original
  }
}

/// How much of its limits a cell has used; decides who is forgotten when room is needed.
enum LimitUsage: Equatable {
  /// Forgetting it changes nothing.
  case none
  /// In thousandths, of the limit of which most is used.
  case some(UInt64)
  /// Must not be forgotten.
  case all
}

/// Tells a table what the numbers of its cells mean.
protocol LimitJudge {
  /// `first` is the cell's first number; the others are read from it.
  func usage(of cell: LimitCell, first: UInt64) -> LimitUsage
}
