import SluiceReactor
import SluiceWire

/// One WebSocket peer with identity: what an exchange becomes at its 101.
///
/// It owns both sockets, follows the frames both ways, and ends for exactly one cause. Its one
/// deadline is the earliest of idle timeout, pings, lifetime, expiry and the end of a closing
/// handshake. Everything happens on its worker's thread; an idle session owns itself, two sockets
/// and its facts, and no buffer (docs/internals/memory-per-connection.md).
final class Session: EventHandler {
  let id: SessionID
  let worker: Worker
  let listener: HTTPListener
  /// Where the caller really is, behind trusted proxies; zero for a Unix socket.
  private let clientAddress: IPAddress
  /// The other end of the caller's connection, which counts there.
  private let peerAddress: IPAddress
  /// Replaced when a reload changed it.
  var route: CompiledRoute
  private(set) var target: UpstreamTarget
  private(set) var service: UpstreamService
  private var attempt: TargetAttempt?
  /// Replaced when a reload changed the consumer's groups.
  var identity: Identity?
  private(set) var facts: SessionFacts
  var links = SessionLinks()
  private var admission: SessionTicket?

  let downstream: SessionSocket
  /// Another one after every reconnection; closed while there is no target.
  private(set) var upstream: SessionSocket
  var fromClient: SessionFlow
  var fromUpstream: SessionFlow
  let opened: MonotonicTime
  /// When anything passed, but for the gateway's own pings and their pongs.
  var lastActivity: MonotonicTime
  let lifetimeEnd: MonotonicTime
  /// When the trust in the identity ends.
  var trustEnd: MonotonicTime
  /// Microseconds from a ping to its pong; 0 before the first.
  var roundTrip: UInt32 = 0

  var machine = SessionStateMachine()
  var ending: SessionEnding?
  /// Who is to get a close frame at the next frame border.
  var untold: SessionStateMachine.Actions = []
  /// Somebody looks on, see `SessionWatch`. Kept here, where a byte is free.
  var isWatched = false
  /// Its caller's connection carries others, too, and counts by itself.
  var sharesConnection = false
  /// Its target's connection carries others, too, and has its place at the target itself.
  var sharesUpstream = false
  /// A policy has sent it to its service, where it stays when a reload brings its route anew.
  let isAside: Bool
  var closingEnd = MonotonicTime.distantFuture
  /// Since when too much waits for the caller; see `slowConsumer: close`.
  var slowSince = MonotonicTime.distantFuture
  /// Nil in transparent mode.
  var inspection: SessionInspection?
  var extras: SessionExtras?

  /// What the exchange found out passes to the session: its target's place and its admission, too.
  init(
    _ exchange: Exchange, route: CompiledRoute, settings: CompiledSession, listener: HTTPListener,
    target: UpstreamTarget, facts: SessionFacts, isCompressed: Bool, handshake: KeptHandshake?
  ) {
    let now = exchange.loop.now
    id = exchange.sessionID
    worker = exchange.worker
    self.listener = listener
    clientAddress = exchange.clientAddress.ip ?? Self.noAddress
    peerAddress = exchange.peer.ip ?? Self.noAddress
    self.route = route
    self.target = target
    service = route.service
    isAside = route.isAside
    attempt = exchange.takeAttempt()
    admission = exchange.takeAdmission()
    identity = exchange.identity
    self.facts = facts
    downstream = SessionSocket(loop: exchange.loop, side: .client)
    upstream = SessionSocket(loop: exchange.loop, side: .upstream)
    fromClient = SessionFlow(from: .client, isCompressed: isCompressed, now: now)
    fromUpstream = SessionFlow(from: .server, isCompressed: isCompressed, now: now)
    inspection = settings.isInspected ? SessionInspection(settings) : nil
    let trust = SessionTrust(exchange, handshake)
    extras =
      handshake != nil || trust != nil ? SessionExtras(handshake: handshake, trust: trust) : nil
    inspection?.policies = SessionPolicies(of: exchange)
    opened = now
    lastActivity = now
    trustEnd =
      exchange.identity?.deadline(now: now, unixTime: exchange.worker.wallClock(now: now).seconds)
      ?? .distantFuture
    lifetimeEnd = settings.lifetimeEnd(from: now, random: exchange.worker.random.next())
    super.init(loop: exchange.loop)
    loop.register(self)
    downstream.session = self
    upstream.session = self
  }

  /// Its place in the loop, by which the registry's links name it.
  var place: UInt32 { UInt32(truncatingIfNeeded: token.index) }

  static func at(_ place: UInt32, in loop: EventLoop) -> Session? {
    guard place != SessionLinks.none, let handler = loop.handler(at: place) else { return nil }
    // SAFETY: only sessions write their places into the registry's links, and they take them out
    // before they leave the loop.
    return unsafeDowncast(handler, to: Session.self)
  }

