internal import SluiceWire

/// What every text begins with that a regular expression matches from its first byte on, as far as
/// that can be told without understanding it: `/version/` of `/version/\d+`.
///
/// Empty when in doubt, and never too long: the router tries an expression only on paths that begin so.
enum RegexStart {
  static func bytes(of pattern: String) -> [UInt8] {
    var reader = Reader(pattern: Array(pattern.utf8))
    return reader.start()
  }

  private struct Reader {
    let pattern: [UInt8]
    var at = 0

    private func byte(_ offset: Int = 0) -> UInt8? {
      at + offset < pattern.count ? pattern[at + offset] : nil
    }

    private func has(_ text: StaticString) -> Bool {
      text.withUTF8Buffer { pattern[min(at, pattern.count)...].starts(with: $0) }
    }

    mutating func start() -> [UInt8] {
      // The group that stands around the whole, and the anchor in it; `depth` counts the groups.
      var depth = 0
      while true {
        if has("(?:") {
          at += 3
          depth += 1
        } else if byte() == UInt8(ascii: "^") {
          at += 1
        } else {
          break
        }
      }
      let begin = at
      guard isOneWay(from: begin, depth: depth) else { return [] }
      at = begin
      var bytes: [UInt8] = []
      while let byte = byte() {
        let literal: UInt8
        let length: Int
        switch byte {
        case UInt8(ascii: "\\"):
          // Letters and digits have meanings there; the rest stands for itself.
          guard let escaped = self.byte(1), escaped < 0x80, !Self.isWord(escaped) else {
            return bytes
          }
          literal = escaped
          length = 2
        case _ where "^$.[|()?*+{".utf8.contains(byte): return bytes
        default:
          literal = byte
          length = 1
        }
        at += length
        // It may be there not at all.
        if let quantifier = self.byte(), "?*{".utf8.contains(quantifier) { return bytes }
        bytes.append(literal)
        if self.byte() == UInt8(ascii: "+") { return bytes }
      }
      return bytes
    }

    /// Whether there is no alternative and no way around what stands at the beginning of `depth` groups.
    private mutating func isOneWay(from begin: Int, depth: Int) -> Bool {
      at = begin
      // Groups that were opened after the beginning, and those that the beginning is in.
      var inner = 0
      var outer = depth
      while let byte = byte() {
        switch byte {
        case UInt8(ascii: "\\"):
          // Quoting and control characters take what follows along.
          guard let escaped = self.byte(1), !"QEc".utf8.contains(escaped) else { return false }
          at += 2
        case UInt8(ascii: "["):
          guard skipClass() else { return false }
        case UInt8(ascii: "("):
          guard isPlainGroup() else { return false }
          inner += 1
          at += 1
        case UInt8(ascii: ")"):
          at += 1
          if inner > 0 {
            inner -= 1
          } else {
            outer -= 1
            // A group that may be left out or comes again is no beginning.
            if outer < 0 { return false }
            if let next = self.byte(), "?*+{".utf8.contains(next) { return false }
          }
        case UInt8(ascii: "|"):
          if inner == 0 { return false }
          at += 1
        default: at += 1
        }
      }
      return inner == 0 && outer == 0
    }

    /// Groups that change neither how the rest is read nor what stands before: no options, comments,
    /// verbs and conditions.
    private func isPlainGroup() -> Bool {
      if byte(1) == UInt8(ascii: "*") { return false }
      guard byte(1) == UInt8(ascii: "?") else { return true }
      guard let kind = byte(2) else { return false }
      return ":=!<>|P'".utf8.contains(kind)
    }

    /// A class in brackets.
    private mutating func skipClass() -> Bool {
      at += 1
      if byte() == UInt8(ascii: "^") { at += 1 }
      if byte() == UInt8(ascii: "]") { at += 1 }
      while let byte = byte() {
        switch byte {
        case UInt8(ascii: "]"):
          at += 1
          return true
        case UInt8(ascii: "\\"):
          guard let escaped = self.byte(1), !"QEc".utf8.contains(escaped) else { return false }
          at += 2
        case UInt8(ascii: "["):
          // `[:alpha:]`, which has a bracket of its own.
          if let kind = self.byte(1), ":.=".utf8.contains(kind) { return false }
          at += 1
        default: at += 1
        }
      }
      return false
    }

    private static func isWord(_ byte: UInt8) -> Bool {
      byte.asciiLowercased &- 0x61 < 26 || byte &- 0x30 < 10
    }
  }
}
