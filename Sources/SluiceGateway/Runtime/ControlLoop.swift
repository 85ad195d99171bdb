import SluiceConfiguration
import SluiceReactor
import Synchronization

/// The control thread: name look-ups and lifecycle events, away from the workers.
final class ControlLoop: WorkerControl {
  private let thread: LoopThread
  private let resolver: NameResolver
  private let onEvent: @Sendable (LifecycleEvent) -> Void
  private let observer: SessionObserver?
  /// News on their way to this thread, and those that found too many there.
  private let newsWaiting = Atomic(0)
  private let newsLost = Atomic<UInt64>(0)
  private static let maxNewsWaiting = 10_000

  /// What lives on the loop.
  private final class Resident: NameDirectoryOwner {
    let directory: NameDirectory
    init(directory: NameDirectory) { self.directory = directory }
  }

  init(
    observer: SessionObserver?, onEvent: @escaping @Sendable (LifecycleEvent) -> Void
  ) throws(SystemError) {
    self.onEvent = onEvent
    self.observer = observer
    let resolver = NameResolver(timeoutNanoseconds: 5_000_000_000)
    self.resolver = resolver
    thread = try LoopThread(name: "control") { loop in
      let directory = NameDirectory(loop: loop, resolver: resolver)
      directory.onEvent = onEvent
      loop.owner = Resident(directory: directory)
    }
  }

  /// Looks the targets' names up from now on and tells the workers.
  func watchNames(of configuration: Configuration, workers: [Gateway.WorkerHandle]) {
    resolver.update(
      hosts: configuration.hosts,
      timeoutNanoseconds: configuration.resolver.timeout.nanoseconds)
    var names: Set<String> = []
    for service in configuration.allServices.values {
      for target in service.targets {
        if let name = TargetURL(target.url)?.lookupName(hosts: configuration.hosts) {
          names.insert(name)
        }
      }
    }
    let interval = configuration.resolver.interval.nanoseconds
    let mailboxes = workers.map(\.thread.mailbox)
    thread.mailbox.post { [names] loop in
      guard let directory = (loop.owner as? Resident)?.directory else { return }
      directory.onChange = { name, resolution in
        for mailbox in mailboxes {
          mailbox.post { Worker.of($0).addressesChanged(name, resolution) }
        }
      }
      directory.watch(names, interval: interval)
    }
  }

  func connectFailed(name: String) {
    thread.mailbox.post { loop in
      (loop.owner as? Resident)?.directory.connectFailed(name: name)
    }
  }

  func log(_ event: LifecycleEvent) { onEvent(event) }

  func sessionChanged(_ event: SessionEvent, now: MonotonicTime) {
    guard let observer, observer.isListening() else { return }
    if newsWaiting.load(ordering: .relaxed) >= Self.maxNewsWaiting {
      newsLost.add(1, ordering: .relaxed)
      return
    }
    newsWaiting.add(1, ordering: .relaxed)
    let news = SessionNews(event, now: now)
    thread.mailbox.post { [self] _ in
      newsWaiting.subtract(1, ordering: .relaxed)
      var news = news
      news.lostBefore = newsLost.exchange(0, ordering: .relaxed)
      observer.onNews(news)
    }
  }

  func stop() {
    thread.mailbox.post { loop in
      loop.owner = nil
      loop.stop()
    }
    thread.join()
  }
}
