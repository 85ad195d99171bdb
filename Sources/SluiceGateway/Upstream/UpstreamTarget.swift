import Glibc
import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// One target on one worker: performs what its pool machine decides, and knows its addresses.
///
/// The pool's ids are handler tokens: a connection's for `ConnectionID`, an exchange's for `WaiterID`.
final class UpstreamTarget: EventHandler {
  /// The URL as configured. It may hold a secret and is never shown; `displayName` is.
  let configuredURL: String
  let url: TargetURL
  let displayName: String
  let displayBytes: [UInt8]
  /// Of log lines.
  let logText: [UInt8]
  /// `host:port` or `unix:/path`.
  let addressBytes: [UInt8]
  let basePath: [UInt8]
  let authority: [UInt8]
  let worker: Worker
  let terms: TargetTerms
  /// For TLS; nil for a plain target.
  let origin: TLSOrigin?
  /// Failed handshakes are logged no more often.
  var handshakeLogNanoseconds: Int64 = 10_000_000_000
  /// When a failed handshake may be logged again.
  private var nextHandshakeLog = MonotonicTime(nanoseconds: 0)
  let pool: TargetPoolStateMachine
  /// Every address of the target's name; empty until the first look-up has ended.
  private var addresses: [SocketAddress] = []
  private var nextAddress = 0
  /// Exchanges whose connection waits for the first addresses, each until its connect timeout.
  private var waitingForAddress: [(exchange: Exchange, until: MonotonicTime)] = []
  /// Not later than the first of their ends.
  private var addressDeadline = MonotonicTime.distantFuture
  private var lookupFailed = false
  /// Exchanges that have left the queue and are to get a connection of their own.
  private var toConnect: [WaiterID] = []
  private var isConnectingNext = false
  /// WebSockets that a connection takes none of. Where it is given back it is lent to the next in the queue
  /// at once: one after the other here, and not each within the one before.
  private var refused: [(connection: UpstreamConnection, exchange: Exchange)] = []
  private var isRefusing = false
  /// The target speaks HTTP/2 and has not announced WebSockets there (RFC 8441 3), as the last connection
  /// told: each is begun on a connection of HTTP/1.1, where the service's protocol lets it.
  var socketsNeedHTTP1 = false

  init(configuredURL: String, terms: TargetTerms, limits: PoolLimits, worker: Worker) {
    self.configuredURL = configuredURL
    guard let url = TargetURL(configuredURL) else {
      preconditionFailure("the configuration was not checked")
    }
    self.url = url
    displayName = url.displayName
    displayBytes = Array(displayName.utf8)
    logText = AccessLogLine.member(ofTarget: displayBytes)
    addressBytes =
      switch url.host {
      case .unix(let path): Array("unix:\(path)".utf8)
      case .network(let name):
        Array((name.contains(":") ? "[\(name)]:\(url.port)" : "\(name):\(url.port)").utf8)
      }
    basePath = Array(url.basePath.utf8)
    authority = Array(url.authority.utf8)
    self.worker = worker
    self.terms = terms
    origin = terms.origin(of: url)
    pool = TargetPoolStateMachine(limits: limits)
    pool.sharesConnections = terms.mayShare(url)
    super.init(loop: worker.loop)
    loop.register(self)
    switch url.host {
    case .unix(let path):
      if let address = SocketAddress(unixPath: Array(path.utf8)) { addresses = [address] }
    case .network:
      if let known = lookupName.flatMap({ worker.addresses[$0] }) { addressesChanged(known) }
    }
  }

  /// The name or IP address that is looked up; nil for a Unix socket.
  var lookupName: String? { url.lookupName(hosts: worker.hosts) }

  // MARK: Addresses

  func addressesChanged(_ resolution: NameAddresses) {
    guard case .network = url.host else { return }
    switch resolution {
    case .found(let found): addresses = found.map { $0.port == 0 ? $0.withPort(url.port) : $0 }
    case .failed: break
    }
    lookupFailed = addresses.isEmpty
    let waiting = waitingForAddress
    waitingForAddress = []
    addressDeadline = .distantFuture
    for waiter in waiting { openConnection(for: waiter.exchange) }
    settle()
  }

  /// 0 while no look-up of its name has succeeded.
  var addressCount: Int { addresses.count }

