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
    connections.count &+ preambles.count &+ strangers.count &+ sessionCount
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
    let connection = HTTP1DownstreamConnection(acceptor: self, peer: address)
    connections[ObjectIdentifier(connection)] = connection
    do throws(SystemError) {
      try connection.start(descriptor)
    } catch {
      connectionClosed(connection)
    }
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

  func becameSession(_ stream: FirstMessageStream) {
    guard strangers.removeValue(forKey: ObjectIdentifier(stream)) != nil else { return }
    sessionCount += 1
  }

  func connectionClosed(_ stream: FirstMessageStream) {
    guard strangers.removeValue(forKey: ObjectIdentifier(stream)) != nil else { return }
    placeFreed(stream.peer)
  }

  func sessionEnded(peer: SocketAddress) {
    sessionCount -= 1
    placeFreed(peer)
  }

  private var countsAddresses: Bool { compiled.maxConnectionsPerAddress > 0 }

  private func recountAddresses() {
    perAddress = [:]
    guard countsAddresses else { return }
    for connection in connections.values {
      if let ip = Self.caller(connection.peer) { perAddress[ip, default: 0] += 1 }
    }
    for stream in strangers.values {
      if let ip = Self.caller(stream.peer) { perAddress[ip, default: 0] += 1 }
    }
    for session in worker.sessions.all() where session.listener === self {
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

  private func endPreambles() { for preamble in Array(preambles.values) { preamble.end() } }

  /// Ends what is still open.
  func closeConnections() {
    endPreambles()
    for connection in Array(connections.values) { connection.shutDown() }
    for stream in Array(strangers.values) { stream.shutDown() }
  }
}
