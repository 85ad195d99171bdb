/// The rules for `path`, `prefix` and other paths in the file.
///
/// They are compared with normalised request paths, so one that is not normalised would never
/// match.
enum PathPattern {
  static func check(_ text: String, allowsNames: Bool) throws(TextProblem) {
    guard text.hasPrefix("/") else { throw TextProblem("it must start with /") }
    let segments = text.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
    var names: Set<Substring> = []
    for (index, segment) in segments.enumerated() {
      if segment.isEmpty, index < segments.count - 1 {
        throw TextProblem("it has an empty segment", hint: "requests come with single slashes")
      }
      if segment == "." || segment == ".." {
        throw TextProblem("it has a dot segment", hint: "requests come with dot segments resolved")
      }
      if segment.contains("{") || segment.contains("}") {
        guard allowsNames else { throw TextProblem("it must not have {name} segments") }
        let name = segment.dropFirst().dropLast()
        guard segment.first == "{", segment.last == "}", isName(name) else {
          throw TextProblem(
            "braces enclose a whole segment: a name of letters, digits and _",
            hint: "write it like /orders/{id}/items")
        }
        guard names.insert(name).inserted else {
          throw TextProblem("it has two segments with the same name")
        }
      } else {
        try checkBytes(segment)
      }
    }
  }

  private static func isName(_ name: Substring) -> Bool {
    guard let first = name.utf8.first, !(48...57).contains(first) else { return false }
    return name.utf8.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "_") }
  }

  /// RFC 3986 `pchar`, with percent-encoding in its normal form (section 6.2.2).
  private static func checkBytes(_ segment: Substring) throws(TextProblem) {
    let bytes = Array(segment.utf8)
    var index = 0
    while index < bytes.count {
      let byte = bytes[index]
      if byte == UInt8(ascii: "%") {
        try checkPercentEncoding(bytes[index...].prefix(3))
        index += 3
        continue
      }
      guard isAlphanumeric(byte) || "-._~!$&'()*+,;=:@".utf8.contains(byte) else {
        if byte == UInt8(ascii: "?") || byte == UInt8(ascii: "#") {
          throw TextProblem("it must be a path only, without query and fragment")
        }
        throw TextProblem("it has a character that stands percent-encoded in a path")
      }
      index += 1
    }
  }

  private static func checkPercentEncoding(_ triplet: ArraySlice<UInt8>) throws(TextProblem) {
    let digits = triplet.dropFirst()
    let text = String(decoding: digits, as: UTF8.self)
    guard digits.count == 2, digits.allSatisfy({ isAlphanumeric($0) }),
      let value = UInt8(text, radix: 16)
    else { throw TextProblem("'%' must be followed by two hexadecimal digits") }
    guard text == text.uppercased() else {
      throw TextProblem("percent-encoding stands in upper case, as in %2F")
    }
    guard !isAlphanumeric(value), !"-._~".utf8.contains(value) else {
      throw TextProblem(
        "it encodes a character that needs no encoding", hint: "requests come with it decoded")
    }
    guard value != 0 else { throw TextProblem("it has an encoded NUL") }
  }
}
