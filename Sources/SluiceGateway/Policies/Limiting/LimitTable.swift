import SluiceReactor

/// The cells of one limit by key, shared by all workers and kept over reloads.
///
/// Asked only when a worker meets a key that it does not know; see `LimitCells`. A full table makes
/// room by killing a cell, at best one in which nothing is counted. Who is at a limit is never
/// forgotten: when all that were looked at are, the new key counts in one cell with all others that
/// found no room.
final class LimitTable: Sendable {
  private struct Entries: ~Copyable {
    var list: [(key: LimitKey, cell: LimitCell)] = []
    var indices: [LimitKey: Int] = [:]
    var capacity: Int
    /// Where the last search for room ended.
    var hand = 0
  }

  private let entries: Locked<Entries>
  /// Of all keys for which there is no room; never dies.
  let crowd = LimitCell()

  /// Cells that are looked at to make room for one.
  private static let candidates = 32

  init(capacity: Int) { entries = Locked(Entries(capacity: capacity)) }

  var count: Int { entries.withLock { $0.list.count } }

  /// Holds for keys that come later.
  func setCapacity(_ capacity: Int) { entries.withLock { $0.capacity = capacity } }

  /// The living cell of a key, or `crowd`. The judge says who may be forgotten.
  func cell(for key: LimitKey, judge: some LimitJudge) -> LimitCell {
    entries.withLock { entries in
      if let index = entries.indices[key] { return entries.list[index].cell }
      // After the capacity was lowered there are too many for a while.
      while entries.list.count > entries.capacity {
        guard let index = Self.makeRoom(&entries, judge) else { return crowd }
        Self.remove(index, &entries)
      }
      let cell = LimitCell()
      if entries.list.count < entries.capacity {
        entries.indices[key] = entries.list.count
        entries.list.append((key, cell))
      } else {
        guard let index = Self.makeRoom(&entries, judge) else { return crowd }
        entries.indices[entries.list[index].key] = nil
        entries.indices[key] = index
        entries.list[index] = (key, cell)
      }
      return cell
    }
  }

  private static func remove(_ index: Int, _ entries: inout Entries) {
    entries.indices[entries.list[index].key] = nil
    let last = entries.list.removeLast()
    if index < entries.list.count {
      entries.list[index] = last
      entries.indices[last.key] = index
    }
  }

  /// The place of a cell that was killed; nil when none may be.
  private static func makeRoom(_ entries: inout Entries, _ judge: some LimitJudge) -> Int? {
    var best: (index: Int, first: UInt64, used: UInt64)?
    for _ in 0..<min(candidates, entries.list.count) {
      entries.hand = (entries.hand + 1) % entries.list.count
      let cell = entries.list[entries.hand].cell
      let first = cell.number(0)
      switch judge.usage(of: cell, first: first) {
      case .none: if kill(cell, first) { return entries.hand }
      case .some(let used):
        if used < best?.used ?? .max { best = (entries.hand, first, used) }
      case .all: continue
      }
    }
    guard let best, kill(entries.list[best.index].cell, best.first) else { return nil }
    return best.index
  }

  /// False when somebody has counted in it meanwhile.
  private static func kill(_ cell: LimitCell, _ first: UInt64) -> Bool {
    cell.replace(0, first, by: LimitCell.dead) == first
  }
}
