internal import SluiceWire

/// A set of methods that routes name; bit numbers follow the sorted names.
typealias MethodSet = UInt64

/// The methods that routes name, each with a bit.
///
/// A route for GET answers HEAD, too (RFC 9110 9.3.2: the same without the content), so GET's set
/// holds HEAD's bit.
struct MethodTable: Sendable {
  static let capacity = MethodSet.bitWidth

  private let names: [[UInt8]]
  /// By `HTTPMethod.rawValue`; 0 when no route names the method.
  private let known: [MethodSet]
  /// The names without a case in `HTTPMethod`.
  private let others: [(name: [UInt8], bit: MethodSet)]

  /// Nil when there are more than `capacity`.
  init?(_ methods: some Sequence<String>) {
    var unique = Set(methods)
    if unique.contains("GET") { unique.insert("HEAD") }
    guard unique.count <= Self.capacity else { return nil }
    names = unique.map { Array($0.utf8) }.sorted { $0.lexicographicallyPrecedes($1) }
    var known = [MethodSet](repeating: 0, count: HTTPMethod.allCases.count)
    var others: [(name: [UInt8], bit: MethodSet)] = []
    for (index, name) in names.enumerated() {
      let method = HTTPMethod(name.span)
      if method == .other {
        others.append((name, 1 << index))
      } else {
        known[Int(method.rawValue)] = 1 << index
      }
    }
    self.known = known
    self.others = others
  }

  /// The bit of a request's method; 0 when no route names it.
  func bit(_ head: borrowing RequestHead) -> MethodSet {
    if head.method != .other { return known[Int(head.method.rawValue)] }
    if others.isEmpty { return 0 }
    let name = head.span(head.methodName)
    for other in others {
      let candidate = other.name
      if bytesEqual(candidate.span, name) { return other.bit }
    }
    return 0
  }

  /// What a route's `methods` allow; 0 is every method.
  func set(_ methods: [String]) -> MethodSet {
    var set: MethodSet = 0
    for (index, name) in names.enumerated() {
      let isNamed = methods.contains { $0.utf8.elementsEqual(name) }
      let isImplied = name.elementsEqual("HEAD".utf8) && methods.contains("GET")
      if isNamed || isImplied { set |= 1 << index }
    }
    return set
  }

  /// The value of an Allow field.
  func text(_ set: MethodSet) -> [UInt8] {
    var text: [UInt8] = []
    for (index, name) in names.enumerated() where set & (1 << index) != 0 {
      if !text.isEmpty { text += ", ".utf8 }
      text += name
    }
    return text
  }
}
