/// What the checks of policies ask about the rest of the file. Found once, in one walk: a file may have tens of
/// thousands of policies, and each of them asks.
struct PolicySurvey: Sendable {
  /// Somebody who is asked who calls may say groups, too, which the file need not name.
  private(set) var grantsGroups = false
  /// Groups that the file names or that a consumer is in; sorted.
  let groups: [String]
  let services: [String]
  /// What internal routes are internal to; sorted.
  let internalNames: [String]
  private let knownGroups: Set<String>
  private let knownInternalNames: Set<String>
  private let routesOfServices: [String: [String]]
  private var budgets: [BudgetName: [Count]] = [:]

  /// How one place counts for a budget.
  struct Count: Equatable, Sendable {
    /// All that has to be the same for those that count together.
    let manner: String
    /// What it counts by, for messages.
    let by: String
    let origin: PolicyOrigin
  }

  /// Budgets of different kinds of policies have nothing to do with each other.
  private struct BudgetName: Hashable {
    let kind: String
    let budget: String
  }

  init(_ configuration: Configuration) {
    knownGroups = configuration.consumers.values.reduce(into: Set(configuration.groups.keys)) {
      $0.formUnion($1.groups)
    }
    groups = knownGroups.sorted()
    services = configuration.services.keys.sorted()
    knownInternalNames = Set(configuration.routes.values.compactMap(\.match.internal))
    internalNames = knownInternalNames.sorted()
    routesOfServices = Dictionary(grouping: configuration.routes.keys.sorted()) {
      configuration.routes[$0]?.service ?? ""
    }
    for policy in configuration.everyPolicy { add(policy) }
  }

  private mutating func add(_ policy: EffectivePolicy) {
    if !grantsGroups, policy.settings.grantsGroups { grantsGroups = true }
    for use in policy.settings.budgetUses {
      let name = BudgetName(kind: policy.name, budget: use.budget)
      let counts = budgets[name] ?? []
      // Whoever looks for one that counts otherwise than itself finds it among the first two manners.
      if counts.count > 1 || counts.first?.manner == use.manner { continue }
      budgets[name] = counts + [Count(manner: use.manner, by: use.by, origin: policy.origin)]
    }
  }

  func hasGroup(_ name: String) -> Bool { knownGroups.contains(name) }

  func hasInternalRoutes(_ name: String) -> Bool { knownInternalNames.contains(name) }

  /// By name.
  func routes(ofService name: String) -> [String] { routesOfServices[name] ?? [] }

  /// A place that counts for the same budget, and not in the same manner.
  func otherCount(than use: BudgetUse, of kind: String) -> Count? {
    budgets[BudgetName(kind: kind, budget: use.budget)]?.first { $0.manner != use.manner }
  }
}

/// That a policy's settings, or one of their limits, count for a budget.
struct BudgetUse: Equatable, Sendable {
  let budget: String
  let manner: String
  let by: String
}

extension PolicySettings {
  /// In the order in which they are checked.
  var budgetUses: [BudgetUse] {
    switch self {
    case let quota as Configuration.Quota: quota.budgets
    case let limit as Configuration.RateLimit: limit.budgets
    case let limit as Configuration.ConcurrencyLimit: limit.budgets
    default: []
    }
  }
}

extension Configuration.Quota {
  fileprivate var budgets: [BudgetUse] {
    budget.map { [BudgetUse(budget: $0, manner: by.text, by: by.text)] } ?? []
  }
}

extension Configuration.RateLimit {
  fileprivate var budgets: [BudgetUse] {
    parts.compactMap { part in
      let windows = part.windows.map { "\($0.window.nanoseconds)" }.joined(separator: " ")
      return part.budget.map {
        BudgetUse(
          budget: $0, manner: "\(algorithm.rawValue) \(windows) \(part.by.text)", by: part.by.text)
      }
    }
  }
}

extension Configuration.ConcurrencyLimit {
  fileprivate var budgets: [BudgetUse] {
    parts.compactMap { part in
      part.budget.map { BudgetUse(budget: $0, manner: part.by.text, by: part.by.text) }
    }
  }
}
