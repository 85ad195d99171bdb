import Glibc
import SluiceReactor
import SluiceWire

/// Accepts callers on one listener and one worker, and keeps its limits.
final class HTTPListener: StreamListener {
  let worker: Worker
  /// Replaced by a reload.
  var compiled: CompiledListener {
    // The new limit may leave room where the old one left none.
    didSet { if !isDraining { startAccepting() } }
  }
  private(set) var isDraining = false
  private var connections: [ObjectIdentifier: HTTP1DownstreamConnection] = [:]
  /// Open connections by address; kept only while there is a limit.
  private var perAddress: [IPAddress: Int] = [:]

  init(worker: Worker, compiled: CompiledListener, descriptor: Int32, isShared: Bool) {
    self.worker = worker
    self.compiled = compiled
    super.init(loop: worker.loop, descriptor: descriptor, isShared: isShared)
    startAccepting()
  }

  var connectionCount: Int { connections.count }

  override var hasRoom: Bool { connections.count < compiled.maxConnections }

  override func accepted(_ descriptor: Int32, from address: SocketAddress) {
    worker.counters.acceptedConnections &+= 1
    if compiled.maxConnectionsPerAddress > 0, let ip = address.ip {
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

  func connectionClosed(_ connection: HTTP1DownstreamConnection) {
    guard connections.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
    if !perAddress.isEmpty, let ip = connection.peer.ip, let count = perAddress[ip] {
      perAddress[ip] = count > 1 ? count - 1 : nil
    }
    if isDraining { worker.drainProgressed() } else { startAccepting() }
  }

  /// Accepts no more; idle connections close now, the others after their exchange.
  func drain() {
    if isDraining { return }
    isDraining = true
    close()
    for connection in Array(connections.values) { connection.drain() }
  }

  /// Ends what is still open.
  func closeConnections() {
    for connection in Array(connections.values) { connection.shutDown() }
  }
}
