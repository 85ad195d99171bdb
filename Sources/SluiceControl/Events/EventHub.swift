import SluiceGateway
import SluiceReactor
import Synchronization

/// Distributes events to whoever listens. Thread-safe.
///
/// Each listener has a bounded queue; one that is slow loses events and is told how many, and slows
/// nobody down.
final class EventHub: Sendable {
  static let maxListeners = 64

  private struct Listener: Sendable {
    let id: Int
    /// Empty is all.
    let kinds: Set<AdminEvent.Kind>
    let stream: LocalStream
  }

  private struct State {
    var listeners: [Listener] = []
    var nextID = 0
    var sequence: UInt64 = 0
  }

  private let state = Locked(State())
  private let listenerCount = Atomic(0)

  /// Whether an event would reach anybody; one load, so that nobody pays for what nobody hears.
  var isHeard: Bool { listenerCount.load(ordering: .relaxed) > 0 }

  func publish(_ event: @autoclosure () -> AdminEvent) {
    if !isHeard { return }
    let event = event()
    let (streams, sequence) = state.withLock { state in
      state.sequence += 1
      let heard = state.listeners.filter { $0.kinds.isEmpty || $0.kinds.contains(event.kind) }
      return (heard.map(\.stream), state.sequence)
    }
    if streams.isEmpty { return }
    let bytes = ServerSentEvent.bytes(event.kind.rawValue, id: sequence, data: event.data)
    for stream in streams { stream.send(bytes) }
  }

  func publish(_ news: SessionNews) {
    if news.lostBefore > 0 { lost(news.lostBefore) }
    publish(AdminEvent(news))
  }

  /// So many events never got here; everybody should know.
  private func lost(_ count: UInt64) {
    let streams = state.withLock { $0.listeners.map(\.stream) }
    for stream in streams { stream.send(ServerSentEvent.lost(count)) }
  }

  /// Nil when too many listen already.
  func listen(to kinds: Set<AdminEvent.Kind>) -> LocalStream? {
    let id = state.withLock { state -> Int? in
      if state.listeners.count >= Self.maxListeners { return nil }
      state.nextID += 1
      return state.nextID
    }
    guard let id else { return nil }
    var settings = LocalStream.Settings.serverSentEvents
    settings.onEnd = { [weak self] in self?.leave(id) }
    let stream = LocalStream(settings)
    // The head of the answer goes out with the first bytes, so that the caller knows it listens.
    stream.send(ServerSentEvent.keepAlive)
    state.withLock { $0.listeners.append(Listener(id: id, kinds: kinds, stream: stream)) }
    listenerCount.add(1, ordering: .relaxed)
    return stream
  }

  private func leave(_ id: Int) {
    let wasThere = state.withLock { state in
      let before = state.listeners.count
      state.listeners.removeAll { $0.id == id }
      return state.listeners.count < before
    }
    if wasThere { listenerCount.subtract(1, ordering: .relaxed) }
  }
}

extension LocalStream.Settings {
  static var serverSentEvents: Self {
    var settings = Self()
    settings.keepAlive = ServerSentEvent.keepAlive
    settings.lostNotice = ServerSentEvent.lost
    return settings
  }
}
