// Compiled into the fuzz targets too, where everything is one module.
#if canImport(SluiceWire)
  import SluiceWire
#endif

/// RFC 8259 written down slowly: recursive, with a tree.
struct JSONModel {
  indirect enum Tree {
    case object([(name: [UInt8]?, value: Node)])
    case array([Node])
    case scalar
  }

  struct Node {
    var tree: Tree
    var kind: JSONValue.Kind
    var range: Range<Int>
  }

  struct Invalid: Error {}

  private let bytes: [UInt8]
  private let maxDepth: Int
  private var at = 0
  private var depth = 0
  /// Kinds and ranges in the order in which the scanner gives them.
  private(set) var tokens: [String] = []

  init(_ bytes: [UInt8], maxDepth: Int = 64) {
    self.bytes = bytes
    self.maxDepth = maxDepth
  }

  mutating func parse() throws(Invalid) -> Node {
    let root = try value()
    skipWhitespace()
    if at < bytes.count { throw Invalid() }
    return root
  }

  private var byte: Character? {
    at < bytes.count ? Character(UnicodeScalar(bytes[at])) : nil
  }

  private mutating func skipWhitespace() {
    while let byte, " \t\r\n".unicodeScalars.contains(byte.unicodeScalars.first!) { at += 1 }
  }

  private mutating func take(_ character: Character) -> Bool {
    skipWhitespace()
    if byte != character { return false }
    at += 1
    return true
  }

  private mutating func value() throws(Invalid) -> Node {
    skipWhitespace()
    let start = at
    switch byte {
    case "{":
      try enter("objectStart")
      let members = try members()
      leave("objectEnd")
      return Node(tree: .object(members), kind: .object, range: start..<at)
    case "[":
      try enter("arrayStart")
      let elements = try elements()
      leave("arrayEnd")
      return Node(tree: .array(elements), kind: .array, range: start..<at)
    case "\"":
      _ = try string()
      tokens.append("string \(start..<at)")
      return Node(tree: .scalar, kind: .string, range: start..<at)
    case "t", "f", "n":
      for (word, kind) in [("true", JSONValue.Kind.bool), ("false", .bool), ("null", .null)]
      where bytes[at...].starts(with: word.utf8) {
        at += word.utf8.count
        tokens.append("\(word) \(start..<at)")
        return Node(tree: .scalar, kind: kind, range: start..<at)
      }
      throw Invalid()
    default:
      try number()
      tokens.append("number \(start..<at)")
      return Node(tree: .scalar, kind: .number, range: start..<at)
    }
  }

  private mutating func enter(_ kind: String) throws(Invalid) {
    depth += 1
    if depth > maxDepth { throw Invalid() }
    at += 1
    tokens.append("\(kind) \(at - 1..<at)")
  }

  private mutating func leave(_ kind: String) {
    depth -= 1
    tokens.append("\(kind) \(at - 1..<at)")
  }

  private mutating func members() throws(Invalid) -> [(name: [UInt8]?, value: Node)] {
    if take("}") { return [] }
    var members: [(name: [UInt8]?, value: Node)] = []
    while true {
      skipWhitespace()
      let start = at
      let name = try string()
      tokens.append("key \(start..<at)")
      if !take(":") { throw Invalid() }
      members.append((name, try value()))
      if take("}") { return members }
      if !take(",") { throw Invalid() }
    }
  }

  private mutating func elements() throws(Invalid) -> [Node] {
    if take("]") { return [] }
    var elements: [Node] = []
    while true {
      elements.append(try value())
      if take("]") { return elements }
      if !take(",") { throw Invalid() }
    }
  }

  /// What the string means; nil when half a surrogate pair is in it.
  private mutating func string() throws(Invalid) -> [UInt8]? {
    guard byte == "\"" else { throw Invalid() }
    at += 1
    var bytes: [UInt8] = []
    var units: [UInt16] = []
    var isWhole = true
    func flush() {
      let text = String(decoding: units, as: UTF16.self)
      if Array(text.utf16) != units { isWhole = false }
      bytes += Array(text.utf8)
      units = []
    }
    while true {
      guard let byte, byte >= " " else { throw Invalid() }
      at += 1
      if byte == "\\" {
        units.append(try escape())
        continue
      }
      flush()
      if byte == "\"" { return isWhole ? bytes : nil }
      bytes.append(self.bytes[at - 1])
    }
  }

  private mutating func escape() throws(Invalid) -> UInt16 {
    let simple: [Character: UInt16] = [
      "\"": 0x22, "\\": 0x5C, "/": 0x2F, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9,
    ]
    guard let byte else { throw Invalid() }
    at += 1
    if let unit = simple[byte] { return unit }
    guard byte == "u", at + 4 <= bytes.count else { throw Invalid() }
    let digits = String(decoding: bytes[at..<at + 4], as: UTF8.self)
    // A sign is no digit, though UInt16 takes it.
    guard digits.allSatisfy(\.isHexDigit), let unit = UInt16(digits, radix: 16) else {
      throw Invalid()
    }
    at += 4
    return unit
  }

  private mutating func number() throws(Invalid) {
    func isDigit(_ byte: Character?) -> Bool { byte.map { $0 >= "0" && $0 <= "9" } ?? false }
    func digits(_ model: inout JSONModel) throws(Invalid) {
      guard isDigit(model.byte) else { throw Invalid() }
      while isDigit(model.byte) { model.at += 1 }
    }
    if byte == "-" { at += 1 }
    if byte == "0" { at += 1 } else { try digits(&self) }
    if byte == "." {
      at += 1
      try digits(&self)
    }
    if byte == "e" || byte == "E" {
      at += 1
      if byte == "+" || byte == "-" { at += 1 }
      try digits(&self)
    }
  }

  /// What a path leads to: `String` segments are names, `Int` ones indices.
  static func value(_ root: Node, _ path: [any Hashable]) -> (match: String, range: Range<Int>?) {
    guard let step = path.first else { return ("\(root.kind)", root.range) }
    switch (root.tree, step) {
    case (.object(let members), let name as String):
      let matches = members.filter { $0.name == Array(name.utf8) }
      if matches.count > 1 { return ("duplicate", nil) }
      guard let match = matches.first else { return ("missing", nil) }
      return value(match.value, Array(path.dropFirst()))
    case (.array(let elements), let index as Int) where index < elements.count:
      return value(elements[index], Array(path.dropFirst()))
    default: return ("missing", nil)
    }
  }
}

/// The same words for what the scanner and a path say.
enum JSONWords {
  /// All tokens, or the error and where it is.
  static func tokens(
    _ bytes: [UInt8], maxDepth: Int = 64
  ) -> (tokens: [String], error: JSONError?, offset: Int) {
    var scanner = JSONScanner(bytes.span, maxDepth: maxDepth)
    var tokens: [String] = []
    do throws(JSONError) {
      while true {
        let token = try scanner.next()
        if token.kind == .end { return (tokens, nil, scanner.offset) }
        tokens.append("\(token.kind) \(token.range)")
      }
    } catch {
      return (tokens, error, scanner.offset)
    }
  }

  static func match(_ match: JSONMatch) -> (match: String, range: Range<Int>?) {
    switch match {
    case .found(let value): ("\(value.kind)", value.range)
    case .missing: ("missing", nil)
    case .duplicateKey: ("duplicate", nil)
    case .invalid: ("invalid", nil)
    }
  }
}
