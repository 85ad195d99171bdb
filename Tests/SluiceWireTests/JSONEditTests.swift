import Testing

@testable import SluiceWire

@Suite struct JSONEditTests {
  /// The text after the edit; nil when it stays as it is.
  private func edit(
    _ kind: JSONEdit.Kind, _ path: String, _ text: String, _ value: String = "0"
  ) throws -> String? {
    let edit = try #require(JSONEdit(kind, try JSONPath(path)))
    var output = ByteBuffer()
    let changed = try edit.apply(
      to: Array(text.utf8).span, value: Array(value.utf8).span, into: &output)
    #expect(changed || output.isEmpty)
    return changed ? String(decoding: output.copiedBytes(), as: UTF8.self) : nil
  }

  @Test func removing() throws {
    #expect(try edit(.remove, "$.a", #"{"a":1}"#) == "{}")
    #expect(try edit(.remove, "$.a", #"{ "a" : 1 , "b":2}"#) == #"{ "b":2}"#)
    #expect(try edit(.remove, "$.b", #"{"a":1, "b":[2,{}] }"#) == #"{"a":1 }"#)
    #expect(try edit(.remove, "$.b", #"{"a":1,"b":2,"c":3}"#) == #"{"a":1,"c":3}"#)
    #expect(try edit(.remove, "$[0]", "[1, 2]") == "[2]")
    #expect(try edit(.remove, "$[1]", "[1, 2]") == "[1]")
    #expect(try edit(.remove, "$[0]", "[1]") == "[]")
    #expect(
      try edit(.remove, "$.a[1].b", #"{"a":[0,{"b":1,"c":2}],"d":3}"#)
        == #"{"a":[0,{"c":2}],"d":3}"#)
    #expect(try edit(.remove, "$.a", #"{"b":{"a":1}}"#) == nil)
    #expect(try edit(.remove, "$.a.b", #"{"a":1}"#) == nil)
    #expect(try edit(.remove, "$[5]", "[1]") == nil)
    #expect(try edit(.remove, "$.a", "7") == nil)
    // Escapes in a name mean what they mean.
    #expect(try edit(.remove, "$.password", #"{"p\u0061ssword":1}"#) == "{}")
  }

  @Test func renaming() throws {
    #expect(try edit(.rename(to: "b"), "$.a", #"{"a":1,"c":2}"#) == #"{"b":1,"c":2}"#)
    #expect(try edit(.rename(to: "b"), "$.a", #"{"a":1,"b":2}"#) == #"{"b":1}"#)
    #expect(try edit(.rename(to: "b"), "$.a", #"{"b":2,"a":1}"#) == #"{"b":1}"#)
    #expect(try edit(.rename(to: "b"), "$.a", #"{"b":2}"#) == nil)
    #expect(try edit(.rename(to: "a"), "$['a']", #"{"a":2}"#) == nil)
    #expect(
      try edit(.rename(to: "it's \"b\\\""), "$.x.a", #"{"x":{"a":1}}"#)
        == #"{"x":{"it's \"b\\\"":1}}"#)
    #expect(JSONEdit(.rename(to: "b"), try JSONPath("$[0]")) == nil)
    #expect(JSONEdit(.remove, try JSONPath("$")) == nil)
  }

  @Test func replacing() throws {
    #expect(try edit(.replace, "$.a", #"{"a":[1,2],"b":3}"#, "true") == #"{"a":true,"b":3}"#)
    #expect(try edit(.replace, "$.b", #"{"a":1}"#) == nil)
  }

  @Test func adding() throws {
    #expect(try edit(.add, "$.a", "{}") == #"{"a":0}"#)
    #expect(try edit(.add, "$.b", #"{"a":1}"#) == #"{"a":1,"b":0}"#)
    #expect(try edit(.add, "$.a", #"{"a":null}"#) == nil)
    #expect(try edit(.add, "$.m.n.o", #"{"a":1}"#) == #"{"a":1,"m":{"n":{"o":0}}}"#)
    #expect(try edit(.add, "$.m.n.o", #"{"m":{"x":1}}"#) == #"{"m":{"x":1,"n":{"o":0}}}"#)
    #expect(try edit(.add, "$.m.n", #"{"m":1}"#) == nil)
    #expect(try edit(.add, "$[1]", "[1]") == "[1,0]")
    #expect(try edit(.add, "$[1].a.b", "[1]") == #"[1,{"a":{"b":0}}]"#)
    #expect(try edit(.add, "$[0]", "[ ]") == "[ 0]")
    #expect(try edit(.add, "$[2]", "[1]") == nil)
    #expect(try edit(.add, "$.a[0]", "{}") == nil)
    #expect(try edit(.add, "$.a", "[1]") == nil)
    #expect(try edit(.add, "$[0]", "{}") == nil)
    #expect(try edit(.add, "$.a", "1") == nil)
  }

  @Test func appending() throws {
    #expect(try edit(.append, "$.a", #"{"a":[]}"#) == #"{"a":[0]}"#)
    #expect(try edit(.append, "$.a", #"{"a":[ 1 ]}"#) == #"{"a":[ 1 ,0]}"#)
    #expect(try edit(.append, "$.a", #"{"a":"x"}"#) == #"{"a":["x",0]}"#)
    #expect(try edit(.append, "$.a.b", "{}") == #"{"a":{"b":[0]}}"#)
  }

  @Test func whatIsNoJSONOrAmbiguousIsRefused() throws {
    #expect(throws: JSONEdit.Failure.invalid(.unexpectedEnd)) {
      try edit(.remove, "$.a", #"{"a":1"#)
    }
    #expect(throws: JSONEdit.Failure.duplicateKey) {
      try edit(.remove, "$.a", #"{"a":1,"\u0061":2}"#)
    }
    #expect(throws: JSONEdit.Failure.duplicateKey) {
      try edit(.add, "$.a.b", #"{"a":{},"a":{}}"#)
    }
    #expect(throws: JSONEdit.Failure.invalid(.tooDeep)) {
      try edit(.remove, "$.a", String(repeating: "[", count: 10_000))
    }
    // Elsewhere it is nobody's business.
    #expect(try edit(.remove, "$.a", #"{"b":{"c":1,"c":2},"a":1}"#) == #"{"b":{"c":1,"c":2}}"#)
  }

  /// Every place that is found is the one that the look-up finds, and what comes out is JSON.
  @Test func editsAgreeWithLookUps() throws {
    let texts = [
      #"{"a":{"b":[1,{"a":2}],"c":"x"},"b":[],"c":null}"#, #"[{"a":1},[2,[3]],{"b":{"a":[]}}]"#,
      #"{"a":[[1],[2,{"b":3}]]}"#, "[]", "{}", "1", #""text""#,
    ]
    let paths = [
      "$.a", "$.a.b", "$.a.b[1].a", "$[0].a", "$[1][1][0]", "$.a[1][1].b", "$.c", "$[2]",
    ]
    for text in texts {
      for name in paths {
        let path = try JSONPath(name)
        let bytes = Array(text.utf8)
        let isThere: Bool = if case .found = path.value(in: bytes.span) { true } else { false }
        if isThere {
          let rest = try #require(try edit(.remove, name, text))
          #expect(isJSON(rest), "\(text) without \(name): \(rest)")
        } else {
          #expect(try edit(.remove, name, text) == nil)
          if let filled = try edit(.add, name, text, #"{"new":1}"#) {
            guard case .found(let value) = path.value(in: Array(filled.utf8).span) else {
              Issue.record("\(name) is not in \(filled)")
              continue
            }
            #expect(value.kind == .object)
          }
        }
        if let longer = try edit(.append, name, text) { #expect(isJSON(longer)) }
      }
    }
  }

  private func isJSON(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    var scanner = JSONScanner(bytes.span)
    while let token = try? scanner.next() { if token.kind == .end { return true } }
    return false
  }

  @Test func stringsAreEscaped() {
    var output = ByteBuffer()
    output.append(jsonString: Array("a\"b\\c\n\u{1f}é".utf8).span)
    #expect(String(decoding: output.copiedBytes(), as: UTF8.self) == #""a\"b\\c\u000a\u001fé""#)
  }
}
