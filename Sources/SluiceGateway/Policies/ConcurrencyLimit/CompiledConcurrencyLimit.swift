public import SluiceConfiguration
import SluiceReactor

extension Configuration.ConcurrencyLimit: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy {
    CompiledConcurrencyLimit(
      parts.map { part in
        let table = LimitTable.of(
          Self.policyName, part.by.text, budget: part.budget, capacity: maxKeys, context)
        return (part, table)
      }, keepsSessions: sessions)
  }
}

/// Lets so many exchanges of a caller be under way at a time.
final class CompiledConcurrencyLimit: CompiledPolicy {
  private struct Part {
    let limit: UInt64
    let reader: LimitKeyReader
    let cells: LimitCells
  }

  private let parts: [Part]
  /// Whether a session goes on holding the places of its handshake.
  private let keepsSessions: Bool
  private let refusal = PolicyRefusal(.concurrencyLimited)

  /// The cells that an exchange entered, where it is more than one.
  private final class Entered {
    var cells: [LimitCell] = []

    func leave() {
      for cell in cells { InFlight.leave(cell) }
      cells = []
    }
  }

  init(
    _ parts: [(settings: Configuration.ConcurrencyLimit.Other, table: LimitTable)],
    keepsSessions: Bool
  ) {
    self.parts = parts.map {
      Part(
        limit: UInt64($0.settings.limit), reader: LimitKeyReader($0.settings.by),
        cells: LimitCells($0.table))
    }
    self.keepsSessions = keepsSessions
  }

  override var phases: PolicyPhases { [.request, .end] }

  override func request(_ exchange: Exchange) -> PolicyOutcome {
    if parts.count > 1 { return enterAll(exchange) }
    guard let cell = Self.enter(parts[0], exchange) else { return .refuse(refusal) }
    // It is given back where it was taken, whatever has become of tables and settings by then.
    if isOfSession(exchange) {
      exchange.hold(exchange.worker.admission.ticket(holding: cell))
    } else {
      exchange.setNote(cell, of: self)
    }
    return .next
  }

  /// Where such a session looks for another target nobody asks again: it holds its places already.
  private func isOfSession(_ exchange: Exchange) -> Bool {
    keepsSessions && exchange.wantsUpgrade && exchange.route?.session != nil
  }

  private static func enter(_ part: Part, _ exchange: Exchange) -> LimitCell? {
    part.cells.withCell(part.reader.key(of: exchange), judge: InFlight()) {
      InFlight.enter($0, limit: part.limit)
    }.cell
  }

  /// All of them, or none.
  private func enterAll(_ exchange: Exchange) -> PolicyOutcome {
    let entered = Entered()
    for part in parts {
      guard let cell = Self.enter(part, exchange) else {
        entered.leave()
        return .refuse(refusal)
      }
      entered.cells.append(cell)
    }
    if isOfSession(exchange) {
      for cell in entered.cells { exchange.hold(exchange.worker.admission.ticket(holding: cell)) }
    } else {
      exchange.setNote(entered, of: self)
    }
    return .next
  }

  override func finished(_ exchange: Exchange) {
    switch exchange.note(of: self) {
    case let cell as LimitCell: InFlight.leave(cell)
    case let entered as Entered: entered.leave()
    default: break
    }
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
