import SluiceConfiguration
import SluiceWire

/// The value of one `Set-Cookie` field, taken apart at its semicolons (RFC 6265 5.2), to be changed.
///
/// Pure. What is not changed keeps its bytes, but for blanks around names and values.
struct SetCookieField {
  private struct Attribute {
    var name: [UInt8]
    /// Nil without `=`.
    var value: [UInt8]?

    func isNamed(_ name: String) -> Bool { SetCookieField.isSame(self.name, name.utf8) }
  }

  /// The cookie itself first.
  private var attributes: [Attribute] = []
  private(set) var isChanged = false

  /// Nil for what is no cookie.
  init?(_ value: Span<UInt8>) {
    var start = 0
    while start <= value.count {
      var end = start
      while end < value.count, value[end] != UInt8(ascii: ";") { end += 1 }
      attributes.append(Self.attribute(value.extracting(start..<end)))
      start = end + 1
    }
    if attributes[0].value == nil || attributes[0].name.isEmpty { return nil }
  }

  private static func attribute(_ text: Span<UInt8>) -> Attribute {
    var equals = 0
    while equals < text.count, text[equals] != UInt8(ascii: "=") { equals += 1 }
    return Attribute(
      name: bytes(of: text, 0..<equals),
      value: equals < text.count ? bytes(of: text, equals + 1..<text.count) : nil)
  }

  /// In any case.
  private static func isSame(_ left: some Collection<UInt8>, _ right: some Collection<UInt8>)
    -> Bool
  {
    left.count == right.count
      && zip(left, right).allSatisfy { $0.asciiLowercased == $1.asciiLowercased }
  }

  private static func bytes(of text: Span<UInt8>, _ range: Range<Int>) -> [UInt8] {
    text.withoutBlanks(range).map { text[$0] }
  }

  /// As it is written in a field.
  var bytes: [UInt8] {
    var result: [UInt8] = []
    for (index, attribute) in attributes.enumerated() {
      if index > 0 { result += [UInt8(ascii: ";"), 0x20] }
      result += attribute.name
      if let value = attribute.value { result += [UInt8(ascii: "=")] + value }
    }
    return result
  }

  /// Puts another domain behind a dot that may be there.
  ///
  /// - Returns: whether the cookie has this domain.
  mutating func changeDomain(from: [UInt8], to: [UInt8]) -> Bool {
    change("domain") { value in
      let dots = value.first == UInt8(ascii: ".") ? 1 : 0
      guard value.count == from.count + dots,
        Self.isSame(value.dropFirst(dots), from)
      else { return nil }
      return value[..<dots] + to
    }
  }

  /// - Returns: whether the cookie's path begins with `from`.
  mutating func changePath(from: [UInt8], to: [UInt8]) -> Bool {
    change("path") { $0.starts(with: from) ? to + $0.dropFirst(from.count) : nil }
  }

  /// The cookie's.
  var name: [UInt8] { attributes[0].name }

  /// Puts what `body` says in the place of an attribute's value; nil leaves it.
  ///
  /// - Returns: whether it was changed.
  mutating func change(_ name: String, _ body: ([UInt8]) -> [UInt8]?) -> Bool {
    var isFound = false
    for index in attributes.indices.dropFirst() where attributes[index].isNamed(name) {
      guard let value = attributes[index].value, let changed = body(value) else { continue }
      attributes[index].value = changed
      isFound = true
    }
    if isFound { isChanged = true }
    return isFound
  }

  /// Whether these are for a cookie of this name.
  func isMeant(by flags: Configuration.CookieFlags) -> Bool {
    flags.cookie == "*" || attributes[0].isNamed(flags.cookie)
  }

  mutating func set(_ flags: Configuration.CookieFlags) {
    if let secure = flags.secure { set("Secure", nil, isThere: secure) }
    if let httpOnly = flags.httpOnly { set("HttpOnly", nil, isThere: httpOnly) }
    switch flags.sameSite {
    case nil: break
    case .remove?: set("SameSite", nil, isThere: false)
    case .strict?: set("SameSite", "Strict", isThere: true)
    case .lax?: set("SameSite", "Lax", isThere: true)
    case .none?: set("SameSite", "None", isThere: true)
    }
  }

  private mutating func set(_ name: String, _ value: String?, isThere: Bool) {
    let places = attributes.indices.dropFirst().filter { attributes[$0].isNamed(name) }
    let text = value.map { Array($0.utf8) }
    if !isThere {
      for place in places.reversed() { attributes.remove(at: place) }
      if !places.isEmpty { isChanged = true }
    } else if let first = places.first {
      guard let text, !Self.isSame(attributes[first].value ?? [], text) else { return }
      attributes[first] = Attribute(name: Array(name.utf8), value: text)
      isChanged = true
    } else {
      attributes.append(Attribute(name: Array(name.utf8), value: text))
      isChanged = true
    }
  }
}
