internal import SluiceConfiguration
internal import SluiceWire

/// What routes demand besides host and path: methods, listeners, server names and addresses of callers,
/// header fields and query parameters.
///
/// One flat table for all routes; checking allocates nothing. A field or parameter that comes
/// several times satisfies a condition when one of them does. Field values are compared byte by
/// byte or by a regex for the whole value, parameters after percent-decoding (`+` is a space).
struct RouteConditions: ~Copyable, Sendable {
  enum Outcome {
    case holds
    /// Only the method is wrong.
    case methodFails
    case fails
    /// The regex of a header field or of a variable gave up, and everything else holds.
    case limit
  }

  struct Entry: Sendable {
    /// 0 is every method.
    var methods: MethodSet = 0
    /// Where the route's words in `listenerWords` begin; -1 is every listener.
    var listeners: Int32 = -1
    /// In `serverNames`; empty is every caller.
    var serverNames: ListRange = .empty
    /// In `addressSets`; -1 is every caller.
    var addresses: Int32 = -1
    var headers: ListRange = .empty
    var headersRegex: ListRange = .empty
    var query: ListRange = .empty
    /// In `variables`.
    var variables: ListRange = .empty
    /// The regex that the path has to match; -1 is none.
    var regex: Int32 = -1

    /// There are none.
    var isEmpty: Bool {
      methods == 0 && listeners < 0 && serverNames.isEmpty && addresses < 0 && headers.isEmpty
        && headersRegex.isEmpty && query.isEmpty && variables.isEmpty && regex < 0
    }
  }

  private struct Pair: Sendable {
    var known: FieldName
    var name: ListRange
    var value: ListRange
    var isAnyValue: Bool
    /// What the value is compared with instead; -1 is none.
    var regex: Int32 = -1
  }

  private(set) var entries: [Entry] = []
  private var listenerWords: [UInt64] = []
  private var pairs: [Pair] = []
  private var text: [UInt8] = []
  private var serverNames: [HostPattern] = []
  private var addressSets: [CIDRSet] = []
  /// The first is a place in `variableNames`.
  private var variables: [(variable: Int, value: [UInt8])] = []
  /// Variables of the file that routes ask for, each once.
  private(set) var variableNames: [String] = []
  let methods: MethodTable
  private let listenerNames: [String]

  init(methods: MethodTable, listeners: [String]) {
    self.methods = methods
    listenerNames = listeners
  }

  /// How many conditions a route has besides host and path; more come before fewer.
  static func count(_ match: Configuration.Match) -> Int {
    let lists = [match.methods, match.listeners, match.serverNames, match.addresses]
    return lists.count { !$0.isEmpty } + match.headers.count + match.headersRegex.count
      + match.query.count + match.variables.count
  }

  /// Whether any route asks what a caller's TLS handshake named.
  var asksForServerNames: Bool { !serverNames.isEmpty }
  /// Whether any route asks where a caller is.
  var asksForAddresses: Bool { !addressSets.isEmpty }

  /// Whether any route asks what a variable of the file is.
  var asksForVariables: Bool { !variables.isEmpty }

