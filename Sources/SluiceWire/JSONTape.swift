/// A JSON text taken apart once: every value in the order of the text, with where it ends and how it goes
/// on. Reading it needs no second look at brackets and commas.
///
/// Takes 28 bytes for each value, at most 14 for each byte of text and twice that while it grows. A name that occurs twice in one object
/// is an error: readers disagree about which one counts.
public struct JSONTape: Sendable {
  public enum Failure: Error, Equatable, Sendable {
    case invalid(JSONError)
    case duplicateKey
  }

  public struct Node: Sendable {
    public let kind: JSONValue.Kind
    public let hasEscapes: Bool
    public let keyHasEscapes: Bool
    /// Where the value is in the text, a string with its quotes.
    public fileprivate(set) var start: Int32
    public fileprivate(set) var end: Int32
    /// What is between the quotes of a member's name; empty and at 0 for what has none.
    public let keyStart: Int32
    public let keyEnd: Int32
    /// The node behind this value and all that is within it.
    public fileprivate(set) var next: Int32
    /// Members or elements.
    public fileprivate(set) var count: Int32

    public var range: Range<Int> { Int(start)..<Int(end) }
    public var content: Range<Int> { Int(start) + 1..<Int(end) - 1 }
    public var key: Range<Int> { Int(keyStart)..<Int(keyEnd) }
  }

  public private(set) var nodes: [Node] = []

  /// The text must be shorter than 2 GiB.
  public init(_ text: Span<UInt8>, maxDepth: Int = JSONScanner.defaultDepth) throws(Failure) {
    do throws(JSONError) {
      if try !read(text, maxDepth) { throw .trailingBytes }
    } catch {
      if isAmbiguous { throw .duplicateKey }
      throw .invalid(error)
    }
  }

  private var isAmbiguous = false
  /// Room for so many names is kept for the next object of the same depth.
  private static let keptNames = 32

  /// False when a name occurs twice.
  private mutating func read(_ text: Span<UInt8>, _ maxDepth: Int) throws(JSONError) -> Bool {
    var scanner = JSONScanner(text, maxDepth: maxDepth)
    var open: [Int] = []
    // The names of the objects that are open, by hash; the seed is the process's own.
    var names: [Set<Int>] = []
    var key: JSONToken?
    while true {
      let token = try scanner.next()
      switch token.kind {
      case .end: return true
      case .key:
        key = token
        if !names[open.count - 1].insert(Self.hash(token, text)).inserted {
          isAmbiguous = true
          return false
        }
      case .objectEnd, .arrayEnd:
        let index = open.removeLast()
        nodes[index].end = Int32(token.range.upperBound)
        nodes[index].next = Int32(nodes.count)
        // Emptying costs what there is room for, which the largest object so far has made.
        if names[open.count].count > Self.keptNames {
          names[open.count] = []
        } else if !names[open.count].isEmpty {
          names[open.count].removeAll(keepingCapacity: true)
        }
      default:
        if let parent = open.last { nodes[parent].count += 1 }
        let content = key?.content ?? 0..<0
        nodes.append(
          Node(
            kind: JSONValue(token, token.range).kind, hasEscapes: token.hasEscapes,
            keyHasEscapes: key?.hasEscapes ?? false, start: Int32(token.range.lowerBound),
            end: Int32(token.range.upperBound), keyStart: Int32(content.lowerBound),
            keyEnd: Int32(content.upperBound), next: Int32(nodes.count + 1), count: 0))
        key = nil
        if token.kind == .objectStart || token.kind == .arrayStart {
          if names.count == open.count { names.append([]) }
          open.append(nodes.count - 1)
        }
      }
    }
  }

  private static func hash(_ key: JSONToken, _ text: Span<UInt8>) -> Int {
    var hasher = Hasher()
    let content = text.extracting(key.content)
    if key.hasEscapes {
      var meaning = ByteBuffer()
      // Half a surrogate pair is compared as it is written.
      if meaning.append(meaningOfJSON: content) {
        meaning.withUnsafeBytes { hasher.combine(bytes: $0) }
        return hasher.finalize()
      }
    }
    content.withUnsafeBufferPointer { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    return hasher.finalize()
  }
}

// MARK: Reading

extension JSONTape {
  /// The first node within a container, which is `next` of its own for an empty one.
  public func first(in node: Int) -> Int { node + 1 }
  public func end(of node: Int) -> Int { Int(nodes[node].next) }

  /// The member of this name; nil without one.
  public func member(_ name: Span<UInt8>, of node: Int, _ text: Span<UInt8>) -> Int? {
    guard nodes[node].kind == .object else { return nil }
    var child = first(in: node)
    while child < end(of: node) {
      let key = text.extracting(nodes[child].key)
      if nodes[child].keyHasEscapes ? JSONString.means(key, name) : key.equals(name) {
        return child
      }
      child = end(of: child)
    }
    return nil
  }

  /// Appends what a string means, or its content as written where no UTF-8 can say it.
  public func appendString(_ node: Int, _ text: Span<UInt8>, to output: inout ByteBuffer) {
    Self.append(text.extracting(nodes[node].content), nodes[node].hasEscapes, to: &output)
  }

  /// The same of a member's name.
  public func appendKey(of node: Int, _ text: Span<UInt8>, to output: inout ByteBuffer) {
    Self.append(text.extracting(nodes[node].key), nodes[node].keyHasEscapes, to: &output)
  }

  private static func append(
    _ content: Span<UInt8>, _ hasEscapes: Bool, to output: inout ByteBuffer
  ) {
    if hasEscapes, output.append(meaningOfJSON: content) { return }
    output.append(content)
  }

  /// A number as the nearest double, which is what most readers make of it.
  public func number(_ node: Int, _ text: Span<UInt8>) -> Double {
    text.extracting(nodes[node].range).withUnsafeBufferPointer {
      Double(String(decoding: $0, as: UTF8.self)) ?? .infinity
    }
  }

  /// Equal values have equal hashes, whatever their spelling and the order of their members. The seed is
  /// the process's own, so nobody can make two values that differ and have one hash.
  public func hash(of node: Int, _ text: Span<UInt8>) -> Int {
    var hasher = Hasher()
    combine(node, text, into: &hasher)
    return hasher.finalize()
  }

  private func combine(_ node: Int, _ text: Span<UInt8>, into hasher: inout Hasher) {
    let value = nodes[node]
    hasher.combine(value.kind)
    switch value.kind {
    case .null: break
    case .bool: hasher.combine(text[Int(value.start)])
    case .number: hasher.combine(number(node, text))
    case .string:
      var meaning = ByteBuffer()
      appendString(node, text, to: &meaning)
      hasher.combine(meaning.count)
      meaning.withUnsafeBytes { hasher.combine(bytes: $0) }
    case .array:
      hasher.combine(value.count)
      var child = first(in: node)
      while child < end(of: node) {
        combine(child, text, into: &hasher)
        child = end(of: child)
      }
    case .object:
      // A sum does not depend on the order.
      var sum = 0
      var child = first(in: node)
      while child < end(of: node) {
        var member = Hasher()
        var key = ByteBuffer()
        appendKey(of: child, text, to: &key)
        key.withUnsafeBytes { member.combine(bytes: $0) }
        combine(child, text, into: &member)
        sum &+= member.finalize()
        child = end(of: child)
      }
      hasher.combine(value.count)
      hasher.combine(sum)
    }
  }
}
