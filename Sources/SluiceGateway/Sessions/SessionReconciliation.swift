public import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// What a change of the configuration means for live sessions, route by route. `plan` tells it and a
/// reload does it, from this one table.
public struct SessionReconciliation: Sendable, Equatable {
  public enum Verdict: String, Sendable {
    /// Nothing that concerns them has changed: not touched.
    case kept
    /// Their route, its policies or the consumers have changed: they live on if they would be let in
    /// now, under the new settings.
    case rechecked
    /// Their route is gone, or no `websocket` route any more: closed one after the other.
    case closed
  }

  /// By name, for every `websocket` route of the configuration before.
  public let verdicts: [String: Verdict]

  public init(from old: Configuration, to new: Configuration) {
    let changesAll =
      old.policies != new.policies || old.consumers != new.consumers || old.groups != new.groups
    var verdicts: [String: Verdict] = [:]
    for (name, route) in old.routes where route.kind == .websocket {
      guard var next = new.routes[name], next.kind == .websocket else {
        verdicts[name] = .closed
        continue
      }
      // The place in the file is no setting.
      next.order = route.order
      let servicePolicies = (
        old.services[route.service]?.policies, new.services[next.service]?.policies
      )
      let isChanged = changesAll || next != route || servicePolicies.0 != servicePolicies.1
      verdicts[name] = isChanged ? .rechecked : .kept
    }
    self.verdicts = verdicts
  }
}

extension Worker {
  /// Brings the live sessions in line with the snapshot that was just put in force.
  func reconcile(_ reconciliation: SessionReconciliation, closeRate: Int) {
    if sessions.count == 0 { return }
    let routes = snapshot.sessionRoutes
    var closed: [HandlerToken] = []
    for session in sessions.all() {
      switch reconciliation.verdicts[session.route.name] {
      case .kept:
        if let route = routes[session.route.name] { session.adopt(route) }
      case .rechecked:
        if let route = routes[session.route.name] {
          session.recheck(route)
        }
      case .closed, nil: closed.append(session.token)
      }
    }
    if closed.isEmpty { return }
    SessionCloser(
      closed, SessionEnding(.routeRemoved, code: 1_012), perSecond: closeRate / workerCount, loop
    ).begin()
  }
}

extension Worker {
  /// A published set of keys has lost some, or has others: what rests on what is gone ends, and who was
  /// silenced may speak if it is there again.
  func keysChanged() {
    if sessions.count == 0 { return }
    _ = SessionWalk(
      self, SessionFilter(), [HandlerToken](),
      visit: { session, found in
        if session.machine.isEnding { return }
        if session.lacksItsKey || session.inspection?.isBarred == true {
          found.append(session.token)
        }
      },
      done: { [self] found in
        // In the order of the registry, which is none.
        for token in found {
          guard let session = loop.handler(token) as? Session, !session.machine.isEnding else {
            continue
          }
          session.deny(session.objection(session.route.consumers))
        }
      })
  }
}

extension Session {
  /// The same route as the new snapshot has it.
  func adopt(_ route: CompiledRoute) {
    precondition(route.session != nil, "a session's route is no websocket route")
    self.route = route
    applyRecorder()
    adoptLimits()
    if settings.isInspected && inspection == nil {
      inspection = SessionInspection(settings, allowsRSV1: fromClient.follower.allowsRSV1)
    }
    updatePolicies()
  }

  /// Route or identity have changed.
  func updatePolicies() {
    guard let inspection else { return }
    inspection.policies = SessionPolicies(of: self, former: inspection.policies)
  }

  /// Would this session be let in now?
  func recheck(_ route: CompiledRoute) {
    let former = self.route.consumers
    adopt(route)
    if machine.isEnding { return }
    let policy = objection(former)
    updatePolicies()
    deny(policy)
  }

  /// Ends or silences the session if there is a policy that would not let it in, and lets it speak again if
  /// there is none.
  func deny(_ policy: String?) {
    if settings.onDenial == .refuse, let inspection {
      inspection.isBarred = policy != nil
      barredWithoutTarget()
      if machine.isEnding { return }
    } else if let policy {
      return end(SessionEnding(.policy, code: 1_008, policy: policy))
    }
    schedule()
  }

  /// What would not let the session in now. Its groups are those of the file afterwards.
  func objection(_ former: ConsumerDirectory?) -> String? {
    let lost = route.consumers.flatMap { follow($0, former) }
    if let origin = facts.origin,
      !settings.origins.allow(Array(origin.utf8).span, authority: facts.authority.span)
    {
      return "origin"
    }
    return lost ?? refusing()
  }

  /// What is in force for its caller.
  private var chain: PolicyChain? {
    identity.flatMap { route.callerPolicies?.chain(for: $0) } ?? route.policies
  }

  /// Whether a key that proved who calls is none of the route's any more.
  var lacksItsKey: Bool {
    guard isProved(by: { $0.proof.key != nil }), let stage = chain?.identifyStage else {
      return false
    }
    return isProved(by: { !stage.vouches(for: $0) })
  }

  /// The policy that would not let the session in now.
  func refusing() -> String? {
    guard let chain else { return nil }
    return chain.request.first { !$0.policy.admits(identity, from: client) }.map(chain.name(of:))
  }

  /// Takes over the consumer's groups as the file has them now. What the session can't live without
  /// any more, if that is gone.
  private func follow(_ consumers: ConsumerDirectory, _ former: ConsumerDirectory?) -> String? {
    if let identity, let consumer {
      let before = former?.groups(of: consumer)
      if let groups = consumers.groups(of: consumer) {
        inspection?.lacksConsumer = false
        // What a token or a service gave on top stays.
        let granted = identity.groups.filter {
          !groups.contains($0) && !(before ?? []).contains($0)
        }
        if identity.groups != groups + granted {
          self.identity = identity.with(groups: groups + granted)
        }
      } else if let before {
        // Those that the file never had came from tokens, and their trust ends by itself. A consumer that
        // comes back does not bring the groups that it had.
        self.identity = identity.with(groups: identity.groups.filter { !before.contains($0) })
        inspection?.lacksConsumer = true
        return "consumers"
      } else if inspection?.lacksConsumer == true {
        return "consumers"
      }
    }
    return isProved(by: { !consumers.has($0) }) || lacksItsKey ? "credentials" : nil
  }
}

/// Ends sessions one after the other, so that their callers do not all come back at once.
final class SessionCloser: EventHandler {
  /// Those still to be closed.
  private var waiting: ArraySlice<HandlerToken>
  private let ending: SessionEnding
  private var pace: Pace
  private var began: MonotonicTime

  private static let tickNanoseconds: Int64 = 20_000_000

  init(_ sessions: [HandlerToken], _ ending: SessionEnding, perSecond: Int, _ loop: EventLoop) {
    waiting = sessions[...]
    self.ending = ending
    pace = Pace(perSecond: perSecond)
    began = loop.now
    super.init(loop: loop)
    loop.register(self)
  }

  func begin() { deadlineReached() }

  override func deadlineReached() {
    for _ in 0..<pace.due(afterNanoseconds: loop.now.nanoseconds(since: began)) {
      guard let token = waiting.popFirst() else { break }
      // It may have ended by itself.
      (loop.handler(token) as? Session)?.end(ending)
    }
    if waiting.isEmpty { return loop.unregister(self) }
    setDeadline(afterNanoseconds: Self.tickNanoseconds)
  }
}
