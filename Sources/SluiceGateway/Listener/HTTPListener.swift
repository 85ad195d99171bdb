import Glibc
import SluiceReactor
import SluiceWire

/// Accepts callers on one listener and one worker, and keeps its limits.
final class HTTPListener: StreamListener {
  let worker: Worker
  /// Replaced by a reload.
  var compiled: CompiledListener {
    // The new limit may leave room where the old one left none.
    didSet {
      if (oldValue.maxConnectionsPerAddress > 0) != countsAddresses { recountAddresses() }
      if (oldValue.tls == nil) != (compiled.tls == nil) { endConnections() }
      if !isDraining { startAccepting() }
    }
  }
  private(set) var isDraining = false
  private var connections: [ObjectIdentifier: DownstreamConnection] = [:]
  /// Connections whose PROXY header has not come.
  private var preambles: [ObjectIdentifier: ProxyPreamble] = [:]
  /// Connections whose ClientHello has not come.
  private var names: [ObjectIdentifier: NamePreamble] = [:]
  private var passthroughs: [ObjectIdentifier: Passthrough] = [:]
  /// Callers whose first message will say who they are.
  private var strangers: [ObjectIdentifier: FirstMessageStream] = [:]
  /// Open connections by caller, see `caller(_:)`; kept only while there is a limit.
  private var perAddress: [IPAddress: Int] = [:]

  init(worker: Worker, compiled: CompiledListener, descriptor: Int32, isShared: Bool) {
    self.worker = worker
    self.compiled = compiled
    super.init(loop: worker.loop, descriptor: descriptor, isShared: isShared)
    startAccepting()
  }

  /// Sessions whose callers were accepted here.
  private(set) var sessionCount = 0

  var connectionCount: Int {
    connections.count &+ preambles.count &+ names.count &+ passthroughs.count &+ strangers.count
      &+ sessionCount
  }

  override var hasRoom: Bool { connectionCount < compiled.maxConnections }

  override func accepted(_ descriptor: Int32, from address: SocketAddress) {
    worker.counters.acceptedConnections &+= 1
    if compiled.takesProxyHeader {
      beginPreamble(descriptor, from: address)
    } else {
      open(descriptor, from: address)
    }
  }

  /// What a balancer sends first says who calls. Nobody else may say that.
  private func beginPreamble(_ descriptor: Int32, from address: SocketAddress) {
    guard compiled.trusts(address) else {
      worker.counters.refusedConnections &+= 1
      Glibc.close(descriptor)
      return
    }
    let preamble = ProxyPreamble(acceptor: self, proxy: address)
    preambles[ObjectIdentifier(preamble)] = preamble
    do throws(SystemError) {
      try preamble.start(descriptor)
    } catch {
      preambleEnded(preamble)
    }
  }

  func preambleEnded(_ preamble: ProxyPreamble) {
    preambles[ObjectIdentifier(preamble)] = nil
    if isDraining { worker.drainProgressed() } else { startAccepting() }
  }

  /// The preamble is over and its socket begins a connection.
  func opened(_ preamble: ProxyPreamble, _ descriptor: Int32, from address: SocketAddress) {
    preambles[ObjectIdentifier(preamble)] = nil
    open(descriptor, from: address)
  }

  private func open(_ descriptor: Int32, from address: SocketAddress) {
    if countsAddresses, let ip = Self.caller(address) {
      guard perAddress[ip, default: 0] < compiled.maxConnectionsPerAddress else {
        worker.counters.refusedConnections &+= 1
        Glibc.close(descriptor)
        return
      }
      perAddress[ip, default: 0] += 1
    }
    guard let table = compiled.passthrough else { return openHTTP(descriptor, from: address) }
    let preamble = NamePreamble(acceptor: self, table: table, peer: address)
    names[ObjectIdentifier(preamble)] = preamble
    do throws(SystemError) {
      try preamble.start(descriptor)
    } catch {
      preambleEnded(preamble)
    }
  }

  private func openHTTP(_ descriptor: Int32, from address: SocketAddress) {
    let connection = HTTP1DownstreamConnection(acceptor: self, peer: address)
    connections[ObjectIdentifier(connection)] = connection
    do throws(SystemError) {
      try connection.start(descriptor)
    } catch {
      connectionClosed(connection)
    }
  }

  // MARK: Passing on

  /// Its place is free again.
  func preambleEnded(_ preamble: NamePreamble) {
    names[ObjectIdentifier(preamble)] = nil
    placeFreed(preamble.peer)
  }

  /// The name is none that is passed on: TLS ends here.
  func secure(_ preamble: NamePreamble, _ descriptor: Int32) {
    names[ObjectIdentifier(preamble)] = nil
    openHTTP(descriptor, from: preamble.peer)
  }

