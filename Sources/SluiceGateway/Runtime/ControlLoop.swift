import SluiceConfiguration
import SluiceReactor

/// The control thread: name look-ups and lifecycle events, away from the workers.
final class ControlLoop: WorkerControl {
  private let thread: LoopThread
  private let resolver: NameResolver
  private let onEvent: @Sendable (LifecycleEvent) -> Void

  /// What lives on the loop.
  private final class Resident: NameDirectoryOwner {
    let directory: NameDirectory
    init(directory: NameDirectory) { self.directory = directory }
  }

  init(onEvent: @escaping @Sendable (LifecycleEvent) -> Void) throws(SystemError) {
    self.onEvent = onEvent
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
        if case .network(let name)? = TargetURL(target.url)?.host { names.insert(name) }
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

  func stop() {
    thread.mailbox.post { loop in
      loop.owner = nil
      loop.stop()
    }
    thread.join()
  }
}
