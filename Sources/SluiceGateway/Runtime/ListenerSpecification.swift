import SluiceConfiguration
import SluiceReactor

/// A listener as the control thread hands it to the workers: settings and, when it is new or moved,
/// a bound socket for each.
struct ListenerSpecification: Sendable {
  enum Destination: Sendable {
    case routes
    case responder(any LocalResponder)
  }

  let name: String
  /// Tells sockets apart for as long as the process runs; names may change hands.
  let socket: Int
  let index: Int
  let settings: Configuration.Listener
  let port: UInt16
  let isShared: Bool
  let destination: Destination
  let tls: TLSServerContext?
  /// By worker; nil when the workers have theirs already.
  let descriptors: [Int32]?

  func descriptor(worker: Int) -> Int32? { descriptors?[worker] }

  func compile() -> CompiledListener {
    CompiledListener(
      name: name, index: index, settings: settings, port: port, tls: tls,
      destination: {
        switch destination {
        case .routes: .routes
        case .responder(let responder): .responder(responder)
        }
      }())
  }
}
