/// What Cache-Control says in a request or a response (RFC 9111 5.2, RFC 5861).
///
/// `add` takes the value of each such field. What breaks the syntax makes the whole malformed: who
/// can't read an instruction must not guess that it allows something. Unknown directives are skipped.
public struct CacheControl: Equatable, Sendable {
  public struct Directives: OptionSet, Sendable {
    public let rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let noStore = Directives(rawValue: 1)
    /// Also with a list of fields, which asks for less.
    public static let noCache = Directives(rawValue: 2)
    /// Also with a list of fields, which asks for less.
    public static let `private` = Directives(rawValue: 4)
    public static let `public` = Directives(rawValue: 8)
    public static let mustRevalidate = Directives(rawValue: 16)
    public static let proxyRevalidate = Directives(rawValue: 32)
    public static let mustUnderstand = Directives(rawValue: 64)
    public static let noTransform = Directives(rawValue: 128)
    public static let onlyIfCached = Directives(rawValue: 256)
  }

  public private(set) var directives: Directives = []
  /// Seconds, at most `longest`.
  public private(set) var maxAge: UInt32?
  public private(set) var sMaxAge: UInt32?
  public private(set) var staleWhileRevalidate: UInt32?
  public private(set) var staleIfError: UInt32?
  public private(set) var minFresh: UInt32?
  /// `longest` when any staleness will do.
  public private(set) var maxStale: UInt32?
  public private(set) var isMalformed = false

  /// What larger numbers count as (RFC 9111 1.2.2).
  public static let longest: UInt32 = 1 << 31

  public init() {}

  public func contains(_ directives: Directives) -> Bool { self.directives.contains(directives) }

  /// Reads one field's value.
  public mutating func add(_ value: Span<UInt8>) {
    var at = 0
    while at < value.count {
      if value[at] == 0x2C || FieldSyntax.isWhitespace(value[at]) {
        at &+= 1
        continue
      }
      guard let directive = Self.directive(value, &at) else {
        isMalformed = true
        return
      }
      apply(value, directive.name, directive.argument)
    }
  }

  /// `token [ "=" ( token / quoted-string ) ]` and what is behind it up to a comma; nil when it is not
  /// that. The argument of a quoted string is what stands between the quotes.
  private static func directive(
    _ value: Span<UInt8>, _ at: inout Int
  ) -> (name: Range<Int>, argument: Range<Int>?)? {
    let name = tokenEnd(value, at)
    guard name > at else { return nil }
    let nameRange = at..<name
    var argument: Range<Int>?
    at = name
    if at < value.count, value[at] == 0x3D {
      at &+= 1
      if at < value.count, value[at] == 0x22 {
        guard let end = quotedEnd(value, at) else { return nil }
        argument = (at &+ 1)..<(end &- 1)
        at = end
      } else {
        let end = tokenEnd(value, at)
        guard end > at else { return nil }
        argument = at..<end
        at = end
      }
    }
    while at < value.count, FieldSyntax.isWhitespace(value[at]) { at &+= 1 }
    guard at == value.count || value[at] == 0x2C else { return nil }
    return (nameRange, argument)
  }

  private static func tokenEnd(_ value: Span<UInt8>, _ start: Int) -> Int {
    let token = ByteSet.token
    var end = start
    while end < value.count, token.contains(value[end]) { end &+= 1 }
    return end
  }

  /// Where the quoted string that begins at `start` ends, behind its quote.
  private static func quotedEnd(_ value: Span<UInt8>, _ start: Int) -> Int? {
    var at = start &+ 1
    while at < value.count {
      switch value[at] {
      case 0x22: return at &+ 1
      case 0x5C:
        guard at &+ 1 < value.count else { return nil }
        at &+= 2
      default: at &+= 1
      }
    }
    return nil
  }

  private mutating func apply(
    _ value: Span<UInt8>, _ nameRange: Range<Int>, _ argument: Range<Int>?
  ) {
    let name = value.extracting(nameRange)
    if let directive = Self.flag(name) {
      directives.insert(directive)
      return
    }
    // A number that is none must not make anything fresher: it counts as the strictest.
    var number: UInt32?
    if let argument { number = Self.seconds(value.extracting(argument)) }
    if name.equalsIgnoringCase("max-age") {
      maxAge = min(maxAge ?? .max, number ?? 0)
    } else if name.equalsIgnoringCase("s-maxage") {
      sMaxAge = min(sMaxAge ?? .max, number ?? 0)
    } else if name.equalsIgnoringCase("stale-while-revalidate") {
      staleWhileRevalidate = min(staleWhileRevalidate ?? .max, number ?? 0)
    } else if name.equalsIgnoringCase("stale-if-error") {
      staleIfError = min(staleIfError ?? .max, number ?? 0)
    } else if name.equalsIgnoringCase("min-fresh") {
      minFresh = max(minFresh ?? 0, number ?? Self.longest)
    } else if name.equalsIgnoringCase("max-stale") {
      let allowed = argument == nil ? Self.longest : number ?? 0
      maxStale = min(maxStale ?? .max, allowed)
    }
  }

  fileprivate static func flag(_ name: Span<UInt8>) -> Directives? {
    switch name.count {
    case 6: name.equalsIgnoringCase("public") ? .public : nil
    case 7: name.equalsIgnoringCase("private") ? .private : nil
    case 8:
      name.equalsIgnoringCase("no-store")
        ? .noStore : name.equalsIgnoringCase("no-cache") ? .noCache : nil
    case 12: name.equalsIgnoringCase("no-transform") ? .noTransform : nil
    case 14: name.equalsIgnoringCase("only-if-cached") ? .onlyIfCached : nil
    case 15:
      name.equalsIgnoringCase("must-revalidate")
        ? .mustRevalidate : name.equalsIgnoringCase("must-understand") ? .mustUnderstand : nil
    case 16: name.equalsIgnoringCase("proxy-revalidate") ? .proxyRevalidate : nil
    default: nil
    }
  }

