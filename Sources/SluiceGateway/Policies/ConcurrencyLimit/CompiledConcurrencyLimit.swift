public import SluiceConfiguration
import SluiceReactor

extension Configuration.ConcurrencyLimit: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy {
    CompiledConcurrencyLimit(
      self,
      LimitTable.of(Self.policyName, by.text, budget: nil, capacity: maxKeys, context))
  }
}

/// Lets so many exchanges of a caller be under way at a time.
final class CompiledConcurrencyLimit: CompiledPolicy {
  private let limit: UInt64
  private let reader: LimitKeyReader
  private let cells: LimitCells
  private let refusal = PolicyRefusal(.concurrencyLimited)

  init(_ settings: Configuration.ConcurrencyLimit, _ table: LimitTable) {
    limit = UInt64(settings.limit)
    reader = LimitKeyReader(settings.by)
    cells = LimitCells(table)
  }

  override var phases: PolicyPhases { [.request, .end] }

  override func request(_ exchange: Exchange) -> PolicyOutcome {
    let entered = cells.withCell(reader.key(of: exchange), judge: InFlight()) {
      InFlight.enter($0, limit: limit)
    }
    guard let cell = entered.cell else { return .refuse(refusal) }
    // It is given back where it was taken, whatever has become of tables and settings by then.
    exchange.setNote(cell, of: self)
    return .next
  }

  override func finished(_ exchange: Exchange) {
    if let cell = exchange.note(of: self) as? LimitCell { InFlight.leave(cell) }
  }
}

/// A cell's first number as a count of what is under way. A cell in which anything is is never
/// forgotten.
struct InFlight: LimitJudge {
  /// The cell that was entered; nil when it is full.
  struct Entry { let cell: LimitCell? }

  func usage(of cell: LimitCell, first: UInt64) -> LimitUsage { first == 0 ? .none : .all }

  /// Nil when the cell is dead.
  static func enter(_ cell: LimitCell, limit: UInt64) -> Entry? {
    var count = cell.number(0)
    while true {
      if count == LimitCell.dead { return nil }
      if count >= limit { return Entry(cell: nil) }
      let found = cell.replace(0, count, by: count + 1)
      if found == count { return Entry(cell: cell) }
      count = found
    }
  }

  static func leave(_ cell: LimitCell) {
    var count = cell.number(0)
    while true {
      precondition(count != 0 && count != LimitCell.dead, "left more often than entered")
      let found = cell.replace(0, count, by: count - 1)
      if found == count { return }
      count = found
    }
  }
}