  /// Its name was looked up, and nothing was found.
  var isUnresolvable: Bool { addresses.isEmpty && lookupFailed }

  /// The next of its addresses, for a connection that is none of the pool's; nil while there is none.
  func takeAddress() -> SocketAddress? {
    if addresses.isEmpty { return nil }
    nextAddress = (nextAddress + 1) % addresses.count
    return addresses[nextAddress]
  }

  // MARK: Leases

  /// Gets the exchange a connection: now, after connecting, or after waiting in the queue.
  func lease(for exchange: Exchange) {
    // An exchange that began before a reload may come back to a target that has left.
    if token == .none { loop.register(self) }
    if avoidsHTTP2(for: exchange) { return leaseHTTP1(for: exchange) }
    switch pool.lease(waiter: WaiterID(raw: exchange.token.raw), now: loop.now) {
    case .reuse(let id):
      let isBegun = reference(to: id)._withUnsafeGuaranteedRef { connection in
        if connection.isFit(for: exchange) {
          connection.begin(exchange, isReused: true)
          return true
        }
        connection.dismiss()
        return false
      }
      if isBegun { return }
      perform(pool.closed(id))
      lease(for: exchange)
    case .connect: openConnection(for: exchange)
    case .wait:
      exchange.isQueued = true
      settle()
    case .refuse: exchange.upstreamFailed(.queueFull)
    }
  }

  /// HTTP/2 is not offered on a connection for this exchange.
  private func avoidsHTTP2(for exchange: Exchange) -> Bool {
    socketsNeedHTTP1 && terms.learns && exchange.wantsUpgrade
  }

  /// Opens another connection, whatever is idle: in place of an idle one, where there is a limit.
  private func leaseHTTP1(for exchange: Exchange) {
    switch pool.leaseNew() {
    case .connect: break
    case .replace(let id): connection(id).dismiss()
    case .refuse: return exchange.upstreamFailed(.queueFull)
    }
    openConnection(for: exchange)
    settle()
  }

  /// The connection speaks HTTP/2, and the target takes no WebSockets on it.
  func webSocketRefused(by connection: UpstreamConnection, _ exchange: Exchange) {
    socketsNeedHTTP1 = true
    refused.append((connection, exchange))
    if isRefusing { return }
    isRefusing = true
    while let next = refused.popLast() {
      release(next.connection, reusable: true)
      if terms.learns {
        lease(for: next.exchange)
      } else {
        next.exchange.upstreamFailed(.noWebSockets)
      }
    }
    isRefusing = false
  }

  /// The exchange ends before it got a connection.
  func forget(_ exchange: Exchange) {
    exchange.isQueued = false
    if pool.cancel(WaiterID(raw: exchange.token.raw)) { return settle() }
    if let index = waitingForAddress.firstIndex(where: { $0.exchange === exchange }) {
      waitingForAddress.remove(at: index)
      perform(pool.connectFailed())
      settle()
    }
  }

  /// The target was just ejected: what waits for it is better off elsewhere. An exchange does not
  /// come back here, so this ends.
  func dismissQueue() {
    while let waiter = pool.dismissWaiter() {
      worker.exchange(HandlerToken(raw: waiter.raw))?.dismissedFromQueue()
    }
  }

  private func openConnection(for exchange: Exchange) {
    guard !addresses.isEmpty else {
      if lookupFailed {
        perform(pool.connectFailed())
        settle()
        return exchange.upstreamFailed(.notResolved)
      }
      let until = loop.now.advanced(byNanoseconds: exchange.connectTimeout)
      waitingForAddress.append((exchange: exchange, until: until))
      addressDeadline = min(addressDeadline, until)
      return settle()
    }
    tryConnect(for: exchange, attemptsLeft: addresses.count)
  }

  private func tryConnect(for exchange: Exchange, attemptsLeft: Int) {
    nextAddress = (nextAddress + 1) % addresses.count
    let address = addresses[nextAddress]
    let connection = HTTP1UpstreamConnection(
      target: self, attemptsLeft: attemptsLeft - 1, avoidsHTTP2: avoidsHTTP2(for: exchange))
    do throws(SystemError) {
      try connection.open(to: address, for: exchange)
    } catch {
      connectFailed(for: exchange, attemptsLeft: attemptsLeft - 1, code: error.code)
    }
  }

