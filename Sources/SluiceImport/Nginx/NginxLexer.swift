/// What is wrong with the text of a file.
struct NginxSyntaxError: Error, Equatable {
  var message: String
  var position: Origin
}

/// One argument of a directive, or its name: quotes and escapes are resolved.
struct NginxWord: Equatable, Sendable {
  var text: String
  var position: Origin
  /// Written in quotes, so that an empty text and a brace are meant.
  var isQuoted = false
}

/// Splits a file into words by the rules of `ngx_conf_read_token` (nginx, src/core/ngx_conf_file.c):
///
/// - Words end at a blank, `;` or `{`. A `}` ends nothing but a block: inside of a word it is a letter.
/// - A word that begins with a quote ends with it, and only a blank, `;`, `{` or `)` may follow.
/// - `#` begins a comment only where a word could begin.
/// - `\` before a quote or a `\` takes its meaning away; `\t`, `\r` and `\n` are what they are in C; before
///   anything else it stays, which keeps regular expressions as they are.
/// - `${` is a variable, not a block.
struct NginxLexer {
  enum Token: Equatable {
    case word(NginxWord)
    case semicolon(Origin)
    case open(Origin)
    case close(Origin)
    case end(Origin)
  }

  /// nginx's own buffer for a parameter.
  static let longestWord = 4_096

  private let bytes: [UInt8]
  private var index = 0
  private var here: Origin
  /// A quoted word ended just now.
  private var needsSpace = false

  init(_ text: String, file: String) {
    var bytes = Array(text.utf8)
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
    self.bytes = bytes
    here = Origin(file: file, line: 1, column: 1)
  }

  mutating func next() throws(NginxSyntaxError) -> Token {
    while index < bytes.count {
      let byte = bytes[index]
      if needsSpace {
        needsSpace = false
        if !Self.isBlank(byte), byte != UInt8(ascii: ";"), byte != UInt8(ascii: "{") {
          // A condition may end right behind a quote: `if ($a = "b")`.
          if byte == UInt8(ascii: ")") { return .word(try word()) }
          throw NginxSyntaxError(
            message: "unexpected \(Self.shown(byte)) right behind a quoted text", position: here)
        }
      }
      switch byte {
      case _ where Self.isBlank(byte): step()
      case UInt8(ascii: "#"):
        while index < bytes.count, bytes[index] != 0x0A { step() }
      case UInt8(ascii: ";"): return .semicolon(stepped())
      case UInt8(ascii: "{"): return .open(stepped())
      case UInt8(ascii: "}"): return .close(stepped())
      case UInt8(ascii: "\""), UInt8(ascii: "'"): return .word(try quoted(byte))
      default: return .word(try word())
      }
    }
    return .end(here)
  }

  /// A word without quotes around it.
  private mutating func word() throws(NginxSyntaxError) -> NginxWord {
    let start = here
    var text: [UInt8] = []
    var isVariable = false
    while index < bytes.count {
      let byte = bytes[index]
      if Self.isBlank(byte) || byte == UInt8(ascii: ";") { break }
      if byte == UInt8(ascii: "{"), !isVariable { break }
      isVariable = byte == UInt8(ascii: "$")
      try take(into: &text, start)
    }
    return try finished(text, start, isQuoted: false)
  }

  private mutating func quoted(_ quote: UInt8) throws(NginxSyntaxError) -> NginxWord {
    let start = here
    var text: [UInt8] = []
    step()
    while index < bytes.count {
      if bytes[index] == quote {
        step()
        needsSpace = true
        return try finished(text, start, isQuoted: true)
      }
      try take(into: &text, start)
    }
    throw NginxSyntaxError(message: "the quoted text is not ended", position: start)
  }

  /// One byte, or one escape.
  private mutating func take(
    into text: inout [UInt8], _ start: Origin
  ) throws(NginxSyntaxError) {
    let byte = bytes[index]
    if text.count >= Self.longestWord {
      throw NginxSyntaxError(
        message: "a text longer than \(Self.longestWord) bytes: is a ';' or a quote missing?",
        position: start)
    }
    guard byte == UInt8(ascii: "\\"), index + 1 < bytes.count else {
      text.append(byte)
      return step()
    }
    switch bytes[index + 1] {
    case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "\\"): text.append(bytes[index + 1])
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "n"): text.append(0x0A)
    default: text += [byte, bytes[index + 1]]
    }
    step()
    step()
  }

  private func finished(
    _ text: [UInt8], _ start: Origin, isQuoted: Bool
  ) throws(NginxSyntaxError) -> NginxWord {
    guard let decoded = String(validating: text, as: UTF8.self) else {
      throw NginxSyntaxError(message: "the text is no UTF-8", position: start)
    }
    return NginxWord(text: decoded, position: start, isQuoted: isQuoted)
  }

  private mutating func stepped() -> Origin {
    let place = here
    step()
    return place
  }

  private mutating func step() {
    let byte = bytes[index]
    index += 1
    if byte == 0x0A {
      here.line += 1
      here.column = 1
    } else if byte & 0xC0 != 0x80 {
      here.column += 1
    }
  }

  private static func isBlank(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
  }

  private static func shown(_ byte: UInt8) -> String {
    (0x21...0x7E).contains(byte) ? "'\(Character(UnicodeScalar(byte)))'" : "a byte"
  }
}
