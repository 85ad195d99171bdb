import CLinux
import Glibc
import SluiceWire

/// One thread's epoll loop: sockets, deadlines, mail from other threads and async jobs.
///
/// Everything here but `mailbox` and `executor` belongs to the thread that calls `run()`.
/// Registration is edge-triggered and happens once per descriptor, so steady traffic costs no
/// epoll_ctl (docs/internals/threads-and-memory.md).
public final class EventLoop {
  public let mailbox: Mailbox
  public let executor: EventLoopExecutor
  /// When the current turn began; read once per turn.
  public private(set) var now: MonotonicTime
  /// The current turn. What is ready in it was ready before anything that happens in it.
  public private(set) var turnNumber: UInt64 = 0
  /// One buffer for all reads of this loop; its content is valid until the next read.
  public let readBuffer: UnsafeMutableRawBufferPointer
  /// Whoever owns the loop, for calls that come through the mailbox.
  public var owner: AnyObject?
  /// How long turns took.
  public private(set) var lag = LoopLag()

  /// Output that connections have composed and the kernel has not seen; see `StreamConnection.stage`.
  var stage = OutputStage()
  /// For connections with TLS; made with the first of them.
  private(set) lazy var transport = TLSTransport(readBufferSize: readBuffer.count)

  /// Pipes that one loop has open at most; each costs two descriptors. Further bodies are copied.
  public static let pipeLimit = 256
  /// There from the first use on.
  /// See `keepUntilTurnEnds`.
  private var kept: [AnyObject] = []
  private(set) var sparePipes: SplicePipePool?

  var timers: TimerWheel
  private let epoll: Int32
  private var handlers = HandlerSlab()
  private let events: UnsafeMutableBufferPointer<epoll_event>
  private var dueTimers: [UInt64] = []
  private var mail: [Mailbox.Message] = []
  private var resumeQueue: [HandlerToken] = []
  private var resumeTurn: [HandlerToken] = []
  private var isStopping = false
  /// When the last turn was over.
  private var turnEnd: MonotonicTime

  /// Bytes that one read takes at most: a body of 64 KiB and its head. More would not be cheaper, and
  /// of a large body it would copy what can be spliced.
  public static let readBufferSize = 72 * 1_024

  public init() throws(SystemError) {
    mailbox = try Mailbox()
    executor = EventLoopExecutor(mailbox: mailbox)
    epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
    if epoll < 0 { throw SystemError(call: "epoll_create1", code: errno) }
    now = .now()
    turnEnd = now
    timers = TimerWheel(now: now)
    events = .allocate(capacity: 256)
    events.initialize(repeating: epoll_event())
    readBuffer = .allocate(byteCount: Self.readBufferSize, alignment: 64)
    dueTimers.reserveCapacity(256)
    resumeQueue.reserveCapacity(64)
    resumeTurn.reserveCapacity(64)
    try control(EPOLL_CTL_ADD, mailbox.wakeDescriptor, .input, .none)
  }

  deinit {
    close(epoll)
    readBuffer.deallocate()
    events.deallocate()
  }

  // MARK: Handlers

  /// Gives the handler a token; the loop keeps it alive until `unregister`.
  public func register(_ handler: EventHandler) { handler.token = handlers.insert(handler) }

  /// Forgets the handler; events, timers and turns that are still on their way to it are dropped. Its
  /// memory stays until the turn ends.
  public func unregister(_ handler: EventHandler) {
    handler.dropTimer()
    let token = handler.token
    handler.token = .none
    handlers.remove(token)
  }

  /// Keeps an object until the turn ends, for those on this thread who use it without counting it.
  public func keepUntilTurnEnds(_ object: AnyObject) { kept.append(object) }

  /// `successor`, which is not registered, gets the handler's token and with it everything that is on its
  /// way to it, but for deadlines: the kernel need not be told.
  func replace(_ handler: EventHandler, with successor: EventHandler) {
    precondition(successor.token == .none)
    handler.dropTimer()
    let token = handler.token
    handler.token = .none
    handlers.replace(token, with: successor)
    successor.token = token
  }

  /// The handler that `token` names, uncounted: its memory stays until the turn ends.
  public func reference(_ token: HandlerToken) -> Unmanaged<EventHandler>? { handlers[token] }

  /// The handler that `token` names, nil when it is gone.
  public func handler(_ token: HandlerToken) -> EventHandler? {
    handlers[token]?.takeUnretainedValue()
  }

  /// The handler that has this place in the loop, see `HandlerToken.index`; nil when there is none.
  public func handler(at index: UInt32) -> EventHandler? { handlers.handler(at: Int(index)) }

  /// Handlers registered now.
  public var handlerCount: Int { handlers.count }

  // MARK: Descriptors

  /// Watches for every readiness, edge-triggered; the handler remembers what it was told.
  public func watchEdges(_ descriptor: Int32, _ handler: EventHandler) throws(SystemError) {
    try control(
      EPOLL_CTL_ADD, descriptor, [.input, .output, .inputClosed, .edgeTriggered], handler.token)
  }

