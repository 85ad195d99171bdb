/// A text of nginx with variables in it: `$name`, `${name}`, `$1`.
struct NginxTemplate: Equatable, Sendable {
  enum Part: Equatable, Sendable {
    case text(String)
    /// In lower case, without `$`; digits for what a regular expression captured.
    case variable(String)
  }

  var parts: [Part]

  /// By the rules of `ngx_http_script_compile`: a name is letters, digits and `_`; one digit is a capture; a
  /// `$` that nothing follows is a mistake, as is a `${` without its `}`.
  init(_ word: NginxWord) throws(NginxSyntaxError) {
    var parts: [Part] = []
    var text: [UInt8] = []
    let bytes = Array(word.text.utf8)
    var index = 0
    func fail(_ message: String) -> NginxSyntaxError {
      NginxSyntaxError(message: message, position: word.position)
    }
    while index < bytes.count {
      guard bytes[index] == UInt8(ascii: "$") else {
        text.append(bytes[index])
        index += 1
        continue
      }
      index += 1
      guard index < bytes.count else { throw fail("a '$' with no name of a variable behind it") }
      if !text.isEmpty { parts.append(.text(String(decoding: text, as: UTF8.self))) }
      text = []
      if (UInt8(ascii: "1")...UInt8(ascii: "9")).contains(bytes[index]) {
        parts.append(.variable(String(UnicodeScalar(bytes[index]))))
        index += 1
        continue
      }
      let isBraced = bytes[index] == UInt8(ascii: "{")
      if isBraced { index += 1 }
      let start = index
      while index < bytes.count, Self.isNameByte(bytes[index]) { index += 1 }
      guard index > start else { throw fail("a '$' with no name of a variable behind it") }
      parts.append(.variable(String(decoding: bytes[start..<index], as: UTF8.self).lowercased()))
      if isBraced {
        guard index < bytes.count, bytes[index] == UInt8(ascii: "}") else {
          throw fail("the variable '${' has no '}'")
        }
        index += 1
      }
    }
    if !text.isEmpty { parts.append(.text(String(decoding: text, as: UTF8.self))) }
    self.parts = parts
  }

  /// The text when there are no variables in it.
  var constant: String? {
    switch parts.count {
    case 0: return ""
    case 1:
      guard case .text(let text) = parts[0] else { return nil }
      return text
    default: return nil
    }
  }

  /// The name when it is one variable and nothing else.
  var onlyVariable: String? {
    guard parts.count == 1, case .variable(let name) = parts[0] else { return nil }
    return name
  }

  var variables: [String] {
    parts.compactMap { if case .variable(let name) = $0 { name } else { nil } }
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20) || byte == 0x5F
  }
}