  /// One address did not answer: the others are tried before the target counts as failed.
  func connectFailed(for exchange: Exchange?, attemptsLeft: Int, code: Int32) {
    let failure = UpstreamFailure(connectError: code)
    if failure != .exhausted {
      if let name = lookupName { worker.connectFailed(name: name) }
      if let exchange, attemptsLeft > 0, failure != .connectTimeout {
        return tryConnect(for: exchange, attemptsLeft: attemptsLeft)
      }
    }
    attemptFailed(for: exchange, failure)
  }

  /// Where many exchanges wait for one connection, its failure is theirs, too: each goes elsewhere, as if it
  /// had connected itself.
  private func attemptFailed(for exchange: Exchange?, _ failure: UpstreamFailure) {
    var waiters: [WaiterID] = []
    if pool.sharesConnections && pool.open == 0 && failure != .exhausted {
      // First all, because those who fail may ask again.
      while let waiter = pool.dismissWaiter() { waiters.append(waiter) }
    }
    perform(pool.connectFailed())
    settle()
    exchange?.upstreamFailed(failure)
    for waiter in waiters {
      guard let waiting = worker.exchange(HandlerToken(raw: waiter.raw)), waiting.isQueued else {
        continue
      }
      waiting.isQueued = false
      waiting.upstreamFailed(failure)
    }
  }

  /// The target is there, and TLS with it could not be set up. Its other addresses would hardly do
  /// better, other targets may.
  func handshakeFailed(for exchange: Exchange?, _ failure: TLSFailure) {
    logTLS(failure)
    attemptFailed(for: exchange, .tlsFailed)
  }

  /// The target was connected to, and HTTP/2 did not begin.
  func openingFailed(for exchange: Exchange?, _ failure: UpstreamFailure) {
    if failure == .notHTTP2 { logTLS(.noProtocol) }
    attemptFailed(for: exchange, failure)
  }

  func logTLS(_ failure: TLSFailure) {
    if loop.now < nextHandshakeLog { return }
    nextHandshakeLog = loop.now.advanced(byNanoseconds: handshakeLogNanoseconds)
    worker.control.log(.targetHandshakeFailed(target: displayName, reason: failure.reason))
  }

  /// What is spoken on a connection that was just made; nil when it is not what has to be.
  func agreement(on connection: HTTP1UpstreamConnection) -> UpstreamProtocol? {
    terms.agreement(
      isEncrypted: origin != nil, hasAgreedOnHTTP2: connection.hasNegotiated("h2"),
      isHTTP1Only: connection.avoidsHTTP2)
  }

  /// The connection is open and belongs to the exchange, or to nobody if the exchange is gone.
  func connected(_ connection: UpstreamConnection, for exchange: Exchange?) {
    let capacity = connection.capacity
    pool.connectionOpened(
      ConnectionID(raw: connection.token.raw), capacity: capacity, now: loop.now)
    let shared = pool.sharesConnections
    if terms.learns && connection.tellsCapacity { pool.sharesConnections = capacity > 1 }
    if let exchange {
      connection.begin(exchange, isReused: false)
    } else {
      release(connection, reusable: true)
    }
    // Others may wait for it, or for more than one of it.
    if shared || capacity > 1 {
      performEvents()
      settle()
    }
  }

  /// The target takes more exchanges at a time than before, or fewer.
  func capacityChanged(_ connection: UpstreamConnection) {
    pool.setCapacity(ConnectionID(raw: connection.token.raw), connection.capacity)
    performEvents()
    settle()
  }

  /// The connection takes no more exchanges.
  func leave(_ connection: UpstreamConnection) {
    let id = ConnectionID(raw: connection.token.raw)
    if !pool.leave(id) {
      // Who waits may have a connection in its place, in a turn of its own.
      if pool.waiting > 0 && loop.now < deadline { setDeadline(loop.now) }
      return
    }
    connection.dismiss()
    perform(pool.closed(id))
    settle()
  }

  // MARK: Giving back

