/// The cells that one worker knows, so that a known key costs neither a lock nor a shared reference
/// count.
///
/// It holds one reference to each cell from when it learns of it until it drops it; dead cells are
/// dropped when they are met and when the table grows, so that it never holds many more than the
/// shared table.
final class LimitCells {
  private struct Slot {
    var high: UInt64 = 0
    var low: UInt64 = 0
    // SAFETY: retained when it was put in here, released when it is taken out, or in deinit.
    var cell: Unmanaged<LimitCell>?
  }

  let table: LimitTable
  private var slots = [Slot](repeating: Slot(), count: 64)
  private(set) var count = 0

  init(_ table: LimitTable) { self.table = table }

  deinit { for slot in slots { slot.cell?.release() } }

  /// Calls `body` with the key's cell. When it returns nil the cell was dead, and is looked up again.
  func withCell<Result, Judge: LimitJudge>(
    _ key: LimitKey, judge: @autoclosure () -> Judge, _ body: (LimitCell) -> Result?
  ) -> Result {
    if let cell = slots[index(of: key)].cell,
      // SAFETY: this object's reference keeps the cell alive, and `body` can't reach this object.
      let result = cell._withUnsafeGuaranteedRef(body)
    {
      return result
    }
    while true {
      let cell = table.cell(for: key, judge: judge())
      if cell !== table.crowd { remember(key, cell) }
      if let result = body(cell) { return result }
    }
  }

  /// The key's slot, or the free one where it belongs.
  @inline(__always)
  private func index(of key: LimitKey) -> Int {
    let mask = slots.count &- 1
    var index = Int(truncatingIfNeeded: key.low) & mask
    while slots[index].cell != nil {
      if slots[index].low == key.low && slots[index].high == key.high { break }
      index = (index &+ 1) & mask
    }
    return index
  }

  private func remember(_ key: LimitKey, _ cell: LimitCell) {
    // SAFETY: released in `deinit`, here, or when it is dropped in `grow`.
    let reference = Unmanaged.passRetained(cell)
    var place = index(of: key)
    if let old = slots[place].cell {
      old.release()
      slots[place].cell = reference
      return
    }
    if (count + 1) * 2 > slots.count {
      grow()
      place = index(of: key)
    }
    slots[place] = Slot(high: key.high, low: key.low, cell: reference)
    count += 1
  }

  /// Drops the dead; a larger table only if the living need it.
  private func grow() {
    let former = slots
    // SAFETY: the slot's own reference keeps the cell alive.
    let living = former.filter { $0.cell.map { !$0._withUnsafeGuaranteedRef(\.isDead) } ?? false }
    count = living.count
    let size = count * 4 > former.count ? former.count * 2 : former.count
    slots = [Slot](repeating: Slot(), count: size)
    for slot in living {
      slots[index(of: LimitKey(high: slot.high, low: slot.low))] = slot
    }
    for slot in former {
      // SAFETY: as above; the dead ones' references end here.
      if let cell = slot.cell, cell._withUnsafeGuaranteedRef(\.isDead) { cell.release() }
    }
  }
}
