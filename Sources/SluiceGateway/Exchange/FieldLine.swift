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

  private static func line(_ name: [UInt8], _ value: [UInt8]) -> [UInt8] {
    name + [0x3A, 0x20] + value + [0x0D, 0x0A]
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

  /// Lets `write` append whole lines.
  mutating func add(_ write: (inout ByteBuffer) -> Void) {
    isEmpty = false
    write(&lines)
  }

  mutating func clear() {
    if isEmpty { return }
    isEmpty = true
    dropped = 0
    droppedBeyond.removeAll(keepingCapacity: true)
    if lines.allocatedBytes > Self.keptBytes { lines.release() } else { lines.clear() }
  }
}
