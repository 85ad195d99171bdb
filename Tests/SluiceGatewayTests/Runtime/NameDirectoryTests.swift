import SluiceReactor
import Testing

@testable import SluiceGateway

/// Names across reloads; all of them are in the static table, so nothing is really looked up.
@Suite struct NameDirectoryTests {
  private final class Owner: NameDirectoryOwner {
    let directory: NameDirectory
    let resolver: NameResolver
    var changes: [[String]] = []
    var events: [LifecycleEvent] = []

    init(loop: EventLoop) {
      resolver = NameResolver(timeoutNanoseconds: 1_000_000_000)
      directory = NameDirectory(loop: loop, resolver: resolver)
      directory.onChange = { [unowned self] _, resolution in
        if case .found(let addresses) = resolution { changes.append(addresses.map(\.description)) }
      }
      directory.onEvent = { [unowned self] in events.append($0) }
    }

    func watch(_ names: Set<String>, _ hosts: [String: [String]]) {
      resolver.update(hosts: hosts, timeoutNanoseconds: 1_000_000_000)
      directory.watch(names, interval: 3_600_000_000_000)
    }

    static func of(_ loop: EventLoop) -> Owner? { loop.owner as? Owner }
  }

  /// Runs the steps on a loop, each after the answers to the one before have arrived.
  private func run(_ steps: [@Sendable (Owner) -> Void]) throws -> Owner {
    let loop = try EventLoop()
    let owner = Owner(loop: loop)
    loop.owner = owner
    Self.post(steps[...], to: loop)
    loop.run()
    return owner
  }

  private static func post(_ steps: ArraySlice<@Sendable (Owner) -> Void>, to loop: EventLoop) {
    loop.mailbox.post { loop in
      guard let step = steps.first, let owner = Owner.of(loop) else { return loop.stop() }
      step(owner)
      post(steps.dropFirst(), to: loop)
    }
  }

  @Test func anAnswerFromBeforeAReloadIsNotTakenForOneFromAfter() throws {
    let owner = try run([
      {
        $0.watch(["a.test"], ["a.test": ["10.0.0.1"]])
        $0.watch(["a.test"], ["a.test": ["10.0.0.2"]])
      }
    ])
    #expect(owner.changes == [["10.0.0.2:0"]])
  }

  @Test func onlyChangesOfWhatIsWrittenAreEvents() throws {
    let owner = try run([
      { $0.watch(["a.test", "10.9.9.9"], ["a.test": ["10.0.0.1"]]) },
      { $0.watch(["a.test", "10.9.9.9"], ["a.test": ["10.0.0.1"]]) },
      { $0.watch(["a.test", "10.9.9.9"], ["a.test": ["10.0.0.2"]]) },
    ])
    #expect(owner.events == [.nameResolved(name: "a.test", addresses: ["10.0.0.2"])])
    // The workers are told every time: they may have new targets.
    #expect(owner.changes.count == 6)
  }
}
