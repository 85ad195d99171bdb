import SluiceReactor
import SluiceWire

extension Exchange {
  /// Counts it, now that it is over.
  func count(status: Int) {
    let now = loop.now
    if let failed = internalRedirect?.failed {
      failed.counters.record(record, status: status, now: now)
    } else if withRoute({ $0.counters.record(record, status: status, now: now) }) == nil {
      worker.counters.unrouted.record(record, status: status, now: now)
    }
  }

  /// Only what some route asks for: a name is a copy.
  func routedCaller(_ section: RouteSection) -> RoutedCaller {
    let router = section.router
    guard router.asksForVariables else {
      return RoutedCaller(
        serverName: router.asksForServerNames ? downstream?.serverName : nil,
        address: router.asksForAddresses ? clientAddress.ip : nil)
    }
    section.variables.begin()
    return RoutedCaller(
      serverName: router.asksForServerNames ? downstream?.serverName : nil,
      address: router.asksForAddresses ? clientAddress.ip : nil, exchange: self,
      variables: section.variables)
  }
}
