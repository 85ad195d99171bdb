import SluiceReactor

extension Exchange {
  /// Only what some route asks for: a name is a copy.
  func routedCaller(_ router: Router) -> RoutedCaller {
    RoutedCaller(
      serverName: router.asksForServerNames ? downstream?.serverName : nil,
      address: router.asksForAddresses ? clientAddress.ip : nil)
  }
}
