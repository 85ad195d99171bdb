import SluiceReactor

/// A caller's connection, whatever it speaks.
class DownstreamConnection: StreamConnection {
  final let worker: Worker
  final let peer: SocketAddress
  /// The acceptor, whose settings a reload replaces.
  final let acceptor: HTTPListener

  final var listener: CompiledListener { acceptor.compiled }

  init(acceptor: HTTPListener, peer: SocketAddress) {
    self.acceptor = acceptor
    self.peer = peer
    worker = acceptor.worker
    super.init(loop: acceptor.loop)
  }

  /// Ends an idle connection now and any other after what is under way.
  func drain() {}

  /// Ends at once, whatever is under way.
  func shutDown() {}
}
