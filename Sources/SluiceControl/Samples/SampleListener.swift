import SluiceReactor

/// What a sample service answers.
enum SampleService: Sendable {
  /// `GET /time` → `{"timestamp": seconds}`.
  case time
  /// WebSocket `/stocks`: a quote every half second.
  case stocks
}

/// Accepts connections for one sample service.
final class SampleListener: StreamListener {
  private let service: SampleService

  init(loop: EventLoop, descriptor: Int32, service: SampleService) {
    self.service = service
    super.init(loop: loop, descriptor: descriptor, isShared: false)
    startAccepting()
  }

  override func accepted(_ descriptor: Int32, from address: SocketAddress) {
    let connection = SampleConnection(loop: loop, service: service)
    // A descriptor that can't be watched is closed by adopt; the peer sees it.
    try? connection.adopt(descriptor)
  }
}
