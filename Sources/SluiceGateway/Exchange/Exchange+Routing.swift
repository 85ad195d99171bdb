import SluiceReactor
import SluiceWire

extension Exchange {
  /// Where this exchange is counted.
  var counters: RouteCounters {
    (internalRedirect?.failed ?? route)?.counters ?? worker.counters.unrouted
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
