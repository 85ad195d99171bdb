import SluiceGateway
import SluiceReactor

/// Counts the taps that are open. Thread-safe.
final class TapStreams: Sendable {
  static let maxTaps = 16

  private let count = Locked(0)

  /// A place and a stream that gives it back at its end; nil when there are too many.
  func begin() -> LocalStream? {
    let hasPlace = count.withLock { count in
      if count == Self.maxTaps { return false }
      count += 1
      return true
    }
    if !hasPlace { return nil }
    var settings = LocalStream.Settings()
    settings.keepAlive = ServerSentEvent.keepAlive
    settings.lostNotice = SessionTap.dropped
    settings.onEnd = { [weak self] in self?.count.withLock { $0 -= 1 } }
    let stream = LocalStream(settings)
    // The head of the answer goes out with the first bytes, so that the caller knows it listens.
    stream.send(ServerSentEvent.keepAlive)
    return stream
  }
}
