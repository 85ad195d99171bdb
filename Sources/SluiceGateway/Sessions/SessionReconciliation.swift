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
  func reconcile(
    _ reconciliation: SessionReconciliation, former: Snapshot, closeRate: Int
  ) {
    if sessions.count == 0 { return }
    var routes: [String: CompiledRoute] = [:]
    for route in snapshot.routes where route.kind == .websocket { routes[route.name] = route }
    var closed: [HandlerToken] = []
    for session in sessions.all() {
      switch reconciliation.verdicts[session.route.name] {
      case .kept:
        if let route = routes[session.route.name] { session.adopt(route) }
      case .rechecked:
        if let route = routes[session.route.name] {
          session.recheck(route, snapshot, former: former)
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

extension Session {
  /// The same route as the new snapshot has it.
  func adopt(_ route: CompiledRoute) {
    precondition(route.session != nil, "a session's route is no websocket route")
    self.route = route
    applyRecorder()
    if settings.isInspected && inspection == nil {
      inspection = SessionInspection(settings, allowsRSV1: fromClient.follower.allowsRSV1)
    }
  }

  /// Would this session be let in now?
  func recheck(_ route: CompiledRoute, _ snapshot: Snapshot, former: Snapshot) {
    adopt(route)
    if machine.isEnding { return }
    if let origin = facts.origin,
      !settings.origins.allow(Array(origin.utf8).span, authority: facts.authority.span)
    {
      return end(SessionEnding(.policy, code: 1_008, policy: "origin"))
    }
    if let consumer, let consumers = snapshot.policies?.consumers {
      // Consumers that the file does not have come from tokens, and their trust ends by itself.
      if let groups = consumers.groups(of: consumer) {
        if let identity, identity.groups != groups { self.identity = identity.with(groups: groups) }
      } else if former.policies?.consumers.groups(of: consumer) != nil {
        return end(SessionEnding(.policy, code: 1_008, policy: "consumers"))
      }
    }
    let own = identity.flatMap { route.callerPolicies?.chain(for: $0) }
    for step in (own ?? route.policies)?.request ?? []
    where !step.policy.admits(identity, from: client) {
      return end(SessionEnding(.policy, code: 1_008, policy: step.name))
    }
    schedule()
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
