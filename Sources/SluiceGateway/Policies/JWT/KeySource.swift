import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// A published set of keys, fetched ahead and again: the shell of `KeySetStateMachine`.
///
/// Registered with its worker's loop until `end`; a reload that keeps the URL keeps it.
final class KeySource: EventHandler {
  let settings: Configuration.JWKS
  private let algorithms: [Configuration.JWTAlgorithm]
  private var client: ServiceClient?
  private let target: [UInt8]
  private var machine: KeySetStateMachine
  private(set) var keys: [VerificationKey] = []
  /// Whether it was ever fetched.
  private(set) var isKnown = false
  /// How often a set lacked a key that the one before had.
  private(set) var keysTaken = 0
  private var waiting: [() -> Void] = []
  private(set) var isOver = false

  static let maxBytes = 1 << 20
  private static let maxKeys = 100

  init(
    _ settings: Configuration.JWKS, algorithms: [Configuration.JWTAlgorithm],
    client: ServiceClient?, loop: EventLoop
  ) {
    self.settings = settings
    self.algorithms = algorithms
    self.client = client
    let path = TargetURL(settings.url)?.basePath ?? ""
    target = Array((path.isEmpty ? "/" : path).utf8)
    machine = KeySetStateMachine(
      refreshNanoseconds: settings.refresh.nanoseconds,
      pauseNanoseconds: settings.pause.nanoseconds)
    super.init(loop: loop)
    loop.register(self)
    // In the next turn, when the configuration is in force.
    setDeadline(loop.now)
  }

  /// Services are another's after a reload.
  func replaceClient(_ client: ServiceClient?) { self.client = client }

  func end() {
    isOver = true
    loop.unregister(self)
    wake()
  }

  /// A token's key is not there. On `fetch`, `afterFetch` and then `fetch` are to be called.
  func keyMissing() -> KeySetStateMachine.Answer {
    isOver ? .missing : machine.keyMissing(now: loop.now)
  }

  /// Calls `then` once, when the fetch under way is over.
  func afterFetch(_ then: @escaping () -> Void) { waiting.append(then) }

  override func deadlineReached() { if machine.due(now: loop.now) { fetch() } }

  func fetch() {
    guard let client else { return fetched(nil) }
    var request = ClientRequest(target: target)
    request.lines.append("Accept: application/json\r\n")
    client.send(request, limit: Self.maxBytes) { [weak self] result in
      if case .response(let response) = result, response.status == 200 {
        self?.fetched(response.body)
      } else {
        self?.fetched(nil)
      }
    }
  }

  private func fetched(_ body: [UInt8]?) {
    let found = body.flatMap { JSONTree(parsing: $0.span) }?["keys"]?.elements
    var isChanged = false
    if let found {
      let former = keys
      keys = found.prefix(Self.maxKeys).compactMap {
        VerificationKey(jwk: $0, algorithms: algorithms)
      }
      let isTaken = Self.lacks(keys, some: former)
      if isTaken { keysTaken += 1 }
      // The first set of a place may lack what that of another place had before a reload.
      isChanged = isTaken || !isKnown || Self.lacks(former, some: keys)
      isKnown = true
    }
    if isOver { return }
    setDeadline(machine.fetched(isGood: found != nil, now: loop.now))
    if isChanged { Worker.of(loop).keysChanged() }
    wake()
  }

  private static func lacks(_ keys: [VerificationKey], some others: [VerificationKey]) -> Bool {
    !others.allSatisfy { other in keys.contains { $0.fingerprint == other.fingerprint } }
  }

  private func wake() {
    let waiting = self.waiting
    self.waiting = []
    for call in waiting { call() }
  }
}
