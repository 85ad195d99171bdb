import SluiceWire

/// One header field ready to be written: `Name: value CRLF`.
public struct FieldLine: Equatable, Sendable {
  let bytes: [UInt8]

  /// For names and values that the code makes; traps on what is no field.
  public init(_ name: StaticString, _ value: [UInt8]) {
    let name = name.withUTF8Buffer { Array($0) }
    precondition(FieldSyntax.isToken(name.span) && FieldSyntax.isValue(value.span))
    bytes = Self.line(name, value)
  }

  public init(_ name: StaticString, _ value: String) { self.init(name, Array(value.utf8)) }

  /// Nil when it is no field.
  public init?(name: String, value: String) {
    let (name, value) = (Array(name.utf8), Array(value.utf8))
    guard FieldSyntax.isToken(name.span), FieldSyntax.isValue(value.span) else { return nil }
    bytes = Self.line(name, value)
  }

  /// - Parameter name: in any case.
  func isNamed(_ name: [UInt8]) -> Bool {
    bytes.count > name.count && bytes[name.count] == 0x3A
      && bytes.span.extracting(..<name.count).equalsIgnoringCase(name)
  }

  private static func line(_ name: [UInt8], _ value: [UInt8]) -> [UInt8] {
    name + [0x3A, 0x20] + value + [0x0D, 0x0A]
  }
}

/// Reading header lines that are ready to be written.
enum FieldLines {
  /// The first line of this name, with its end; nil without one.
  static func firstRange(of name: [UInt8], in lines: Span<UInt8>) -> Range<Int>? {
    var start = 0
    while start < lines.count {
      var end = start
      while end < lines.count, lines[end] != 0x0D { end += 1 }
      if end - start > name.count, lines[start + name.count] == 0x3A,
        lines.extracting(start..<(start + name.count)).equalsIgnoringCase(name)
      {
        return start..<min(end + 2, lines.count)
      }
      start = end + 2
    }
    return nil
  }

  /// Appends the values of all lines of this name, which is in lower case, as one list.
  static func appendValues(
    of name: [UInt8], in lines: Span<UInt8>, _ isFirst: inout Bool, to output: inout ByteBuffer
  ) {
    var start = 0
    while start < lines.count {
      var end = start
      while end < lines.count, lines[end] != 0x0D { end += 1 }
      let line = lines.extracting(start..<end)
      if line.count > name.count, line[name.count] == 0x3A, line.hasPrefixIgnoringCase(name) {
        if !isFirst { output.append(", ") }
        isFirst = false
        output.append(line.extracting(min(name.count + 2, line.count)...))
      }
      start = end + 2
    }
  }
}

/// What policies change in the fields of one message: which of the parsed head's are left out, and
/// which are added.
///
/// The head itself stays as it was parsed, so that every policy sees what was sent. Memory is kept
/// from exchange to exchange.
struct FieldEdits: ~Copyable {
  private(set) var isEmpty = true
  /// By index in the head's `fields`.
  private var dropped: UInt128 = 0
  private var droppedBeyond: [Int] = []
  /// Whole lines, each `Name: value CRLF`.
  private(set) var lines = ByteBuffer()

  private static let keptBytes = 2_048

  /// The field at this place of the head is left out.
  mutating func drop(_ index: Int) {
    isEmpty = false
    if index < 128 { dropped |= 1 &<< UInt128(index) } else { droppedBeyond.append(index) }
  }

  var dropsNothing: Bool { dropped == 0 && droppedBeyond.isEmpty }

  /// Which fields are left out.
  struct Drops {
    fileprivate var bits: UInt128
    fileprivate var beyond: [Int]
  }

  var drops: Drops { Drops(bits: dropped, beyond: droppedBeyond) }

  /// These fields of the same head are left out, too.
  mutating func drop(_ drops: Drops) {
    if drops.bits == 0 && drops.beyond.isEmpty { return }
    isEmpty = false
    dropped |= drops.bits
    droppedBeyond += drops.beyond
  }

  @inline(__always)
  func drops(_ index: Int) -> Bool {
    if isEmpty { return false }
    if index < 128 { return (dropped &>> UInt128(index)) & 1 == 1 }
    return droppedBeyond.contains(index)
  }

  mutating func add(_ line: FieldLine) {
    isEmpty = false
    lines.append(line.bytes)
  }

  /// Name and value must be valid.
  mutating func add(name: Span<UInt8>, value: Span<UInt8>) {
    isEmpty = false
    lines.appendField(name: name, value: value)
  }

  /// Lets `write` append the value. What is empty or no field's value is not added; the name must be valid.
  @inline(__always)
  mutating func add(name: [UInt8], _ write: (inout ByteBuffer) -> Void) {
    let start = lines.count
    lines.append(name.span)
    lines.append(": ")
    let valueStart = lines.count
    write(&lines)
    if lines.count == valueStart || !FieldSyntax.isValue(lines.span.extracting(valueStart...)) {
      lines.truncate(to: start)
      // What is empty is not cleared.
      if isEmpty && lines.allocatedBytes > Self.keptBytes { lines.release() }
      return
    }
    lines.appendLineEnd()
    isEmpty = false
  }

  /// Lets `write` append whole lines.
  mutating func add(_ write: (inout ByteBuffer) -> Void) {
    isEmpty = false
    write(&lines)
  }

  /// Puts these whole lines in the place of all that were added.
  mutating func setLines(_ lines: [UInt8]) {
    self.lines.clear()
    self.lines.append(lines)
  }

  func hasLine(named name: [UInt8]) -> Bool {
    FieldLines.firstRange(of: name, in: lines.span) != nil
  }

  /// Takes back the lines of this name that were added; whether there were any.
  mutating func removeLines(named name: [UInt8]) -> Bool {
    var hasAny = false
    while let range = FieldLines.firstRange(of: name, in: lines.span) {
      hasAny = true
      var kept = ByteBuffer()
      kept.append(lines.span.extracting(..<range.lowerBound))
      kept.append(lines.span.extracting(range.upperBound...))
      swap(&kept, &lines)
    }
    return hasAny
  }

  mutating func copy(_ other: borrowing FieldEdits) {
    if other.isEmpty { return }
    isEmpty = false
    dropped = other.dropped
    droppedBeyond = other.droppedBeyond
    lines.append(other.lines.span)
  }

  mutating func clear() {
    if isEmpty { return }
    isEmpty = true
    dropped = 0
    if !droppedBeyond.isEmpty { droppedBeyond.removeAll(keepingCapacity: true) }
    if lines.allocatedBytes > Self.keptBytes { lines.release() } else { lines.clear() }
  }
}
