import SluiceReactor
import SluiceWire

/// What the file's variables are for the request that a router looks at, each found out once and only when a
/// route asks. One per section and worker; not thread-safe.
final class RoutedVariables {
  private enum Value {
    case unknown
    case text([UInt8])
    /// A regular expression gave up.
    case limit
  }

  /// By the place in `RouteConditions.variableNames`.
  private let variables: [CompiledVariable?]
  private var values: [Value]

  init(_ names: [String], _ variables: [String: CompiledVariable]) {
    self.variables = names.map { variables[$0] }
    values = Array(repeating: .unknown, count: names.count)
  }

  /// Another request comes, or the same by another path.
  func begin() {
    for index in values.indices { values[index] = .unknown }
  }

  /// Nil when nobody knows, because a regular expression has given up.
  func value(_ index: Int, of exchange: Exchange) -> [UInt8]? {
    switch values[index] {
    case .text(let text): return text
    case .limit: return nil
    case .unknown: break
    }
    // Whether the request is refused is for the router to say: this route may not be the one.
    let before = exchange.record.hasReachedRegexLimit
    exchange.record.hasReachedRegexLimit = false
    var text = ByteBuffer()
    variables[index]?.append(exchange, .field, to: &text)
    let isLimited = exchange.record.hasReachedRegexLimit
    exchange.record.hasReachedRegexLimit = before
    let bytes = text.copiedBytes()
    values[index] = isLimited ? .limit : .text(bytes)
    return isLimited ? nil : bytes
  }
}