  /// Watches for input, level-triggered; `isShared`: several loops watch it and one is woken.
  public func watchInput(
    _ descriptor: Int32, _ handler: EventHandler, isShared: Bool = false
  ) throws(SystemError) {
    try control(
      EPOLL_CTL_ADD, descriptor, isShared ? [.input, .exclusive] : .input, handler.token)
  }

  public func unwatch(_ descriptor: Int32) { epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, nil) }

  private func control(
    _ operation: Int32, _ descriptor: Int32, _ readiness: Readiness, _ token: HandlerToken
  ) throws(SystemError) {
    var event = epoll_event()
    event.events = readiness.rawValue
    event.data.u64 = token.raw
    if epoll_ctl(epoll, operation, descriptor, &event) != 0 {
      throw SystemError(call: "epoll_ctl", code: errno)
    }
  }

  /// Gives `handler` another turn after all others had theirs; for long work cut into pieces.
  public func resumeLater(_ handler: EventHandler) { resumeQueue.append(handler.token) }

  /// For `StreamConnection.splice`.
  var pipes: SplicePipePool {
    if let sparePipes { return sparePipes }
    let pool = SplicePipePool(loop: self)
    sparePipes = pool
    return pool
  }

  // MARK: Running

  /// Runs on the calling thread until `stop()`.
  public func run() {
    mailbox.adoptCurrentThread()
    holdBackSIGPIPE()
    now = .now()
    while !isStopping { turn() }
    mailbox.closeQueue()
    while mailbox.isWaiting { deliverMail() }
    discardHandlers()
  }

  /// A send can be told not to raise it, a splice to a connection that broke can't.
  private func holdBackSIGPIPE() {
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, SIGPIPE)
    pthread_sigmask(SIG_BLOCK, &set, nil)
  }

  /// Handlers refer to the loop and the loop to them; and peers wait for the end of connections.
  private func discardHandlers() {
    for handler in handlers.all() { handler.loopEnded() }
    handlers = HandlerSlab()
    kept = []
    sparePipes = nil
    owner = nil
  }

  /// Ends `run()` after the current turn.
  public func stop() { isStopping = true }

  private func turn() {
    let ready = Int(epoll_wait(epoll, events.baseAddress, Int32(events.count), waitMilliseconds()))
    now = .now()
    turnNumber &+= 1
    let began = now
    var index = 0
    while index < ready {
      let event = events[index]
      let token = HandlerToken(raw: event.data.u64)
      index &+= 1
      if index < ready { handlers.prefetch(HandlerToken(raw: events[index].data.u64)) }
      if token == .none {
        mailbox.clearWake()
      } else if let handler = handlers[token] {
        handler._withUnsafeGuaranteedRef { $0.ready(Readiness(rawValue: event.events)) }
      }
    }
    fireTimers()
    giveTurns()
    deliverMail()
    stage.flush()
    handlers.releaseRemoved()
    if !kept.isEmpty { kept.removeAll(keepingCapacity: true) }
    turnEnd = .now()
    if ready > 0 { lag.record(nanoseconds: turnEnd.nanoseconds(since: began)) }
  }

  private func waitMilliseconds() -> Int32 {
    // Mail that this thread sent itself did not write the eventfd.
    if !resumeQueue.isEmpty || isStopping || mailbox.isWaiting { return 0 }
    guard let wakeUp = timers.nextWakeUp() else { return -1 }
    let nanoseconds = wakeUp.nanoseconds(since: turnEnd)
    if nanoseconds <= 0 { return 0 }
    return Int32(clamping: (nanoseconds &+ 999_999) / 1_000_000)
  }

  private func fireTimers() {
    timers.advance(to: now, due: &dueTimers)
    if dueTimers.isEmpty { return }
    for payload in dueTimers {
      handler(HandlerToken(raw: payload))?.timerFired(now: now)
    }
    dueTimers.removeAll(keepingCapacity: true)
  }

  private func giveTurns() {
    if resumeQueue.isEmpty { return }
    swap(&resumeQueue, &resumeTurn)
    for token in resumeTurn { handler(token)?.resumed() }
    resumeTurn.removeAll(keepingCapacity: true)
  }

  /// Delivers what is there now. What these calls post has to wait for the next turn, so that a chain
  /// of them can't keep the loop from its sockets.
  private func deliverMail() {
    mailbox.take(&mail)
    if mail.isEmpty { return }
    for message in mail {
      switch message {
      case .call(let call): call(self)
      case .job(let job): executor.runNow(job)
      }
    }
    mail.removeAll(keepingCapacity: true)
  }
}

/// How long the turns of a loop took: what a busy neighbour adds to everybody's latency.
public struct LoopLag: Sendable {
  public private(set) var turns: UInt64 = 0
  public private(set) var totalNanoseconds: UInt64 = 0
  public private(set) var longestNanoseconds: UInt64 = 0

  mutating func record(nanoseconds: Int64) {
    let nanoseconds = UInt64(max(0, nanoseconds))
    turns &+= 1
    totalNanoseconds &+= nanoseconds
    if nanoseconds > longestNanoseconds { longestNanoseconds = nanoseconds }
  }
}