  /// Adds the next route's conditions.
  mutating func append(
    _ match: Configuration.Match, regex: Int32, _ regexes: RegexSet, route: String
  ) throws(RouterError) {
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
    let firstName = serverNames.count
    for name in match.serverNames {
      guard let pattern = HostPattern(name), !name.hasPrefix("~") else {
        throw .invalidHost(route: route, host: name)
      }
      serverNames.append(pattern)
    }
    entry.serverNames = ListRange(start: firstName, count: serverNames.count - firstName)
    if !match.addresses.isEmpty {
      guard let set = CIDRSet(texts: match.addresses) else {
        throw .invalidAddress(route: route)
      }
      entry.addresses = Int32(addressSets.count)
      addressSets.append(set)
    }
    entry.headers = append(match.headers, areFields: true)
    entry.headersRegex = try append(match.headersRegex, regexes, route: route)
    entry.query = append(match.query, areFields: false)
    let firstVariable = variables.count
    for (name, value) in match.variables.sorted(by: { $0.key < $1.key }) {
      let known = variableNames.firstIndex(of: name)
      if known == nil { variableNames.append(name) }
      variables.append((known ?? variableNames.count - 1, Array(value.utf8)))
    }
    entry.variables = ListRange(start: firstVariable, count: variables.count - firstVariable)
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

  private mutating func append(
    _ patterns: [String: String], _ regexes: RegexSet, route: String
  ) throws(RouterError) -> ListRange {
    let start = pairs.count
    for (name, pattern) in patterns.sorted(by: { $0.key < $1.key }) {
      let bytes = name.utf8.map(\.asciiLowercased)
      do throws(RegexSet.PatternError) {
        pairs.append(
          Pair(
            known: FieldName(bytes.span), name: store(bytes), value: .empty, isAnyValue: false,
            regex: Int32(try regexes.add(pattern))))
      } catch {
        throw .invalidRegex(route: route, message: error.message, offset: error.offset)
      }
    }
    return ListRange(start: start, count: pairs.count - start)
  }

  private mutating func store(_ bytes: [UInt8]) -> ListRange {
    text += bytes
    return ListRange(start: text.count - bytes.count, count: bytes.count)
  }

  /// Whether a route's conditions hold; `method` is the request's bit. The path's regex is not looked at.
  func check(
    _ route: Int, _ head: borrowing RequestHead, query: Span<UInt8>, listener: Int,
    _ caller: RoutedCaller, method: MethodSet, _ regexes: RegexSet
  ) -> Outcome {
    let entry = entries[route]
    if !listenerHolds(entry, listener) { return .fails }
    if !entry.serverNames.isEmpty, !nameHolds(entry, caller) { return .fails }
    if entry.addresses >= 0, !addressHolds(entry, caller) { return .fails }
    for index in entry.headers.range where !fieldHolds(index, head) { return .fails }
    for index in entry.query.range where !parameterHolds(index, query) { return .fails }
    var isLimited = false
    for index in entry.variables.range {
      switch variableHolds(index, caller) {
      case .match: break
      case .noMatch: return .fails
      case .limit: isLimited = true
      }
    }
    for index in entry.headersRegex.range {
      switch fieldMatches(index, head, regexes, counting: true) {
      case .match: break
      case .noMatch: return .fails
      case .limit: isLimited = true
      }
    }
    if entry.methods != 0, entry.methods & method == 0 { return .methodFails }
    return isLimited ? .limit : .holds
  }

  /// Names are compared as hosts are; a dot at the end is ignored.
  private func nameHolds(_ entry: Entry, _ caller: RoutedCaller) -> Bool {
    guard let name = caller.serverName, !name.isEmpty else { return false }
    let bare = name.span.extracting(..<HostPattern.length(name.span))
    for index in entry.serverNames.range where serverNames[index].matches(bare) { return true }
    return false
  }

  private func addressHolds(_ entry: Entry, _ caller: RoutedCaller) -> Bool {
    guard let address = caller.address else { return false }
    return addressSets[Int(entry.addresses)].contains(address)
  }

  private func variableHolds(_ index: Int, _ caller: RoutedCaller) -> RegexSet.Outcome {
    let (variable, value) = variables[index]
    guard let exchange = caller.exchange, let values = caller.variables,
      let text = values.value(variable, of: exchange)
    else { return caller.exchange == nil ? .noMatch : .limit }
    let holds = value == Self.anyValue ? !text.isEmpty : text == value
    return holds ? .match : .noMatch
  }

  private static let anyValue = Array("*".utf8)

  private func listenerHolds(_ entry: Entry, _ listener: Int) -> Bool {
    if entry.listeners < 0 { return true }
    guard listener >= 0, listener < listenerNames.count else { return false }
    return listenerWords[Int(entry.listeners) + listener / 64] & (1 << UInt64(listener % 64)) != 0
  }

  private func fieldHolds(_ index: Int, _ head: borrowing RequestHead) -> Bool {
    let pair = pairs[index]
    let value = text.span.extracting(pair.value.range)
    var start = 0
    while let at = next(pair, head, from: start) {
      if pair.isAnyValue || bytesEqual(head.span(head.fields[at].value), value) { return true }
      start = at &+ 1
    }
    return false
  }

  private func fieldMatches(
    _ index: Int, _ head: borrowing RequestHead, _ regexes: RegexSet, counting: Bool
  ) -> RegexSet.Outcome {
    let pair = pairs[index]
    var outcome = RegexSet.Outcome.noMatch
    var start = 0
    while let at = next(pair, head, from: start) {
      let value = head.span(head.fields[at].value)
      switch counting
        ? regexes.test(Int(pair.regex), value) : regexes.run(Int(pair.regex), value)
      {
      case .match: return .match
      case .noMatch: break
      case .limit: outcome = .limit
      }
      start = at &+ 1
    }
    return outcome
  }

  /// The next field of this name from a place on.
  private func next(_ pair: Pair, _ head: borrowing RequestHead, from start: Int) -> Int? {
    // What the head knows by name it also knows the place of.
    if start == 0, pair.known != .other { return head.firstIndex(of: pair.known) }
    let name = text.span.extracting(pair.name.range)
    let fields = head.fields.span
    var at = start
    while at < fields.count {
      if fields[at].known == pair.known,
        pair.known != .other || head.span(fields[at].name).equalsIgnoringCase(name)
      {
        return at
      }
      at &+= 1
    }
    return nil
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

  /// For `trace`: the first condition that fails, in the order listener, caller, headers, query, headers
  /// by regex, method.
  func firstFailure(
    _ route: Int, _ head: borrowing RequestHead, query: Span<UInt8>, listener: Int,
    _ caller: RoutedCaller, _ regexes: RegexSet
  ) -> RouteVerdict.Reason? {
    let entry = entries[route]
    if !listenerHolds(entry, listener) { return .listener }
    if !entry.serverNames.isEmpty, !nameHolds(entry, caller) { return .serverName }
    if entry.addresses >= 0, !addressHolds(entry, caller) { return .address }
    for index in entry.headers.range where !fieldHolds(index, head) {
      return .header(name(of: index))
    }
    for index in entry.query.range where !parameterHolds(index, query) {
      return .query(name(of: index))
    }
    var isLimited = false
    for index in entry.variables.range {
      switch variableHolds(index, caller) {
      case .match: break
      case .noMatch: return .variable(variableNames[variables[index].variable])
      case .limit: isLimited = true
      }
    }
    for index in entry.headersRegex.range {
      switch fieldMatches(index, head, regexes, counting: false) {
      case .match: break
      case .noMatch: return .header(name(of: index))
      case .limit: isLimited = true
      }
    }
    if entry.methods != 0, entry.methods & methods.bit(head) == 0 { return .method }
    return isLimited ? .regexLimit : nil
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
