/// What an operator should know of; the message is static, the values are metadata.
public enum LifecycleEvent: Sendable, Equatable {
  case targetEjected(service: String, target: String)
  case targetRecovered(service: String, target: String)
  /// Active checks found the target unhealthy; `reason` is what the last one found.
  case targetUnhealthy(service: String, target: String, reason: String)
  /// Active checks found it healthy again.
  case targetHealthy(service: String, target: String)
  case targetHandshakeFailed(target: String, reason: String)
  case nameResolved(name: String, addresses: [String])
  case nameLookupFailed(name: String, reason: String)
  /// The output of the access log or of `file-log` was too slow, or could not be written to.
  case logLost(output: String, batches: UInt64)
  case draining(timeout: String)
  /// Nothing is open any more.
  case drained
  case drainAborted

  public var message: StaticString {
    switch self {
    case .targetEjected: "target ejected"
    case .targetRecovered: "target recovered"
    case .targetUnhealthy: "target unhealthy"
    case .targetHealthy: "target healthy"
    case .targetHandshakeFailed: "TLS with target failed"
    case .nameResolved: "name resolved"
    case .nameLookupFailed: "name lookup failed"
    case .logLost: "log batches lost"
    case .draining: "draining"
    case .drained: "drained"
    case .drainAborted: "drain aborted"
    }
  }

  public var metadata: [(key: StaticString, value: String)] {
    switch self {
    case .targetEjected(let service, let target), .targetRecovered(let service, let target),
      .targetHealthy(let service, let target):
      [("service", service), ("target", target)]
    case .targetUnhealthy(let service, let target, let reason):
      [("service", service), ("target", target), ("reason", reason)]
    case .targetHandshakeFailed(let target, let reason):
      [("target", target), ("reason", reason)]
    case .nameResolved(let name, let addresses):
      [("name", name), ("addresses", addresses.joined(separator: ","))]
    case .nameLookupFailed(let name, let reason): [("name", name), ("reason", reason)]
    case .logLost(let output, let batches):
      [("output", output), ("batches", String(batches))]
    case .draining(let timeout): [("timeout", timeout)]
    case .drained, .drainAborted: []
    }
  }
}
