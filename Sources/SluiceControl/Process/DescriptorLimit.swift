import Glibc
public import SluiceConfiguration
import SluiceReactor

/// How many descriptors the process may have open (RLIMIT_NOFILE).
public enum DescriptorLimit {
  /// What is open beside connections: files, epolls, listeners, the resolver's sockets.
  private static let reserve = 64

  /// The soft limit in force.
  static var current: UInt64 {
    var limit = rlimit()
    return getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
      ? UInt64(limit.rlim_cur) : 0
  }

  /// Raises the soft limit to the hard one, and returns what is in force.
  @discardableResult
  public static func raise() -> UInt64 {
    var limit = rlimit()
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    guard getrlimit(resource, &limit) == 0 else { return 0 }
    if limit.rlim_cur < limit.rlim_max {
      var raised = limit
      raised.rlim_cur = limit.rlim_max
      if setrlimit(resource, &raised) == 0 { limit = raised }
    }
    return UInt64(limit.rlim_cur)
  }

  /// The most descriptors that the listeners' connection limits allow for, with an upstream
  /// connection for each caller, and the pipes of large bodies.
  public static func needed(by configuration: Configuration, workers: Int) -> UInt64 {
    let connections = configuration.listeners.values.reduce(0) { $0 + $1.limits.connections }
    return UInt64((connections + EventLoop.pipeLimit) * workers * 2 + reserve)
  }
}
