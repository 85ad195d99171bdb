import Testing

@testable import SluiceWire

@Suite struct JSONTapeTests {
  private func tape(_ text: String) throws -> JSONTape { try JSONTape(Array(text.utf8).span) }

  @Test func valuesAreInOrder() throws {
    let text = Array(#"{"a": [1, {"b\u0063": "x"}], "d": null}"#.utf8)
    let tape = try JSONTape(text.span)
    #expect(tape.nodes.map(\.kind) == [.object, .array, .number, .object, .string, .null])
    #expect(tape.nodes.map(\.next) == [6, 5, 3, 5, 5, 6])
    #expect(tape.nodes.map(\.count) == [2, 2, 0, 1, 0, 0])
    #expect(tape.member(Array("d".utf8).span, of: 0, text.span) == 5)
    #expect(tape.member(Array("bc".utf8).span, of: 3, text.span) == 4)
    #expect(tape.member(Array("bc".utf8).span, of: 0, text.span) == nil)
    for node in tape.nodes { #expect(node.end <= Int32(text.count)) }
  }

  @Test func namesOccurOnce() throws {
    #expect(throws: JSONTape.Failure.duplicateKey) { try tape(#"{"a":1,"b":2,"\u0061":3}"#) }
    #expect(throws: JSONTape.Failure.duplicateKey) { try tape(#"[{"a":{"b":1,"b":1}}]"#) }
    #expect(try tape(#"[{"a":{"a":1}},{"a":[{"a":1},{"a":2}]}]"#).nodes.count == 10)
    #expect(throws: JSONTape.Failure.invalid(.tooDeep)) {
      try tape(String(repeating: "[", count: 10_000))
    }
    #expect(throws: JSONTape.Failure.invalid(.trailingBytes)) { try tape("1 2") }
  }

  @Test func equalValuesHaveEqualHashes() throws {
    func hash(_ text: String) throws -> Int {
      let bytes = Array(text.utf8)
      return try JSONTape(bytes.span).hash(of: 0, bytes.span)
    }
    #expect(try hash(#"{"a":1,"b":[2,"x"]}"#) == hash(#"{ "b":[2.0,"\u0078"],"\u0061":1e0 }"#))
    let different = [
      "1", "\"1\"", "true", "false", "null", "[]", "{}", "[1]", "[[1]]", "[1,2]", "[2,1]",
      #"{"a":1}"#, #"{"a":2}"#, #"{"b":1}"#, #"["a",1]"#, #"[{"a":1},{"b":2}]"#,
      #"[{"a":2},{"b":1}]"#, #"["ab","c"]"#, #"["a","bc"]"#,
    ]
    #expect(Set(try different.map(hash)).count == different.count)
  }
}
