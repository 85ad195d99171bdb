import SluiceReactor
public import SluiceWire

/// What a policy from outside of this package sees of an exchange. Text is made when it is asked for; the
/// policies of the gateway itself read bytes.
extension Exchange {
  /// As sent.
  public var method: String { Self.method(of: request) }

  /// Normalised, without the query.
  public var path: String { withPath { Self.text($0) } }

  /// As the target will get it; empty without one.
  public var query: String { withQuery { Self.text($0) } }

  /// The name of the route that matched; nil before one did.
  public var routeName: String? { route?.name }

  /// The caller's address, behind trusted proxies the one they report; empty over a Unix socket.
  public var callerAddress: String {
    let address = clientAddress
    return address.ip.map { "\($0)" } ?? ""
  }

  /// The value of the first field of this name in the request, ignoring case; nil without one.
  public func requestField(_ name: String) -> String? {
    Self.value(of: Array(name.utf8), request)
  }

  /// Adds a field to what the target gets.
  public func addRequestField(_ line: FieldLine) { requestEdits.add(line) }

  /// Leaves the request's fields of this name out of what the target gets.
  public func dropRequestFields(_ name: String) { dropRequestFields(named: Array(name.utf8)) }

  /// Adds a field to the response, whoever makes it.
  public func addResponseField(_ line: FieldLine) { responseEdits.add(line) }

  /// Leaves the target's fields of this name out of what the caller gets; in `CompiledPolicy.response`.
  public func dropResponseFields(_ name: String, of head: borrowing ResponseHead) {
    dropResponseFields(named: Array(name.utf8), of: head)
  }

  private static func method(of head: borrowing RequestHead) -> String {
    text(head.span(head.methodName))
  }

  private static func value(of name: [UInt8], _ head: borrowing RequestHead) -> String? {
    head.firstIndex(named: name.span).map { text(head.span(head.fields[$0].value)) }
  }

  static func text(_ bytes: Span<UInt8>) -> String {
    bytes.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
  }
}