  /// The connection is a service's.
  func passOn(
    _ preamble: NamePreamble, _ descriptor: Int32, name: [UInt8], service: String,
    _ table: PassthroughTable
  ) {
    names[ObjectIdentifier(preamble)] = nil
    guard let service = worker.snapshot.services[service] else {
      // A reload has just taken it away.
      worker.counters.passthroughEnds[Int(PassthroughEnd.noTarget.rawValue)] &+= 1
      Glibc.close(descriptor)
      return placeFreed(preamble.peer)
    }
    let passthrough = Passthrough(
      acceptor: self, peer: preamble.peer, name: name, service: service,
      idleTimeout: table.idleTimeout)
    passthroughs[ObjectIdentifier(passthrough)] = passthrough
    passthrough.begin(descriptor)
  }

  func passthroughEnded(_ passthrough: Passthrough) {
    guard passthroughs.removeValue(forKey: ObjectIdentifier(passthrough)) != nil else { return }
    placeFreed(passthrough.peer)
  }

  /// The same caller goes on by another protocol.
  func replace(_ connection: DownstreamConnection, by successor: DownstreamConnection) {
    connections[ObjectIdentifier(connection)] = nil
    connections[ObjectIdentifier(successor)] = successor
  }

  func connectionClosed(_ connection: DownstreamConnection) {
    guard connections.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
    placeFreed(connection.peer)
  }

  private func placeFreed(_ peer: SocketAddress) {
    if !perAddress.isEmpty, let ip = Self.caller(peer), let count = perAddress[ip] {
      perAddress[ip] = count > 1 ? count - 1 : nil
    }
    if isDraining { worker.drainProgressed() } else { startAccepting() }
  }

  /// The connection's place becomes a session's.
  func becameSession(_ connection: DownstreamConnection) {
    guard connections.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
    sessionCount += 1
  }

  /// The same for one that first has to say who it is.
  func becameStranger(_ connection: HTTP1DownstreamConnection, _ stream: FirstMessageStream) {
    guard connections.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
    strangers[ObjectIdentifier(stream)] = stream
  }

  /// One that came by a connection with others, which counts by itself.
  func becameStranger(_ stream: FirstMessageStream) {
    strangers[ObjectIdentifier(stream)] = stream
  }

  func becameSession(_ stream: FirstMessageStream) {
    guard strangers.removeValue(forKey: ObjectIdentifier(stream)) != nil else { return }
    if !stream.sharesConnection { sessionCount += 1 }
  }

  func connectionClosed(_ stream: FirstMessageStream) {
    guard strangers.removeValue(forKey: ObjectIdentifier(stream)) != nil else { return }
    if !stream.sharesConnection {
      placeFreed(stream.peer)
    } else if isDraining {
      worker.drainProgressed()
    }
  }

  func sessionEnded(_ session: Session) {
    if session.sharesConnection {
      if isDraining { worker.drainProgressed() }
      return
    }
    sessionCount -= 1
    placeFreed(session.peer)
  }

  private var countsAddresses: Bool { compiled.maxConnectionsPerAddress > 0 }

  private func recountAddresses() {
    perAddress = [:]
    guard countsAddresses else { return }
    for connection in connections.values {
      if let ip = Self.caller(connection.peer) { perAddress[ip, default: 0] += 1 }
    }
    for passthrough in passthroughs.values {
      if let ip = Self.caller(passthrough.peer) { perAddress[ip, default: 0] += 1 }
    }
    for preamble in names.values {
      if let ip = Self.caller(preamble.peer) { perAddress[ip, default: 0] += 1 }
    }
    for stream in strangers.values where !stream.sharesConnection {
      if let ip = Self.caller(stream.peer) { perAddress[ip, default: 0] += 1 }
    }
    for session in worker.sessions.all()
    where session.listener === self && !session.sharesConnection {
      if let ip = Self.caller(session.peer) { perAddress[ip, default: 0] += 1 }
    }
  }

  /// Who counts as one: an IPv4 address, or the /64 of an IPv6 address, because that is the least
  /// one subscriber has and within it addresses are free. Nil for Unix sockets.
  static func caller(_ address: SocketAddress) -> IPAddress? {
    guard let ip = address.ip else { return nil }
    return ip.isIPv4 || ip.isLoopback ? ip : IPAddress(high: ip.high, low: 0)
  }

  /// Accepts no more; idle connections close now, the others after their exchange.
  func drain() {
    if isDraining { return }
    isDraining = true
    close()
    endPreambles()
    endConnections()
  }

  /// Idle connections close now, the others after their exchange. Also when a reload begins or ends
  /// TLS here: what is said of a connection must be true of it.
  private func endConnections() {
    for connection in Array(connections.values) { connection.drain() }
  }

  private func endPreambles() {
    for preamble in Array(preambles.values) { preamble.end() }
    for preamble in Array(names.values) { preamble.end(.shutdown) }
  }

  /// Ends what is still open.
  func closeConnections() {
    endPreambles()
    for connection in Array(connections.values) { connection.shutDown() }
    for stream in Array(strangers.values) { stream.shutDown() }
    for passthrough in Array(passthroughs.values) { passthrough.shutDown() }
  }
}
