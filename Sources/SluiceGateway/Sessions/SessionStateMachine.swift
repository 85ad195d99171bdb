/// How a session ends (RFC 6455 7): pure.
///
/// ```
///            close frame of one side ─┐
///  open ──── end of one side ─────────┼─▶ ending ──both ends gone──▶ over
///   │ ▲      the gateway's decision ──┘     │
///   │ │                  ▲                  └─ deadline: both ends are cut off
///   ▼ └─ regained        │
///  without a target ─────┘
/// ```
///
/// While it is ending, each end is told by a close frame once, answers with its own, and then its
/// connection is closed: the caller's by the gateway at once, because it is the server there (7.1.1),
/// the target's once the target's FIN is there, unless the deadline comes first. Who began the
/// closing handshake gets its answer when the other end has answered or is gone, so that the codes
/// pass through from end to end. Only the first reason counts.
struct SessionStateMachine {
  /// What the closing handshake has come to on one end.
  private struct End {
    var hasClosed = false
    var isTold = false
    /// Its FIN or a failure: nothing more comes, and nobody is there to be told.
    var isGone = false
    /// Nothing that it sends means anything any more.
    var isIgnored = false
    /// Our FIN is out.
    var isFinished = false
    /// Our connection to it is closed.
    var isDisconnected = false

    var isDeaf: Bool { hasClosed || isIgnored || isGone }
  }

  /// What the shell has to do, in the order of the bits.
  struct Actions: OptionSet {
    let rawValue: UInt8
    /// A close frame for this end, at the next frame border. `told` follows, now or later.
    static let tellClient = Actions(rawValue: 1)
    static let tellUpstream = Actions(rawValue: 2)
    /// Closes the connection when everything written has gone out.
    static let disconnectClient = Actions(rawValue: 4)
    static let disconnectUpstream = Actions(rawValue: 8)
    /// FIN towards this end; its own is awaited, and what else it sends is dropped.
    static let finishClient = Actions(rawValue: 16)
    static let finishUpstream = Actions(rawValue: 32)
    static let startDeadline = Actions(rawValue: 64)
    /// Both connections are gone.
    static let finish = Actions(rawValue: 128)
  }

  private var client = End()
  private var upstream = End()
  private(set) var isEnding = false
  private var isAwaitingAnswer = false
  private var initiator = SessionSide.client
  private var isOver = false
  /// There is no target, and another one is looked for.
  private var isUpstreamAwaited = false

  /// Whether what this end sends is passed on; the other end must not have been told yet.
  func passes(from side: SessionSide) -> Bool {
    let (from, to) = side == .client ? (client, upstream) : (upstream, client)
    if from.isDeaf || to.isTold { return false }
    return !to.isGone || side == .client && isUpstreamAwaited && !isEnding
  }

  /// Whether frames of this end still have to be understood.
  func listens(to side: SessionSide) -> Bool {
    let end = side == .client ? client : upstream
    return !end.isDeaf
  }

  func isTold(_ side: SessionSide) -> Bool { side == .client ? client.isTold : upstream.isTold }

  // MARK: What happens

  /// A whole close frame arrived.
  mutating func closeReceived(from side: SessionSide) -> Actions {
    set(side) { $0.hasClosed = true }
    var actions: Actions = []
    if !isEnding {
      isEnding = true
      isAwaitingAnswer = true
      initiator = side
      actions.insert(.startDeadline)
    }
    return actions.union(next())
  }

  /// The connection of one end is over, or broken.
  mutating func ended(_ side: SessionSide) -> Actions {
    set(side) { $0.isGone = true }
    let begins = !isEnding
    isEnding = true
    return next().union(begins ? .startDeadline : [])
  }

  /// The gateway ends it. `ignoring`: the end that broke the protocol cannot be understood any more.
  mutating func end(ignoring side: SessionSide? = nil) -> Actions {
    if let side { set(side) { $0.isIgnored = true } }
    // Whoever waits for an answer gets it now.
    isAwaitingAnswer = false
    let begins = !isEnding
    isEnding = true
    return next().union(begins ? .startDeadline : [])
  }

  /// The close frame for this end was written.
  mutating func told(_ side: SessionSide) -> Actions {
    set(side) { $0.isTold = true }
    return next()
  }

  /// Our connection to this end is closed.
  mutating func disconnected(_ side: SessionSide) -> Actions {
    set(side) {
      $0.isGone = true
      $0.isDisconnected = true
    }
    return next()
  }

  /// The target is gone while the session is open, and the session waits for another one: what the
  /// caller sends passes on. If the session ends meanwhile, the caller alone is left to be told.
  mutating func upstreamLost() {
    upstream = End()
    upstream.isGone = true
    upstream.isDisconnected = true
    isUpstreamAwaited = true
  }

  /// Another target is there.
  mutating func upstreamRegained() {
    upstream = End()
    isUpstreamAwaited = false
  }

  // MARK: What follows

  private mutating func next() -> Actions {
    guard isEnding && !isOver else { return [] }
    var actions: Actions = []
    if mustTell(client, .client, answeredBy: upstream) { actions.insert(.tellClient) }
    if mustTell(upstream, .upstream, answeredBy: client) { actions.insert(.tellUpstream) }
    if !client.isDisconnected {
      // As the server here, the gateway closes first; but unread bytes would turn that into a reset.
      if client.isGone || client.isTold && client.hasClosed {
        actions.insert(.disconnectClient)
      } else if client.isTold && client.isIgnored && !client.isFinished {
        client.isFinished = true
        actions.insert(.finishClient)
      }
    }
    if !upstream.isDisconnected {
      if upstream.isGone {
        actions.insert(.disconnectUpstream)
      } else if upstream.isTold && (upstream.isDeaf || hasVanished) && !upstream.isFinished {
        upstream.isFinished = true
        actions.insert(.finishUpstream)
      }
    }
    if client.isDisconnected && upstream.isDisconnected {
      isOver = true
      actions.insert(.finish)
    }
    return actions
  }

  /// The caller left without a close frame: nobody waits for what the target answers to its own, and it
  /// gets the FIN together with that.
  private var hasVanished: Bool { client.isGone && !client.hasClosed }

  private func mustTell(_ end: End, _ side: SessionSide, answeredBy other: End) -> Bool {
    if end.isTold || end.isGone { return false }
    return !isAwaitingAnswer || side != initiator || other.isDeaf
  }

  private mutating func set(_ side: SessionSide, _ change: (inout End) -> Void) {
    if side == .client { change(&client) } else { change(&upstream) }
  }
}
