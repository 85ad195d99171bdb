import SluiceWire

/// Credentials among the subprotocols that a handshake offers (RFC 6455 4.1): an entry `name.secret`.
enum Subprotocols {
  /// The range behind `name.` of the first such entry.
  static func key(after name: [UInt8], in list: Span<UInt8>) -> Range<Int>? {
    var entries = FieldList(list)
    while let entry = entries.next() {
      if isNamed(name, list.extracting(entry)) {
        return (entry.lowerBound + name.count + 1)..<entry.upperBound
      }
    }
    return nil
  }

  /// Appends the entries that don't begin with one of the names and a dot; returns how many there are.
  static func append(
    _ list: Span<UInt8>, without names: [[UInt8]], to output: inout ByteBuffer
  ) -> Int {
    var entries = FieldList(list)
    var kept = 0
    while let entry = entries.next() {
      if names.contains(where: { isNamed($0, list.extracting(entry)) }) { continue }
      if kept > 0 { output.append(", ") }
      output.append(list.extracting(entry))
      kept += 1
    }
    return kept
  }

  private static func isNamed(_ name: [UInt8], _ entry: Span<UInt8>) -> Bool {
    entry.count > name.count + 1 && entry[name.count] == 0x2E
      && entry.extracting(..<name.count).equalsIgnoringCase(name)
  }
}
