/// A doubly linked list of slab slots: removal from anywhere in O(1), no allocation once it has grown
/// to the slab's size. A slab may have several; each slot is at most once in each.
struct SlotList: Sendable {
  private struct Link: Sendable {
    /// Towards `first`; `none` at the end, `unlinked` when not in the list.
    var previous: Int32
    var next: Int32
  }

  private static let none: Int32 = -1
  private static let unlinked: Int32 = -2

  private var links: [Link] = []
  private var head = Self.none
  private var tail = Self.none
  private(set) var count = 0

  init() {}

  var isEmpty: Bool { count == 0 }
  var first: Int? { head == Self.none ? nil : Int(head) }
  var last: Int? { tail == Self.none ? nil : Int(tail) }

  func contains(_ slot: Int) -> Bool {
    slot < links.count && links[slot].previous != Self.unlinked
  }

  /// The one before `slot`, nearer to `first`.
  func slot(before slot: Int) -> Int? {
    let previous = links[slot].previous
    return previous < 0 ? nil : Int(previous)
  }

  mutating func append(_ slot: Int) {
    assert(!contains(slot))
    while links.count <= slot { links.append(Link(previous: Self.unlinked, next: Self.none)) }
    links[slot] = Link(previous: tail, next: Self.none)
    if tail == Self.none { head = Int32(slot) } else { links[Int(tail)].next = Int32(slot) }
    tail = Int32(slot)
    count &+= 1
  }

  mutating func remove(_ slot: Int) {
    assert(contains(slot))
    let link = links[slot]
    if link.previous == Self.none {
      head = link.next
    } else {
      links[Int(link.previous)].next = link.next
    }
    if link.next == Self.none {
      tail = link.previous
    } else {
      links[Int(link.next)].previous = link.previous
    }
    links[slot] = Link(previous: Self.unlinked, next: Self.none)
    count &-= 1
  }
}
