/// Writes a document as YAML that the ordinary reader reads back as it was meant.
///
/// Block style with two spaces; short lists of scalars stand on one line. Text is quoted wherever any
/// YAML 1.1 or 1.2 reader could take it for something else than that text.
struct DocumentWriter {
  private(set) var text = ""
  private(set) var origins = OriginMap()
  private var line = 1
  private var column = 1

  /// A list that fits into this many columns is written on one line.
  private static let flowWidth = 80

  static func write(_ document: DocumentNode) -> (text: String, origins: OriginMap) {
    var writer = DocumentWriter()
    writer.comment(document.comment, indent: 0)
    writer.note(document.origin)
    switch document.content {
    case .mapping(let entries) where !entries.isEmpty: writer.mapping(entries, indent: 0)
    case .sequence(let elements) where !elements.isEmpty: writer.sequence(elements, indent: 0)
    default:
      writer.put(Self.inline(document))
      writer.put("\n")
    }
    return (writer.text, writer.origins)
  }

  // MARK: Structure

  private mutating func mapping(
    _ entries: [DocumentNode.Entry], indent: Int, continuesLine: Bool = false
  ) {
    for (index, entry) in entries.enumerated() {
      let isFirst = index == 0 && continuesLine
      if !isFirst {
        comment(entry.comment, indent: indent)
        put(String(repeating: " ", count: indent))
      }
      note(entry.origin ?? entry.value.origin)
      put(Self.scalar(entry.key))
      put(":")
      value(entry.value, indent: indent, isInMapping: true)
    }
  }

  private mutating func sequence(_ elements: [DocumentNode], indent: Int) {
    for element in elements {
      comment(element.comment, indent: indent)
      if case .mapping(let entries) = element.content, let first = entries.first {
        comment(first.comment, indent: indent)
      }
      put(String(repeating: " ", count: indent))
      note(element.origin)
      put("-")
      value(element, indent: indent, isInMapping: false)
    }
  }

  /// What stands behind a colon or a dash, with the line's end.
  private mutating func value(_ node: DocumentNode, indent: Int, isInMapping: Bool) {
    switch node.content {
    case .mapping(let entries) where !entries.isEmpty:
      if isInMapping {
        put("\n")
        mapping(entries, indent: indent + 2)
      } else {
        put(" ")
        mapping(entries, indent: indent + 2, continuesLine: true)
      }
    case .sequence(let elements) where !elements.isEmpty && !fits(node, elements, indent: indent):
      if isInMapping {
        put("\n")
        sequence(elements, indent: indent + 2)
      } else {
        put("\n")
        sequence(elements, indent: indent + 2)
      }
    case .sequence(let elements) where !elements.isEmpty:
      put(" ")
      note(node.origin)
      put("[")
      for (index, element) in elements.enumerated() {
        if index > 0 { put(", ") }
        note(element.origin)
        put(Self.inline(element))
      }
      put("]\n")
    default:
      put(" ")
      note(node.origin)
      put(Self.inline(node))
      put("\n")
    }
  }

  /// Whether a list may stand on one line.
  private func fits(_ node: DocumentNode, _ elements: [DocumentNode], indent: Int) -> Bool {
    var width = column
    for element in elements {
      guard element.comment == nil else { return false }
      switch element.content {
      case .text, .template, .literal: width += Self.inline(element).unicodeScalars.count + 2
      case .sequence, .mapping: return false
      }
      if width > Self.flowWidth { return false }
    }
    return true
  }

  private mutating func comment(_ comment: String?, indent: Int) {
    guard let comment else { return }
    for line in comment.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
      put(String(repeating: " ", count: indent))
      // What YAML does not allow in a text must not be in a comment either.
      let shown = String(String.UnicodeScalarView(line.unicodeScalars.filter(Self.isPrintable)))
      put(shown.isEmpty ? "#" : "# \(shown)")
      put("\n")
    }
  }

  private mutating func note(_ origin: Origin?) {
    if let origin { origins.note(line: line, column: column, origin) }
  }

  /// Nothing that is put has a line break anywhere but at its end.
  private mutating func put(_ piece: String) {
    text += piece
    if piece.hasSuffix("\n") {
      line += 1
      column = 1
    } else {
      column += piece.unicodeScalars.count
    }
  }

  // MARK: Scalars

  private static func inline(_ node: DocumentNode) -> String {
    switch node.content {
    case .text(let text): scalar(escapingReferences(text))
    case .template(let text): scalar(text)
    case .literal(let text): text
    case .sequence: "[]"
    case .mapping: "{}"
    }
  }

  /// The reader takes `$$` for a `$` and `${` for a reference, any other `$` for itself.
  static func escapingReferences(_ text: String) -> String {
    guard text.contains("$$") || text.contains("${") else { return text }
    return text.replacing("$", with: "$$")
  }

  /// The same for a piece of a template, whatever stands behind it.
  static func escapingEvery(_ text: String) -> String { text.replacing("$", with: "$$") }

  /// Words that some YAML reader takes for no text.
  private static let words: Set<String> = [
    "null", "true", "false", "yes", "no", "on", "off", "y", "n", "inf", "nan",
  ]

  /// Plain where nobody could misread it, else in double quotes.
  static func scalar(_ text: String) -> String {
    isPlain(text) ? text : quoted(text)
  }

  private static func isPlain(_ text: String) -> Bool {
    let bytes = text.utf8
    guard let first = bytes.first, let last = bytes.last, bytes.count <= 120 else { return false }
    guard isLetter(first) || first == UInt8(ascii: "/") || first == UInt8(ascii: "_") else {
      return false
    }
    guard last != UInt8(ascii: ":"), !words.contains(text.lowercased()) else { return false }
    return bytes.allSatisfy { byte in
      isLetter(byte) || (48...57).contains(byte) || "_-./:+=~@".utf8.contains(byte)
    }
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    (65...90).contains(byte) || (97...122).contains(byte)
  }

  static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      default:
        if isPrintable(scalar) {
          result.unicodeScalars.append(scalar)
        } else if scalar.value <= 0xff {
          result += "\\x" + hexadecimal(scalar.value, digits: 2)
        } else if scalar.value <= 0xffff {
          result += "\\u" + hexadecimal(scalar.value, digits: 4)
        } else {
          result += "\\U" + hexadecimal(scalar.value, digits: 8)
        }
      }
    }
    return result + "\""
  }

  /// YAML 1.2 section 5.1 without line breaks, the byte order mark and what only looks like a space.
  private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x20...0x7e, 0xa0...0x2027, 0x202a...0xd7ff, 0xe000...0xfefe, 0xff00...0xfffd,
      0x1_0000...0x10_ffff:
      scalar.value & 0xfffe != 0xfffe
    default: false
    }
  }

  private static func hexadecimal(_ value: UInt32, digits: Int) -> String {
    let text = String(value, radix: 16)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }
}

/// Where what stands in the written text comes from.
struct OriginMap: Sendable {
  private struct Mark {
    var line: Int
    var column: Int
    var origin: Origin
  }

  /// In the order of the text.
  private var marks: [Mark] = []

  mutating func note(line: Int, column: Int, _ origin: Origin) {
    marks.append(Mark(line: line, column: column, origin: origin))
  }

  /// The origin of the last value that starts at or before this place; nil before the first.
  func origin(line: Int, column: Int) -> Origin? {
    var low = 0
    var high = marks.count
    while low < high {
      let middle = (low + high) / 2
      let mark = marks[middle]
      if (mark.line, mark.column) <= (line, column) { low = middle + 1 } else { high = middle }
    }
    return low > 0 ? marks[low - 1].origin : nil
  }
}
