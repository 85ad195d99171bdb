import SluiceConfiguration
import SluiceWire

/// Which server names go to which services without being decrypted: exact names before wildcards, of
/// which the longest counts. Pure.
struct PassthroughTable {
  private var exact: [[UInt8]: String] = [:]
  /// By what follows the `*`, with its dot.
  private var wildcards: [[UInt8]: String] = [:]
  /// Without a byte in either direction.
  let idleTimeout: Int64

  init(_ settings: Configuration.Passthrough) {
    idleTimeout = settings.idleTimeout.nanoseconds
    for (pattern, service) in settings.names {
      let name = Array(pattern.lowercased().utf8)
      if name.first == 0x2A {
        wildcards[Array(name.dropFirst())] = service
      } else {
        exact[name] = service
      }
    }
  }

  /// `name` is in lower case. A wildcard stands for any number of labels, as in a route's hosts.
  func service(for name: [UInt8]) -> String? {
    if let service = exact[name] { return service }
    if wildcards.isEmpty { return nil }
    for index in name.indices.dropFirst() where name[index] == 0x2E {
      if let service = wildcards[Array(name[index...])] { return service }
    }
    return nil
  }
}

/// How a connection ended that was, or was to be, passed on undecrypted; the labels are those of a metric.
enum PassthroughEnd: UInt8, CaseIterable {
  case client, upstream, network, idleTimeout, noTarget, unlisted, malformed, silent, shutdown

  var label: StaticString {
    switch self {
    case .client: "client"
    case .upstream: "upstream"
    case .network: "network"
    case .idleTimeout: "idle-timeout"
    case .noTarget: "no-target"
    case .unlisted: "unlisted"
    case .malformed: "malformed"
    case .silent: "silent"
    case .shutdown: "shutdown"
    }
  }
}
