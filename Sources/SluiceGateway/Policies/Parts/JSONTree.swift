import SluiceWire

/// A small JSON text as a tree, for tokens, keys and answers of other services; never for bodies.
indirect enum JSONTree: Equatable {
  case object([(name: [UInt8], value: JSONTree)])
  case array([JSONTree])
  case string([UInt8])
  /// As it is written.
  case number([UInt8])
  case bool(Bool)
  case null

  private static let maxDepth = 16

  /// Nil for what is no JSON, is nested too deep, or has a name twice in one object: readers disagree
  /// which of the two counts (RFC 7519 4).
  init?(parsing text: Span<UInt8>) {
    var scanner = JSONScanner(text, maxDepth: Self.maxDepth)
    guard let first = try? scanner.next(), let tree = Self.value(first, text, &scanner),
      (try? scanner.next())?.kind == .end
    else { return nil }
    self = tree
  }

  private static func value(
    _ token: JSONToken, _ text: Span<UInt8>, _ scanner: inout JSONScanner
  ) -> JSONTree? {
    switch token.kind {
    case .objectStart: return members(text, &scanner)
    case .arrayStart:
      var elements: [JSONTree] = []
      while let next = try? scanner.next() {
        if next.kind == .arrayEnd { return .array(elements) }
        guard let element = value(next, text, &scanner) else { return nil }
        elements.append(element)
      }
      return nil
    case .string: return string(token, text).map { .string($0) }
    case .number: return .number(bytes(text.extracting(token.range)))
    case .true: return .bool(true)
    case .false: return .bool(false)
    case .null: return .null
    case .key, .objectEnd, .arrayEnd, .end: return nil
    }
  }

  private static func members(_ text: Span<UInt8>, _ scanner: inout JSONScanner) -> JSONTree? {
    var members: [(name: [UInt8], value: JSONTree)] = []
    while let key = try? scanner.next() {
      if key.kind == .objectEnd { return .object(members) }
      guard let name = string(key, text), !members.contains(where: { $0.name == name }),
        let next = try? scanner.next(), let value = value(next, text, &scanner)
      else { return nil }
      members.append((name, value))
    }
    return nil
  }

  private static func string(_ token: JSONToken, _ text: Span<UInt8>) -> [UInt8]? {
    let content = text.extracting(token.content)
    if !token.hasEscapes { return bytes(content) }
    var output = ByteBuffer()
    return output.append(meaningOfJSON: content) ? output.copiedBytes() : nil
  }

  private static func bytes(_ span: Span<UInt8>) -> [UInt8] {
    span.withUnsafeBufferPointer { Array($0) }
  }

  static func == (left: JSONTree, right: JSONTree) -> Bool {
    switch (left, right) {
    case (.object(let left), .object(let right)):
      left.count == right.count
        && left.allSatisfy { member in right.contains { $0 == member } }
    case (.array(let left), .array(let right)): left == right
    case (.string(let left), .string(let right)): left == right
    case (.number(let left), .number(let right)): left == right
    case (.bool(let left), .bool(let right)): left == right
    case (.null, .null): true
    default: false
    }
  }
}

extension JSONTree {
  subscript(name: String) -> JSONTree? { self[Array(name.utf8)] }

  subscript(name: [UInt8]) -> JSONTree? {
    if case .object(let members) = self { members.first { $0.name == name }?.value } else { nil }
  }

  var string: [UInt8]? { if case .string(let bytes) = self { bytes } else { nil } }
  var elements: [JSONTree]? { if case .array(let elements) = self { elements } else { nil } }
  var members: [(name: [UInt8], value: JSONTree)]? {
    if case .object(let members) = self { members } else { nil }
  }

  /// A number's whole part, rounded down (RFC 7519 2: dates may have fractions).
  var seconds: Int64? {
    guard case .number(let bytes) = self,
      let value = Double(String(decoding: bytes, as: UTF8.self)),
      value.magnitude < 1e15
    else { return nil }
    return Int64(value.rounded(.down))
  }

  /// A scalar as text; nil for null and what has parts.
  var text: [UInt8]? {
    switch self {
    case .string(let bytes), .number(let bytes): bytes
    case .bool(let value): Array((value ? "true" : "false").utf8)
    case .object, .array, .null: nil
    }
  }

  /// The scalars of a list, or the words of a text.
  var words: [[UInt8]] {
    switch self {
    case .array(let elements): elements.compactMap(\.text)
    default: (text ?? []).split(separator: 0x20).map { Array($0) }
    }
  }
}
