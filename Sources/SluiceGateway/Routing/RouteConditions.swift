internal import SluiceConfiguration
internal import SluiceWire

/// What routes demand besides host and path: methods, listeners, header fields and query
/// parameters.
///
/// One flat table for all routes; checking allocates nothing. A field or parameter that comes
/// several times satisfies a condition when one of them does. Field values are compared byte by
/// byte, parameters after percent-decoding (`+` is a space).
struct RouteConditions: ~Copyable, Sendable {
  enum Outcome {
    case holds
    /// Only the method is wrong.
    case methodFails
    case fails
  }

  struct Entry: Sendable {
    /// 0 is every method.
    var methods: MethodSet = 0
    /// Where the route's words in `listenerWords` begin; -1 is every listener.
    var listeners: Int32 = -1
    var headers: ListRange = .empty
    var query: ListRange = .empty
    /// The regex that the path has to match; -1 is none.
    var regex: Int32 = -1

    /// There are none.
    var isEmpty: Bool {
      methods == 0 && listeners < 0 && headers.isEmpty && query.isEmpty && regex < 0
    }
  }

  private struct Pair: Sendable {
    var known: FieldName
    var name: ListRange
    var value: ListRange
    var isAnyValue: Bool
  }

  private(set) var entries: [Entry] = []
  private var listenerWords: [UInt64] = []
  private var pairs: [Pair] = []
  private var text: [UInt8] = []
  let methods: MethodTable
  private let listenerNames: [String]

  init(methods: MethodTable, listeners: [String]) {
    self.methods = methods
    listenerNames = listeners
  }

  /// How many conditions a route has besides host and path; more come before fewer.
  static func count(_ match: Configuration.Match) -> Int {
    (match.methods.isEmpty ? 0 : 1) + (match.listeners.isEmpty ? 0 : 1) + match.headers.count
      + match.query.count
  }

  /// Adds the next route's conditions.
  mutating func append(_ match: Configuration.Match, regex: Int32, route: String)
    throws(RouterError)
  {
    var entry = Entry()
    entry.methods = methods.set(match.methods)
    entry.regex = regex
    if !match.listeners.isEmpty {
      entry.listeners = Int32(listenerWords.count)
      var words = [UInt64](repeating: 0, count: (listenerNames.count + 63) / 64)
      for name in match.listeners {
        guard let index = listenerNames.firstIndex(of: name) else {
          throw .unknownListener(route: route, listener: name)
        }
        words[index / 64] |= 1 << (index % 64)
      }
      listenerWords += words
    }
    entry.headers = append(match.headers, areFields: true)
    entry.query = append(match.query, areFields: false)
    entries.append(entry)
  }

  private mutating func append(_ values: [String: String], areFields: Bool) -> ListRange {
    let start = pairs.count
    for (name, value) in values.sorted(by: { $0.key < $1.key }) {
      let bytes = areFields ? name.utf8.map(\.asciiLowercased) : Array(name.utf8)
      pairs.append(
        Pair(
          known: areFields ? FieldName(bytes.span) : .other, name: store(bytes),
          value: store(Array(value.utf8)), isAnyValue: value == "*"))
    }
    return ListRange(start: start, count: pairs.count - start)
  }

  private mutating func store(_ bytes: [UInt8]) -> ListRange {
    text += bytes
    return ListRange(start: text.count - bytes.count, count: bytes.count)
  }

  /// Whether a route's conditions hold; `method` is the request's bit. The regex is not looked at.
  func check(
    _ route: Int, _ head: borrowing RequestHead, query: Span<UInt8>, listener: Int,
    method: MethodSet
  ) -> Outcome {
    let entry = entries[route]
    if !listenerHolds(entry, listener) { return .fails }
    for index in entry.headers.range where !fieldHolds(index, head) { return .fails }
    for index in entry.query.range where !parameterHolds(index, query) { return .fails }
    return entry.methods == 0 || entry.methods & method != 0 ? .holds : .methodFails
  }

  private func listenerHolds(_ entry: Entry, _ listener: Int) -> Bool {
    if entry.listeners < 0 { return true }
    guard listener >= 0, listener < listenerNames.count else { return false }
    return listenerWords[Int(entry.listeners) + listener / 64] & (1 << UInt64(listener % 64)) != 0
  }

  private func fieldHolds(_ index: Int, _ head: borrowing RequestHead) -> Bool {
    let pair = pairs[index]
    let name = text.span.extracting(pair.name.range)
    let value = text.span.extracting(pair.value.range)
    guard let first = pair.known == .other ? 0 : head.firstIndex(of: pair.known) else {
      return false
    }
    let fields = head.fields.span
    for at in first..<fields.count {
      let field = fields[at]
      if field.known != pair.known { continue }
      if pair.known == .other, !head.span(field.name).equalsIgnoringCase(name) { continue }
      if pair.isAnyValue || bytesEqual(head.span(field.value), value) { return true }
    }
    return false
  }

  private func parameterHolds(_ index: Int, _ query: Span<UInt8>) -> Bool {
    let pair = pairs[index]
    let name = text.span.extracting(pair.name.range)
    let value = text.span.extracting(pair.value.range)
    var start = 0
    while start < query.count {
      var end = start
      var equals = -1
      while end < query.count, query[end] != UInt8(ascii: "&") {
        if equals < 0, query[end] == UInt8(ascii: "=") { equals = end }
        end &+= 1
      }
      let nameEnd = equals < 0 ? end : equals
      if decodes(query.extracting(start..<nameEnd), to: name),
        pair.isAnyValue || decodes(query.extracting(min(nameEnd + 1, end)..<end), to: value)
      {
        return true
      }
      start = end &+ 1
    }
    return false
  }

  /// For `trace`: the first condition that fails, in the order listener, headers, query, method.
  func firstFailure(
    _ route: Int, _ head: borrowing RequestHead, query: Span<UInt8>, listener: Int
  ) -> RouteVerdict.Reason? {
    let entry = entries[route]
    if !listenerHolds(entry, listener) { return .listener }
    for index in entry.headers.range where !fieldHolds(index, head) {
      return .header(name(of: index))
    }
    for index in entry.query.range where !parameterHolds(index, query) {
      return .query(name(of: index))
    }
    return entry.methods == 0 || entry.methods & methods.bit(head) != 0 ? nil : .method
  }

  private func name(of pair: Int) -> String {
    String(decoding: text[pairs[pair].name.range], as: UTF8.self)
  }
}

/// A run of elements in a flat array.
struct ListRange: Sendable, Equatable {
  private var start: Int32
  private var size: Int32

  static let empty = ListRange(start: 0, count: 0)

  init(start: Int, count: Int) {
    self.start = Int32(start)
    size = Int32(count)
  }

  var isEmpty: Bool { size == 0 }
  var range: Range<Int> { Int(start)..<Int(start) &+ Int(size) }
}

/// Whether a piece of a query decodes to `plain`. A `%` without two hex digits stands for itself.
private func decodes(_ encoded: Span<UInt8>, to plain: Span<UInt8>) -> Bool {
  var at = 0
  var compared = 0
  while at < encoded.count {
    var byte = encoded[at]
    at &+= 1
    if byte == UInt8(ascii: "+") {
      byte = UInt8(ascii: " ")
    } else if byte == UInt8(ascii: "%"), at &+ 1 < encoded.count,
      let high = encoded[at].hexValue, let low = encoded[at &+ 1].hexValue
    {
      byte = high << 4 | low
      at &+= 2
    }
    guard compared < plain.count, plain[compared] == byte else { return false }
    compared &+= 1
  }
  return compared == plain.count
}
