import Testing

@testable import SluiceWire

@Suite struct FieldListTests {
  private func elements(_ text: String, hasQuotes: Bool = false) -> [String] {
    let bytes = Array(text.utf8)
    var list = FieldList(bytes.span, hasQuotes: hasQuotes)
    var elements: [String] = []
    while let range = list.next() { elements.append(String(decoding: bytes[range], as: UTF8.self)) }
    return elements
  }

  /// RFC 9110 5.6.1.2: what a recipient has to take.
  @Test(arguments: [
    ("", []), (",", []), (" ,\t, ", []), ("foo ,bar,", ["foo", "bar"]),
    ("foo , ,bar,charlie", ["foo", "bar", "charlie"]), (", foo, ", ["foo"]),
    ("\tfoo bar \t", ["foo bar"]), ("a", ["a"]), ("a,b", ["a", "b"]),
  ])
  func emptyElementsAndBlanksAreNone(text: String, expected: [String]) {
    #expect(elements(text) == expected)
    #expect(elements(text, hasQuotes: true) == expected)
  }

  /// RFC 9110 5.6.4.
  @Test(arguments: [
    ("a=\"b,c\", d", ["a=\"b,c\"", "d"]), ("\"a\\\"b,c\",d", ["\"a\\\"b,c\"", "d"]),
    ("\"a\\\\\",d", ["\"a\\\\\"", "d"]), ("a,\"b,c", ["a", "\"b,c"]), ("\"a\\", ["\"a\\"]),
    ("a\\,b", ["a\\", "b"]), ("\"\",\"\"", ["\"\"", "\"\""]),
  ])
  func commasInQuotedStringsEndNothing(text: String, expected: [String]) {
    #expect(elements(text, hasQuotes: true) == expected)
  }

  /// Where a field has no quoted strings, a quotation mark hides nothing.
  @Test func quotesAreBytesUnlessTheFieldHasThem() {
    #expect(elements("a\"b,c\"") == ["a\"b", "c\""])
  }

  /// Against `split`, on every text of some bytes.
  @Test func allShortListsAreSplitAlike() {
    let alphabet = Array("a ,\t".utf8)
    for length in 0...6 {
      for number in 0..<Int(pow(4, length)) {
        var bytes: [UInt8] = []
        var rest = number
        for _ in 0..<length {
          bytes.append(alphabet[rest % 4])
          rest /= 4
        }
        let text = String(decoding: bytes, as: UTF8.self)
        let expected = text.split(separator: ",").map { part in
          String(part.drop { " \t".contains($0) }.reversed().drop { " \t".contains($0) }.reversed())
        }.filter { !$0.isEmpty }
        #expect(elements(text) == expected, "\(bytes)")
      }
    }
  }

  private func pow(_ base: Int, _ exponent: Int) -> Int {
    (0..<exponent).reduce(1) { product, _ in product * base }
  }
}
