/// A policy of the stage `identify`: finds a credential and says whose it is.
open class IdentifyPolicy: CompiledPolicy {
  /// What this policy finds.
  open func identify(_ exchange: Exchange) -> IdentifyOutcome { .absent }

  /// `WWW-Authenticate` and the like, for the 401 of a request without credentials.
  open var challenges: [FieldLine] { [] }
}

public enum IdentifyOutcome {
  /// The request has no credential of this kind.
  case absent
  case known(Identity)
  /// It has one, and it is not good.
  case refused(PolicyRefusal)
  /// Only as what `exchange.waitToIdentify` returned.
  case wait
}

/// All policies of the stage `identify` of a chain, as one step.
final class IdentifyStage: CompiledPolicy {
  private let members: [IdentifyPolicy]
  private let nobody: PolicyRefusal

  init(_ policies: [CompiledPolicy]) {
    members = policies.compactMap { $0 as? IdentifyPolicy }
    nobody = PolicyRefusal(
      .unauthorized, detail: "The request has no credentials.",
      fields: members.flatMap(\.challenges))
  }

  override func request(_ exchange: Exchange) -> PolicyOutcome { goOn(exchange, from: 0) }

  /// Asks the members from this one on.
  func goOn(_ exchange: Exchange, from start: Int) -> PolicyOutcome {
    var index = start
    while index < members.count {
      exchange.identifyPosition = index
      if let outcome = take(members[index].identify(exchange), exchange) { return outcome }
      index += 1
    }
    return .refuse(nobody)
  }

  /// Nil when the next member is to be asked.
  private func take(_ outcome: IdentifyOutcome, _ exchange: Exchange) -> PolicyOutcome? {
    switch outcome {
    case .absent: return nil
    case .refused(let refusal): return .refuse(refusal)
    case .wait: return .wait
    case .known(let identity):
      exchange.identity = identity
      return .next
    }
  }

  /// A member that waited knows.
  func resumed(_ outcome: IdentifyOutcome, _ exchange: Exchange) -> PolicyOutcome {
    take(outcome, exchange) ?? goOn(exchange, from: exchange.identifyPosition + 1)
  }
}