  func release(_ connection: UpstreamConnection, reusable: Bool) {
    let id = ConnectionID(raw: connection.token.raw)
    switch pool.release(id, now: loop.now, reusable: reusable && !terms.isForOneCaller) {
    case .park, .keep: settle()
    case .assign(_, let waiter):
      if let exchange = worker.exchange(HandlerToken(raw: waiter.raw)) {
        exchange.isQueued = false
        connection.begin(exchange, isReused: true)
      } else {
        release(connection, reusable: true)
      }
    case .close(let waiter):
      connection.dismiss()
      if let waiter { connect(for: waiter) }
      settle()
    }
  }

  /// The connection closed while it was idle or leased.
  func closed(_ connection: UpstreamConnection, id: ConnectionID) {
    perform(pool.closed(id))
    settle()
  }

  /// The connection, which is still this one, becomes a session's; `sessionEnded` follows.
  func detach(_ connection: UpstreamConnection) {
    pool.detach(ConnectionID(raw: connection.token.raw))
  }

  /// The session's connection is gone.
  func sessionEnded() {
    perform(pool.detachedClosed())
    settle()
  }

  private func perform(_ action: PoolAction) {
    if case .connect(let waiter) = action { connect(for: waiter) }
  }

  /// Where connecting fails at once, the pool names the next in the queue at once: one after the other
  /// here, and not each within the one before.
  private func connect(for waiter: WaiterID) {
    toConnect.append(waiter)
    if isConnectingNext { return }
    isConnectingNext = true
    while let next = toConnect.popLast() {
      if let exchange = worker.exchange(HandlerToken(raw: next.raw)), exchange.isQueued {
        exchange.isQueued = false
        openConnection(for: exchange)
      } else {
        perform(pool.connectFailed())
      }
    }
    isConnectingNext = false
  }

  private func connection(_ id: ConnectionID) -> UpstreamConnection {
    reference(to: id).takeUnretainedValue()
  }

  private func reference(to id: ConnectionID) -> Unmanaged<UpstreamConnection> {
    // Whoever closes a connection tells the pool in the same breath, so the handler is there.
    guard let handler = loop.reference(HandlerToken(raw: id.raw)) else {
      preconditionFailure("the pool holds a connection that is gone")
    }
    // SAFETY: the pool's ids are tokens of such connections alone, and a token is never given twice.
    return .fromOpaque(handler.toOpaque())
  }

  // MARK: Time and configuration

  /// After every change: sets the timer, or leaves the loop when a target that has left the
  /// configuration has nothing more to wait for.
  private func settle() {
    if pool.isRetired && pool.isDrained { return loop.unregister(self) }
    let next = min(pool.nextExpiry ?? .distantFuture, addressDeadline)
    if next < deadline { setDeadline(next) }
  }

  override func deadlineReached() {
    performEvents()
    failUnresolved()
    settle()
  }

  /// The first look-up takes longer than these exchanges' connect timeouts.
  private func failUnresolved() {
    if addressDeadline > loop.now { return }
    let late = waitingForAddress.filter { $0.until <= loop.now }
    waitingForAddress.removeAll { $0.until <= loop.now }
    addressDeadline = waitingForAddress.map(\.until).min() ?? .distantFuture
    for waiter in late {
      perform(pool.connectFailed())
      waiter.exchange.upstreamFailed(.notResolved)
    }
  }

  private func performEvents() {
    while let event = pool.nextEvent(now: loop.now) {
      switch event {
      case .close(let id): connection(id).dismiss()
      case .connect(let waiter): connect(for: waiter)
      case .assign(let id, let waiter):
        let connection = connection(id)
        if let exchange = worker.exchange(HandlerToken(raw: waiter.raw)) {
          exchange.isQueued = false
          connection.begin(exchange, isReused: true)
        } else {
          release(connection, reusable: true)
        }
      case .fail(let waiter):
        if let exchange = worker.exchange(HandlerToken(raw: waiter.raw)) {
          exchange.isQueued = false
          exchange.upstreamFailed(.queueTimeout)
        }
      }
    }
  }

  /// Stays in the next snapshot, with these limits.
  func keep(limits: PoolLimits) {
    pool.reconfigure(limits: limits)
    performEvents()
    settle()
  }

  /// Left the configuration: the loop lets go of it once the last exchange that uses it is over.
  func retire() {
    pool.retire()
    performEvents()
    settle()
  }
}

/// What looking up a target's name told.
enum NameAddresses: Sendable {
  /// With port 0.
  case found([SocketAddress])
  case failed
}
