/// One change of a JSON text, made once when the configuration is compiled.
///
/// Applying it reads the text once (twice where a new name may be taken already) and copies it; what is
/// not touched stays byte for byte as it was.
public struct JSONEdit: Sendable {
  public enum Kind: Sendable {
    case remove
    /// The member gets this name; another one that has it goes.
    case rename(to: String)
    /// What is there gets the value.
    case replace
    /// What is not there gets the value, and the objects around it.
    case add
    /// The value becomes the last element of the array; what is no array becomes the first.
    case append
  }

  /// Why a text can't be changed.
  public enum Failure: Error, Equatable, Sendable {
    case invalid(JSONError)
    /// Readers disagree about which of two members counts, so changing one might change nothing.
    case duplicateKey
  }

  public let kind: Kind
  public let path: JSONPath
  private let sibling: JSONPath?
  private let newName: [UInt8]

  /// Nil for what no text could have done to it: the root, or an element that gets a name.
  public init?(_ kind: Kind, _ path: JSONPath) {
    if path.leadsToRoot { return nil }
    self.kind = kind
    self.path = path
    if case .rename(let name) = kind {
      guard let sibling = path.sibling(named: name) else { return nil }
      self.sibling = sibling
      let bytes = Array(name.utf8)
      var quoted = ByteBuffer()
      quoted.append(jsonString: bytes.span)
      newName = quoted.copiedBytes()
    } else {
      sibling = nil
      newName = []
    }
  }

  /// Appends the changed text to `output`; false, and nothing is appended, when it stays as it is.
  /// `value` is a JSON text, of which only replace, add and append make use.
  public func apply(
    to text: Span<UInt8>, value: Span<UInt8>, into output: inout ByteBuffer,
    maxDepth: Int = JSONScanner.defaultDepth
  ) throws(Failure) -> Bool {
    switch try Self.look(for: path, in: text, maxDepth) {
    case .found(let found): return try change(found, text, value, &output, maxDepth)
    case .missing(let missing): return fill(missing, text, value, &output)
    default: return false
    }
  }

  private static func look(
    for path: JSONPath, in text: Span<UInt8>, _ maxDepth: Int
  ) throws(Failure) -> JSONPlace {
    switch path.place(in: text, maxDepth: maxDepth) {
    case .invalid(let error): throw .invalid(error)
    case .duplicateKey: throw .duplicateKey
    case let place: return place
    }
  }

  private func change(
    _ found: JSONPlace.Found, _ text: Span<UInt8>, _ value: Span<UInt8>,
    _ output: inout ByteBuffer, _ maxDepth: Int
  ) throws(Failure) -> Bool {
    switch kind {
    case .add: return false
    case .remove: Self.write(text, without: found.removal, &output)
    case .replace:
      output.append(text.extracting(..<found.value.range.lowerBound))
      output.append(value)
      output.append(text.extracting(found.value.range.upperBound...))
    case .rename: return try rename(found, text, &output, maxDepth)
    case .append: append(value, to: found.value, text, &output)
    }
    return true
  }

  private static func write(
    _ text: Span<UInt8>, without range: Range<Int>, _ output: inout ByteBuffer
  ) {
    output.append(text.extracting(..<range.lowerBound))
    output.append(text.extracting(range.upperBound...))
  }

  private func rename(
    _ found: JSONPlace.Found, _ text: Span<UInt8>, _ output: inout ByteBuffer, _ maxDepth: Int
  ) throws(Failure) -> Bool {
    guard let key = found.key, let sibling, sibling != path else { return false }
    if case .found(let other) = try Self.look(for: sibling, in: text, maxDepth) {
      if other.key == key { return false }
      var rest = ByteBuffer()
      Self.write(text, without: other.removal, &rest)
      guard case .found(let found) = try Self.look(for: path, in: rest.span, maxDepth),
        let key = found.key
      else { return false }
      writeName(over: key, rest.span, &output)
    } else {
      writeName(over: key, text, &output)
    }
    return true
  }

  private func writeName(
    over key: Range<Int>, _ text: Span<UInt8>, _ output: inout ByteBuffer
  ) {
    output.append(text.extracting(..<key.lowerBound))
    output.append(newName)
    output.append(text.extracting(key.upperBound...))
  }

  private func append(
    _ value: Span<UInt8>, to found: JSONValue, _ text: Span<UInt8>, _ output: inout ByteBuffer
  ) {
    let range = found.range
    if found.kind == .array {
      output.append(text.extracting(..<(range.upperBound - 1)))
      if !Self.isEmptyArray(text.extracting(range)) { output.append(0x2C) }
    } else {
      output.append(text.extracting(..<range.lowerBound))
      output.append(0x5B)
      output.append(text.extracting(range))
      output.append(0x2C)
    }
    output.append(value)
    output.append(0x5D)
    output.append(text.extracting(range.upperBound...))
  }

  /// Of an array's text: nothing but whitespace between its brackets.
  private static func isEmptyArray(_ text: Span<UInt8>) -> Bool {
    for index in 1..<(text.count - 1) where text[index] > 0x20 { return false }
    return true
  }

  /// Puts the value where nothing is yet.
  private func fill(
    _ missing: JSONPlace.Missing, _ text: Span<UInt8>, _ value: Span<UInt8>,
    _ output: inout ByteBuffer
  ) -> Bool {
    switch kind {
    case .remove, .rename, .replace: return false
    case .add, .append: break
    }
    var names = path.names(behind: missing.steps)
    // Only the next element of an array can be made, and no arrays.
    if let index = path.index(at: missing.steps) {
      if index != missing.count { return false }
      names.removeFirst()
    } else {
      guard names.first != nil else { return false }
    }
    if names.contains(where: { $0 == nil }) { return false }
    output.append(text.extracting(..<missing.end))
    if !missing.isEmpty { output.append(0x2C) }
    var isOpen = path.index(at: missing.steps) == nil
    var closing = 0
    for case let name? in names {
      if !isOpen {
        output.append(0x7B)
        closing += 1
      }
      isOpen = false
      output.append(jsonString: name.span)
      output.append(0x3A)
    }
    if case .append = kind { output.append(0x5B) }
    output.append(value)
    if case .append = kind { output.append(0x5D) }
    for _ in 0..<closing { output.append(0x7D) }
    output.append(text.extracting(missing.end...))
    return true
  }
}

extension ByteBuffer {
  /// Appends UTF-8 text as a JSON string with its quotes (RFC 8259 7).
  public mutating func append(jsonString text: Span<UInt8>) {
    append(0x22)
    append(jsonContent: text)
    append(0x22)
  }

  /// The same without the quotes.
  public mutating func append(jsonContent text: Span<UInt8>) {
    for index in text.indices {
      let byte = text[index]
      switch byte {
      case 0x22, 0x5C:
        append(0x5C)
        append(byte)
      case ..<0x20:
        append("\\u00")
        append(byte < 0x10 ? 0x30 : 0x31)
        let low = byte & 15
        append(low < 10 ? 0x30 &+ low : 0x57 &+ low)
      default: append(byte)
      }
    }
  }
}
