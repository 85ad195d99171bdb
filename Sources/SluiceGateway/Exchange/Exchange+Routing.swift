import SluiceReactor
import SluiceWire

extension Exchange {
  /// Only what some route asks for: a name is a copy.
  func routedCaller(_ router: Router) -> RoutedCaller {
    RoutedCaller(
      serverName: router.asksForServerNames ? downstream?.serverName : nil,
      address: router.asksForAddresses ? clientAddress.ip : nil,
      exchange: router.asksForVariables ? self : nil)
  }

  /// Whether a variable of the file has this value; `*` is any but none.
  func variable(_ name: String, is value: [UInt8], orAny: Bool) -> Bool {
    guard let variable = worker.snapshot.variables[name] else { return false }
    var text = ByteBuffer()
    variable.append(self, .field, to: &text)
    return orAny ? !text.isEmpty : text.span.equals(value.span)
  }
}