  // Without ports, which nobody asks for later; a whole address would cost each session 32 bytes more.
  private static var noAddress: IPAddress { IPAddress(high: 0, low: 0) }

  /// With port 0.
  var client: SocketAddress { Self.address(clientAddress) }
  var peer: SocketAddress { Self.address(peerAddress) }

  private static func address(_ ip: IPAddress) -> SocketAddress {
    ip == noAddress ? .unnamedUnix : SocketAddress(ip: ip, port: 0)
  }

  /// A session's route is a `websocket` route, also after a reload.
  var settings: CompiledSession { route.session.unsafelyUnwrapped }

  func socket(_ side: SessionSide) -> SessionSocket { side == .client ? downstream : upstream }

  // MARK: Life

  /// Both sockets are there. `isCurrent`: see `catchUp`.
  func begin(isCurrent: Bool) {
    applyRecorder()
    worker.sessions.insert(self)
    route.counters.sessions.opened()
    worker.sessionChanged(.opened(self))
    if trustEnd != .distantFuture { worker.clockWatch.begin() }
    schedule()
    catchUp(isCurrent: isCurrent)
  }

  /// Both connections are gone: leaves the registry, the counts and the loop.
  func finish() {
    guard token != .none else { return }
    let ending = self.ending ?? SessionEnding(.shutdown, code: 1_006)
    stopReconnecting()
    noteBacklog(.client)
    noteBacklog(.upstream)
    worker.sessions.remove(self)
    route.counters.sessions.closed(
      ending.cause, code: ending.code, life: loop.now.nanoseconds(since: opened))
    worker.sessionChanged(.closed(self, ending))
    endWatch(ending)
    admission?.release()
    admission = nil
    breakRings()
    loop.unregister(self)
    leaveTarget()
    listener.sessionEnded(self)
  }

  /// Counts under the limits that a reload has set; it stays where it is one too many.
  func adoptLimits() {
    let limits = settings.limits(
      route: route.name, client: HTTPListener.caller(client), consumer: consumer,
      labels: facts.labels)
    if limits.isEmpty && admission == nil { return }
    admission = worker.admission.exchange(admission, for: limits)
  }

  /// The handshake was made again: the labels of the new target count. Where they have no room the session
  /// stays all the same, as after a reload.
  func relabel(by answer: SessionFacts) {
    if answer.labelsOfTarget.elementsEqual(facts.labelsOfTarget) { return }
    worker.sessions.removeLabels(of: self)
    facts.replaceLabelsOfTarget(answer.labelsOfTarget)
    worker.sessions.insertLabels(of: self)
    adoptLimits()
  }

  /// Gives the place at the target back. How a session's connection ends does not tell of the target's
  /// health.
  func leaveTarget() {
    guard let attempt else { return }
    self.attempt = nil
    worker.healthChanged(
      service.state.finished(attempt, .succeeded, now: loop.now), service, attempt.target)
    if !sharesUpstream { target.sessionEnded() }
  }

  /// Goes on with another target, with a socket that is still to be opened.
  func move(to target: UpstreamTarget, of service: UpstreamService, _ attempt: TargetAttempt?) {
    self.target = target
    self.service = service
    self.attempt = attempt
    sharesUpstream = false
    upstream = SessionSocket(loop: loop, side: .upstream)
    upstream.session = self
  }

  override func deadlineReached() { timeReached() }

  override func loopEnded() { breakRings() }

  /// The session holds its sockets, and they hold it.
  private func breakRings() {
    downstream.session = nil
    upstream.session = nil
  }
}

/// What one end of a session sends.
struct SessionFlow {
  var follower: WebSocketFrameFollower
  var pings = PingWindow()
  /// What was last counted of the backlog towards it.
  var notedBacklog: UInt32 = 0
  /// Zero for never.
  var lastMessage = MonotonicTime(nanoseconds: 0)
  /// The sender's last sign of life: bytes from it, or room for bytes to it.
  var lastSeen: MonotonicTime
  /// When the latest ping went out, or what was taken for one; zero for never.
  var pinged = MonotonicTime(nanoseconds: 0)
  /// What it used up of `maxControlFrames`.
  var controlCell = MonotonicTime(nanoseconds: 0)

  init(from sender: WebSocketSender, isCompressed: Bool, now: MonotonicTime) {
    follower = WebSocketFrameFollower(from: sender, allowsRSV1: isCompressed)
    lastSeen = now
  }

  /// Another sender goes on, from a message's border; counts stay.
  mutating func restart() {
    follower.restart()
    pings = PingWindow()
  }
}
