public import SluiceGateway
import Synchronization

/// Answers the admin listener: health and metrics.
///
/// The gateway takes its responders when it starts, so it is handed over afterwards; until then the
/// process is not ready.
public final class AdminResponder: LocalResponder {
  private struct Reference: Sendable { weak var gateway: Gateway? }
  private let reference = Mutex(Reference())

  public init() {}

  public func attach(_ gateway: Gateway) { reference.withLock { $0.gateway = gateway } }

  public func answer(_ request: LocalRequest) async -> LocalAnswer {
    let gateway = reference.withLock { $0.gateway }
    switch request.path {
    case "/livez": return LocalAnswer(status: 200, body: Array("ok\n".utf8))
    case "/readyz":
      let isReady = gateway?.isReady ?? false
      return LocalAnswer(
        status: isReady ? 200 : 503, body: Array((isReady ? "ok\n" : "draining\n").utf8))
    default: return LocalAnswer(status: 404, body: Array("not found\n".utf8))
    }
  }
}