  /// Digits only; nil for anything else.
  public static func seconds(_ text: Span<UInt8>) -> UInt32? {
    if text.isEmpty { return nil }
    var number: UInt32 = 0
    for index in text.indices {
      guard text[index].isDigit else { return nil }
      number = number >= longest / 10 ? longest : number * 10 + UInt32(text[index] &- 0x30)
    }
    return min(number, longest)
  }
}

// MARK: Targeted fields

extension CacheControl {
  /// Reads a targeted field such as CDN-Cache-Control (RFC 9213), whose syntax is that of a dictionary
  /// (RFC 8941 3.2); several fields are one list. Nil when it is empty or not well-formed, which means
  /// that the field counts for nothing. Inner lists, which no directive has, are not read.
  public init?(targeted value: Span<UInt8>) {
    self.init()
    var at = 0
    Self.skipSpaces(value, &at)
    guard at < value.count else { return nil }
    while true {
      guard let key = Self.key(value, &at) else { return nil }
      var item = Item.boolean(true)
      if at < value.count, value[at] == 0x3D {
        at &+= 1
        guard let read = Self.item(value, &at) else { return nil }
        item = read
      }
      guard Self.skipParameters(value, &at) else { return nil }
      set(value.extracting(key), item)
      Self.skipSpaces(value, &at)
      if at == value.count { return }
      guard value[at] == 0x2C else { return nil }
      at &+= 1
      Self.skipSpaces(value, &at)
      // RFC 8941 4.2.2: no comma at the end.
      guard at < value.count else { return nil }
    }
  }

  private enum Item: Equatable {
    case boolean(Bool)
    case integer(Int64)
    /// Anything that no directive has.
    case other
  }

  /// Of several with one name the last counts.
  private mutating func set(_ name: Span<UInt8>, _ item: Item) {
    if let directive = Self.flag(name) {
      // A list of fields, written as a string, asks for less than the directive alone.
      if item == .boolean(false) {
        directives.remove(directive)
      } else {
        directives.insert(directive)
      }
      return
    }
    guard case .integer(let number) = item, number >= 0 else { return }
    let seconds = UInt32(min(number, Int64(Self.longest)))
    if name.equals("max-age") {
      maxAge = seconds
    } else if name.equals("s-maxage") {
      sMaxAge = seconds
    } else if name.equals("stale-while-revalidate") {
      staleWhileRevalidate = seconds
    } else if name.equals("stale-if-error") {
      staleIfError = seconds
    }
  }

  private static func skipSpaces(_ value: Span<UInt8>, _ at: inout Int) {
    while at < value.count, FieldSyntax.isWhitespace(value[at]) { at &+= 1 }
  }

  /// `( lcalpha / "*" ) *( lcalpha / DIGIT / "_" / "-" / "." / "*" )`.
  private static func key(_ value: Span<UInt8>, _ at: inout Int) -> Range<Int>? {
    let start = at
    while at < value.count {
      let byte = value[at]
      let isFirst = byte &- 0x61 < 26 || byte == 0x2A
      if !isFirst
        && (at == start || !(byte.isDigit || byte == 0x5F || byte == 0x2D || byte == 0x2E))
      {
        break
      }
      at &+= 1
    }
    return at == start ? nil : start..<at
  }

  private static func item(_ value: Span<UInt8>, _ at: inout Int) -> Item? {
    guard at < value.count else { return nil }
    switch value[at] {
    case 0x3F:
      guard at &+ 1 < value.count, value[at &+ 1] == 0x30 || value[at &+ 1] == 0x31 else {
        return nil
      }
      at &+= 2
      return .boolean(value[at &- 1] == 0x31)
    case 0x22:
      guard let end = quotedEnd(value, at) else { return nil }
      at = end
      return .other
    case 0x2D, 0x30...0x39: return number(value, &at)
    case 0x41...0x5A, 0x61...0x7A, 0x2A:
      while at < value.count,
        ByteSet.token.contains(value[at]) || value[at] == 0x3A || value[at] == 0x2F
      { at &+= 1 }
      return .other
    default: return nil
    }
  }

  /// An integer of at most 15 digits, or a decimal.
  private static func number(_ value: Span<UInt8>, _ at: inout Int) -> Item? {
    let isNegative = value[at] == 0x2D
    if isNegative { at &+= 1 }
    var number: Int64 = 0
    var digits = 0
    while at < value.count, value[at].isDigit {
      number = number &* 10 &+ Int64(value[at] &- 0x30)
      digits &+= 1
      if digits > 15 { return nil }
      at &+= 1
    }
    if digits == 0 { return nil }
    if at < value.count, value[at] == 0x2E {
      let point = at
      at &+= 1
      while at < value.count, value[at].isDigit { at &+= 1 }
      guard digits <= 12, (2...4).contains(at &- point) else { return nil }
      return .other
    }
    return .integer(isNegative ? -number : number)
  }

  private static func skipParameters(_ value: Span<UInt8>, _ at: inout Int) -> Bool {
    while at < value.count, value[at] == 0x3B {
      at &+= 1
      while at < value.count, value[at] == 0x20 { at &+= 1 }
      guard key(value, &at) != nil else { return false }
      if at < value.count, value[at] == 0x3D {
        at &+= 1
        guard item(value, &at) != nil else { return false }
      }
    }
    return true
  }
}
