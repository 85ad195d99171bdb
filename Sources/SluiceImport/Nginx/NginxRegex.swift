/// A regular expression of nginx, which sees a path decoded, as one that sees it as it comes here: in normal
/// form, with everything percent-encoded that is not unreserved (RFC 3986 2.3) but for what a caller may write
/// either way.
///
/// `.` and what a class lacks stand for a whole `%XX`, a literal character for both of its forms, so that what
/// matches is the same. What has no such form is refused: where a location closes something, another meaning
/// would open it.
struct NginxRegex {
  /// Matches the whole path where nginx's would be found anywhere in it.
  let pattern: String

  struct Problem: Error {
    let message: String
  }

  /// - Parameter captures: false makes groups of it that capture nothing.
  init(_ text: String, ignoresCase: Bool = false, captures: Bool = true) throws(Problem) {
    var translator = Translator(text, captures: captures)
    let inner = try translator.translate()
    // The leftmost match, wherever a character begins. An alternative may be anchored and another not.
    let start = text.hasPrefix("^") && !text.contains("|") ? "" : "\(Self.anything)*?"
    pattern = "\(start)(?\(ignoresCase ? "i" : ""):\(inner)).*"
  }

  /// One character of a path.
  private static let anything = "(?:[^%]|%[0-9A-F]{2})"

  private struct Translator {
    private let characters: [Character]
    private var at = 0
    private var result = ""
    private let captures: Bool

    init(_ text: String, captures: Bool) {
      characters = Array(text)
      self.captures = captures
    }

    private var next: Character? { at < characters.count ? characters[at] : nil }

    mutating func translate() throws(Problem) -> String {
      while let character = next {
        at += 1
        switch character {
        case "\\": try escape()
        case "[": try characterClass()
        case "(": try group()
        case ".": result += NginxRegex.anything
        case ")", "|", "^", "$", "*", "+", "?": result.append(character)
        case "{": quantifier()
        default: try literal(character)
        }
      }
      return result
    }

    /// `{2,4}`; what is none is the character itself.
    private mutating func quantifier() {
      guard let end = characters[at...].firstIndex(of: "}"), end > at,
        characters[at..<end].allSatisfy({ $0.isASCII && $0.isNumber || $0 == "," })
      else {
        result += "%7B"
        return
      }
      result += "{\(String(characters[at..<end]))}"
      at = end + 1
    }

    private mutating func group() throws(Problem) {
      result.append("(")
      guard next == "?" else {
        if !captures { result += "?:" }
        return
      }
      for opening in ["?:", "?=", "?!", "?>"] where starts(with: opening) {
        result += opening
        at += opening.count
        return
      }
      for opening in ["?<", "?P<"] where starts(with: opening) && !starts(with: "?<=") {
        guard !starts(with: "?<!"), let end = characters[at...].firstIndex(of: ">") else { break }
        result += captures ? String(characters[at...end]) : "?:"
        at = end + 1
        return
      }
      throw Problem(message: "'(\(String(characters[at...].prefix(3))))' can't be carried over")
    }

    private func starts(with text: String) -> Bool { characters[at...].starts(with: text) }

    private mutating func escape() throws(Problem) {
      guard let character = next else { throw Problem(message: "it ends in a backslash") }
      at += 1
      if "dwAzZ".contains(character) {
        result += "\\\(character)"
      } else if character.isLetter || character.isNumber {
        // `\s`, `\x41`, `\b`, `\1`: about bytes that stand here in three characters, or their borders.
        throw Problem(message: "'\\\(character)' can't be carried over")
      } else {
        try literal(character)
      }
    }

    private mutating func literal(_ character: Character) throws(Problem) {
      result += try Self.forms(of: character)
    }

    /// An expression for one character.
    private static func forms(of character: Character) throws(Problem) -> String {
      guard let byte = character.asciiValue, byte >= 0x20, byte < 0x7F else {
        throw Problem(message: "characters beyond ASCII can't be carried over")
      }
      if isUnreserved(character) { return character == "." ? "\\." : String(character) }
      let encoded = NginxPath.encoded(byte)
      if NginxPath.eitherWay.contains(character) { return "(?:\\\(character)|\(encoded))" }
      return "(?:\(encoded))"
    }

    private static func isUnreserved(_ character: Character) -> Bool {
      character.isASCII
        && (character.isLetter || character.isNumber || "/-._~".contains(character))
    }

    /// `[…]`: what callers write in one way stays in the class, the rest stands beside it.
    private mutating func characterClass() throws(Problem) {
      let isNegated = next == "^"
      if isNegated { at += 1 }
      var members = ""
      var encoded: [String] = []
      var isFirst = true
      while let character = next, isFirst || character != "]" {
        isFirst = false
        at += 1
        var member = character
        if character == "\\" {
          guard let escaped = next else { break }
          at += 1
          if escaped == "d" || escaped == "w" {
            members += "\\\(escaped)"
            continue
          }
          if escaped.isLetter || escaped.isNumber {
            throw Problem(message: "'\\\(escaped)' in a class can't be carried over")
          }
          member = escaped
        } else if character == "[" && (next == ":" || next == "." || next == "=") {
          throw Problem(message: "a named class can't be carried over; write its characters")
        }
        if next == "-", at + 1 < characters.count, characters[at + 1] != "]" {
          let last = characters[at + 1]
          try Self.checkRange(member, last)
          members += "\(member)-\(last)"
          at += 2
          continue
        }
        guard let byte = member.asciiValue, byte >= 0x20, byte < 0x7F else {
          throw Problem(message: "characters beyond ASCII can't be carried over")
        }
        if Self.isUnreserved(member) {
          members += member == "-" || member == "." ? "\\\(member)" : String(member)
        } else {
          if NginxPath.eitherWay.contains(member) { members += "\\\(member)" }
          encoded.append(String(NginxPath.encoded(byte).dropFirst()))
        }
      }
      guard next == "]" else { throw Problem(message: "a class has no end") }
      at += 1
      let escapes = encoded.joined(separator: "|")
      if isNegated {
        let others = encoded.isEmpty ? "%[0-9A-F]{2}" : "%(?!\(escapes))[0-9A-F]{2}"
        result += "(?:[^\(members)%]|\(others))"
      } else if encoded.isEmpty {
        result += "[\(members)]"
      } else {
        result += members.isEmpty ? "(?:%(?:\(escapes)))" : "(?:[\(members)]|%(?:\(escapes)))"
      }
    }

    /// All between the two has to be what callers write in one way.
    private static func checkRange(_ first: Character, _ last: Character) throws(Problem) {
      let ranges: [ClosedRange<Character>] = ["a"..."z", "A"..."Z", "0"..."9"]
      if ranges.contains(where: { $0.contains(first) && $0.contains(last) && first <= last }) {
        return
      }
      throw Problem(message: "the range '\(first)-\(last)' can't be carried over")
    }
  }
}
