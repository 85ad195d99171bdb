import SluiceConfiguration
import SluiceWire
import Testing

@testable import SluiceGateway

/// JSON Schema, keyword by keyword; each line is a schema, what passes and what does not.
@Suite struct SchemaTests {
  /// "" for a text that is right, otherwise pointer and keyword.
  private func judge(_ schema: String, _ text: String) throws -> String {
    let compiled = try CompiledSchema.compile(schema)
    let bytes = Array(text.utf8)
    var run = SchemaRun(compiled, try JSONTape(bytes.span))
    guard let failure = run.failure(bytes.span) else { return "" }
    return "\(String(decoding: failure.pointer, as: UTF8.self)) \(failure.keyword)"
  }

  private static let cases: [(schema: String, right: [String], wrong: [(String, String)])] = [
    ("true", ["1", "{}"], []),
    ("{}", ["1", "null"], []),
    ("false", [], [("1", " false")]),
    (#"{"type":"integer"}"#, ["1", "-0", "1.0", "1e3"], [("1.5", " type"), (#""1""#, " type")]),
    (#"{"type":["string","null"]}"#, [#""a""#, "null"], [("true", " type"), ("{}", " type")]),
    (#"{"type":"number"}"#, ["1", "1.5"], [("[]", " type")]),
    (#"{"type":"boolean"}"#, ["true"], [("null", " type")]),
    (
      #"{"const":{"a":[1,"x"],"b":null}}"#, [#"{"b":null, "a":[1.0,"\u0078"]}"#],
      [(#"{"a":[1,"x"]}"#, " enum")]
    ),
    (
      #"{"enum":[1,"a",[true]]}"#, ["1", "1.0", #""a""#, "[true]"],
      [("2", " enum"), ("[false]", " enum")]
    ),
    (
      #"{"minimum":1,"maximum":3}"#, ["1", "3", #""x""#],
      [("0.9", " minimum"), ("3.1", " maximum")]
    ),
    (
      #"{"exclusiveMinimum":1,"exclusiveMaximum":3}"#, ["2"],
      [("1", " exclusiveMinimum"), ("3", " exclusiveMaximum")]
    ),
    (#"{"multipleOf":0.1}"#, ["0.3", "19.9", "0"], [("0.35", " multipleOf")]),
    (
      #"{"minLength":2,"maxLength":3}"#, [#""éé""#, #""\ud83d\ude00a""#, "1"],
      [(#""é""#, " minLength"), (#""abcd""#, " maxLength")]
    ),
    (#"{"pattern":"^a.c"}"#, [#""abcd""#, #""a\u0062c""#], [(#""xabc""#, " pattern")]),
    (#"{"pattern":"b"}"#, [#""abc""#], [(#""ac""#, " pattern")]),
    (
      #"{"prefixItems":[{"type":"string"}],"items":{"type":"number"}}"#, [#"["a",1,2]"#, "[]"],
      [("[1]", "/0 type"), (#"["a",1,"b"]"#, "/2 type")]
    ),
    (#"{"items":false}"#, ["[]"], [("[1]", "/0 false")]),
    (#"{"minItems":1,"maxItems":2}"#, ["[1]"], [("[]", " minItems"), ("[1,2,3]", " maxItems")]),
    (
      #"{"uniqueItems":true}"#, [#"[1,"1",[1],{"a":1}]"#],
      [(#"[{"a":1,"b":2},{"b":2.0,"a":1}]"#, "/1 uniqueItems")]
    ),
    (
      #"{"contains":{"type":"string"}}"#, [#"[1,"a"]"#],
      [("[1]", " contains"), ("[]", " contains")]
    ),
    (
      #"{"contains":{"type":"string"},"minContains":2,"maxContains":3}"#, [#"["a","b"]"#],
      [(#"["a"]"#, " minContains"), (#"["a","b","c","d"]"#, " maxContains")]
    ),
    (#"{"contains":{"type":"string"},"minContains":0}"#, ["[]"], []),
    (#"{"required":["a","b/c"]}"#, [#"{"a":1,"b\/c":2}"#, "[]"], [(#"{"a":1}"#, " required")]),
    (
      #"{"properties":{"a":{"type":"string"},"b~/":{"items":{"minimum":1}}}}"#,
      [#"{"a":"x","c":1}"#],
      [(#"{"\u0061":1}"#, "/a type"), (#"{"b~/":[1,0]}"#, "/b~0~1/1 minimum")]
    ),
    (
      #"{"properties":{"a":true},"patternProperties":{"^x-":{"type":"string"}},"additionalProperties":false}"#,
      [#"{"a":1,"x-b":"c"}"#],
      [(#"{"b":1}"#, "/b additionalProperties"), (#"{"x-b":1}"#, "/x-b type")]
    ),
    (#"{"additionalProperties":{"type":"string"}}"#, [#"{"a":"b"}"#], [(#"{"a":1}"#, "/a type")]),
    (
      #"{"propertyNames":{"maxLength":2}}"#, [#"{"ab":1}"#], [(#"{"abc":1}"#, "/abc propertyNames")]
    ),
    (
      #"{"minProperties":1,"maxProperties":1}"#, [#"{"a":1}"#],
      [("{}", " minProperties"), (#"{"a":1,"b":1}"#, " maxProperties")]
    ),
    (
      #"{"dependentRequired":{"a":["b"]}}"#, [#"{"a":1,"b":2}"#, "{}"],
      [(#"{"a":1}"#, " dependentRequired")]
    ),
    (
      #"{"dependentSchemas":{"a":{"required":["b"]}}}"#, [#"{"a":1,"b":2}"#, #"{"c":1}"#],
      [(#"{"a":1}"#, " required")]
    ),
    (#"{"allOf":[{"minimum":1},{"maximum":2}]}"#, ["1"], [("3", " maximum")]),
    (#"{"anyOf":[{"type":"string"},{"minimum":5}]}"#, [#""a""#, "5"], [("1", " anyOf")]),
    (#"{"oneOf":[{"minimum":1},{"minimum":5}]}"#, ["1"], [("5", " oneOf"), ("0", " oneOf")]),
    (#"{"not":{"type":"string"}}"#, ["1"], [(#""a""#, " not")]),
    (
      #"{"properties":{"a":{"not":{"items":{"type":"string"},"type":"array"}}}}"#, [#"{"a":[1]}"#],
      [(#"{"a":["b"]}"#, "/a not")]
    ),
    (
      #"{"if":{"required":["a"]},"then":{"required":["b"]},"else":{"required":["c"]}}"#,
      [#"{"a":1,"b":1}"#, #"{"c":1}"#], [(#"{"a":1}"#, " required"), ("{}", " required")]
    ),
    (
      ##"{"$defs":{"n":{"type":["object","null"],"properties":{"next":{"$ref":"#/$defs/n"}},"additionalProperties":false}},"$ref":"#/$defs/n"}"##,
      [##"{"next":{"next":null}}"##], [(##"{"next":{"nxt":1}}"##, "/next/nxt additionalProperties")]
    ),
    (##"{"type":"array","items":{"$ref":"#"}}"##, ["[[],[[]]]"], [("[[1]]", "/0/0 type")]),
    (##"{"$defs":{"a/b":{"minimum":1}},"$ref":"#/$defs/a~1b"}"##, ["1"], [("0", " minimum")]),
    (
      #"{"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"https://a.test/x","title":"t","format":"email","default":1}"#,
      ["1"], []
    ),
    (
      ##"{"definitions":{"a":{"minimum":1}},"$ref":"#/definitions/a"}"##, ["1"], [("0", " minimum")]
    ),
    (
      ##"{"properties":{"a":{"minimum":1},"b":{"$ref":"#/properties/a"}}}"##, [#"{"b":1}"#],
      [(#"{"b":0}"#, "/b minimum")]
    ),
    (
      ##"{"allOf":[{"items":[]},{"minimum":1}],"$ref":"#/allOf/1"}"##.replacing("[]", with: "true"),
      ["1"], [("0", " minimum")]
    ),
    (
      ##"{"$ref":"#%61b","$defs":{"x":{"$anchor":"ab","type":"null"}}}"##, ["null"],
      [("0", " type")]
    ),
    (##"{"$defs":{"a%b":{"type":"null"}},"$ref":"#/$defs/a%25b"}"##, ["null"], [("0", " type")]),
    (
      ##"{"$id":"https://a.test/x","$defs":{"n":{"type":"null"}},"items":{"$ref":"https://a.test/x#/$defs/n"}}"##,
      ["[null]"], [("[0]", "/0 type")]
    ),
    (
      ##"{"$dynamicAnchor":"node","type":"object","properties":{"next":{"$dynamicRef":"#node"}},"unevaluatedProperties":false}"##,
      [#"{"next":{"next":{}}}"#], [(#"{"next":{"nxt":1}}"#, "/next/nxt unevaluatedProperties")]
    ),
    (
      ##"{"$ref":"#/$defs/a","minimum":1,"$defs":{"a":{"maximum":3}}}"##, ["2"],
      [("0", " minimum"), ("4", " maximum")]
    ),
  ]

  /// What counts as looked at, and by whom.
  private static let unevaluated: [(schema: String, right: [String], wrong: [(String, String)])] = [
    (
      #"{"properties":{"a":true},"patternProperties":{"^b":true},"unevaluatedProperties":{"type":"null"}}"#,
      [#"{"a":1,"bb":1,"c":null}"#], [(#"{"a":1,"c":1}"#, "/c type")]
    ),
    // By what is beside it, as with a reference that is extended.
    (
      ##"{"$ref":"#/$defs/base","properties":{"b":true},"unevaluatedProperties":false,"$defs":{"base":{"properties":{"a":{"type":"integer"}}}}}"##,
      [#"{"a":1,"b":1}"#],
      [(#"{"a":1,"c":1}"#, "/c unevaluatedProperties"), (#"{"a":"1"}"#, "/a type")]
    ),
    // Not by what is around it.
    (
      #"{"properties":{"a":true},"allOf":[{"unevaluatedProperties":false}]}"#, ["{}"],
      [(#"{"a":1}"#, "/a unevaluatedProperties")]
    ),
    // Not by a branch that failed, nor by one that must fail.
    (
      #"{"anyOf":[{"properties":{"a":{"type":"null"}},"required":["a"]},{"properties":{"b":true},"required":["b"]}],"unevaluatedProperties":false}"#,
      [#"{"a":null}"#, #"{"b":1}"#, #"{"a":null,"b":1}"#],
      [(#"{"a":1,"b":1}"#, "/a unevaluatedProperties")]
    ),
    (
      #"{"not":{"not":{"properties":{"a":true}}},"unevaluatedProperties":false}"#, ["{}"],
      [(#"{"a":1}"#, "/a unevaluatedProperties")]
    ),
    (
      #"{"oneOf":[{"required":["a"],"properties":{"a":true}},{"required":["b"],"properties":{"b":true}}],"unevaluatedProperties":false}"#,
      [#"{"a":1}"#, #"{"b":1}"#],
      [(#"{"a":1,"b":1}"#, " oneOf"), (#"{"a":1,"c":1}"#, "/c unevaluatedProperties")]
    ),
    (
      #"{"if":{"properties":{"k":{"const":1}},"required":["k"]},"then":{"properties":{"a":true}},"else":{"properties":{"b":true}},"unevaluatedProperties":false}"#,
      [#"{"k":1,"a":1}"#, #"{"b":1}"#],
      [
        (#"{"k":2,"b":1}"#, "/k unevaluatedProperties"),
        (#"{"k":1,"b":1}"#, "/b unevaluatedProperties"),
      ]
    ),
    (
      #"{"dependentSchemas":{"a":{"properties":{"b":true}}},"properties":{"a":true},"unevaluatedProperties":false}"#,
      [#"{"a":1,"b":1}"#], [(#"{"b":1}"#, "/b unevaluatedProperties")]
    ),
    // What a member holds says nothing about those beside it.
    (
      #"{"properties":{"a":{"properties":{"b":true}}},"unevaluatedProperties":false}"#,
      [#"{"a":{"b":1,"c":1}}"#], [(#"{"a":{},"b":1}"#, "/b unevaluatedProperties")]
    ),
    (
      #"{"allOf":[{"additionalProperties":{"type":"integer"}}],"unevaluatedProperties":false}"#,
      [#"{"a":1}"#], [(#"{"a":"1"}"#, "/a type")]
    ),
    (
      #"{"allOf":[{"unevaluatedProperties":true}],"unevaluatedProperties":false}"#, [#"{"a":1}"#],
      []
    ),
    (
      #"{"prefixItems":[true],"unevaluatedItems":{"type":"null"}}"#, ["[1,null]", "[]"],
      [("[1,null,2]", "/2 type")]
    ),
    (
      #"{"allOf":[{"prefixItems":[true,true]}],"unevaluatedItems":false}"#, ["[1,2]", #"{"a":1}"#],
      [("[1,2,3]", "/2 unevaluatedItems")]
    ),
    (
      #"{"contains":{"type":"string"},"unevaluatedItems":{"type":"integer"}}"#, [#"["a",1,"b"]"#],
      [(#"["a",1.5]"#, "/1 type")]
    ),
    (#"{"items":true,"unevaluatedItems":false}"#, ["[1,2]"], []),
    (
      #"{"contains":{"items":{"type":"string"}},"unevaluatedItems":false}"#, [#"[["a"]]"#],
      [(#"[["a"],[1]]"#, "/1 unevaluatedItems")]
    ),
    (
      #"{"properties":{"list":{"anyOf":[{"prefixItems":[{"const":1}]},{"prefixItems":[true,{"const":2}]}],"unevaluatedItems":false}}}"#,
      [#"{"list":[1]}"#, #"{"list":[1,2]}"#, #"{"list":[5,2]}"#],
      [(#"{"list":[1,3]}"#, "/list/1 unevaluatedItems"), (#"{"list":[5,3]}"#, "/list anyOf")]
    ),
  ]

  @Test func keywords() throws {
    for (schema, right, wrong) in Self.cases + Self.unevaluated {
      for text in right { #expect(try judge(schema, text) == "", "\(schema) \(text)") }
      for (text, failure) in wrong {
        #expect(try judge(schema, text) == failure, "\(schema) \(text)")
      }
    }
  }

  @Test(arguments: [
    ("{", "it is no JSON: The JSON text ends too early."),
    (#"{"type":"string","type":"number"}"#, "a name occurs twice in one object"),
    ("1", "#: a schema is an object, true or false"),
    (#"{"minimun":1}"#, "#/minimun: this keyword is not supported"),
    (
      #"{"properties":{"a":{"$vocabulary":{}}}}"#,
      "#/properties/a/$vocabulary: this keyword is not supported"
    ),
    (#"{"$anchor":"/x"}"#, "#/$anchor: it is no name"),
    (
      #"{"$anchor":"x","not":{"$dynamicAnchor":"x"}}"#,
      "#/not/$dynamicAnchor: 'x' is the name of another schema, too"
    ),
    (##"{"$ref":"#x"}"##, "#/$ref: there is nothing at #x"),
    (
      ##"{"$ref":"#%zz"}"##,
      "#/$ref: only #, #/POINTER and #ANCHOR of this schema can be referred to"
    ),
    (
      #"{"properties":{"a":{"$id":"b"}}}"#, "#/properties/a/$id: only the root may have one"
    ),
    (
      ##"{"$anchor":"x","allOf":[{"$ref":"#x"}]}"##,
      "a $ref leads back to itself without going into the value"
    ),
    (#"{"type":"text"}"#, "#/type: 'text' is no type"),
    (#"{"pattern":"(a"}"#, "#/pattern: missing closing parenthesis at character 3"),
    (
      ##"{"$ref":"https://a.test/b"}"##,
      "#/$ref: only #, #/POINTER and #ANCHOR of this schema can be referred to"
    ),
    (##"{"$ref":"#/$defs/a"}"##, "#/$ref: there is nothing at #/$defs/a"),
    (##"{"$ref":"#"}"##, "a $ref leads back to itself without going into the value"),
    (
      ##"{"$defs":{"a":{"anyOf":[{"$ref":"#/$defs/a"}]}}}"##,
      "a $ref leads back to itself without going into the value"
    ),
    (#"{"minLength":-1}"#, "#/minLength: it must be a count"),
    (#"{"multipleOf":0}"#, "#/multipleOf: it must be above 0"),
    (#"{"items":[{}]}"#, "#/items: a schema is an object, true or false"),
    (#"{"allOf":[]}"#, "#/allOf: the list is empty"),
    (
      #"{"$schema":"http://json-schema.org/draft-07/schema#"}"#,
      "#/$schema: only https://json-schema.org/draft/2020-12/schema is known"
    ),
  ])
  func whatCannotBeAppliedIsAnError(schema: String, problem: String) {
    #expect(throws: CompiledSchema.Problem(text: problem)) { try CompiledSchema.compile(schema) }
  }

  /// Schemas that look at everything again and again end all the same.
  @Test func costsAreBounded() throws {
    // Twice as much with every level.
    let doubling =
      ##"{"$defs":{"n":{"anyOf":[{"items":{"$ref":"#/$defs/n"},"minItems":1},{"items":{"$ref":"#/$defs/n"},"minItems":1}]}},"$ref":"#/$defs/n"}"##
    let deep = String(repeating: "[", count: 60) + String(repeating: "]", count: 60)
    #expect(try judge(doubling, deep) == " cost")
    let wide = "[" + [String](repeating: "[[],[]]", count: 60_000).joined(separator: ",") + "]"
    let often =
      "{\"items\":{\"allOf\":["
      + [String](repeating: "{\"items\":{\"type\":\"array\"}}", count: 20)
      .joined(separator: ",") + "]}}"
    #expect(try judge(often, wide) == " cost")
    // A negation does not turn a run that ended early into a yes.
    #expect(try judge("{\"not\":\(often)}", wide) == " cost")
    // Notes are steps, too.
    let notes =
      "{\"allOf\":["
      + [String](
        repeating: #"{"additionalProperties":true,"unevaluatedProperties":true}"#, count: 60
      )
      .joined(separator: ",") + "],\"unevaluatedProperties\":false}"
    let members = "{" + (0..<10_000).map { "\"\($0)\":1" }.joined(separator: ",") + "}"
    #expect(try judge(notes, members) == " cost")
    let unique = "[" + (0..<50_000).map(String.init).joined(separator: ",") + "]"
    #expect(try judge(#"{"uniqueItems":true}"#, unique) == "")
  }

  /// Whether they match is not known, so nothing may hang on it.
  @Test func patternsThatGiveUpLetNothingPass() throws {
    let text = String(repeating: "a", count: 5_000) + "!"
    let pattern = "^(a+)+[bc]"
    #expect(try judge("{\"pattern\":\"\(pattern)\"}", "\"\(text)\"") == " cost")
    #expect(try judge("{\"not\":{\"pattern\":\"\(pattern)\"}}", "\"\(text)\"") == " cost")
    let forbidden = "{\"patternProperties\":{\"\(pattern)\":false}}"
    #expect(try judge(forbidden, "{\"\(text)\":1}") == " cost")
  }

  /// PCRE2's limits hold for each byte that a pattern may begin at.
  @Test func patternsWithoutAnchorAreForShortTexts() throws {
    let long = String(repeating: "a", count: 100_000)
    #expect(try judge(#"{"pattern":"[a-z]+[0-9]"}"#, "\"\(long)\"") == " cost")
    #expect(try judge(#"{"pattern":"^[a-z]+$"}"#, "\"\(long)\"") == "")
    let short = String(repeating: "a", count: 2_000)
    #expect(try judge(#"{"pattern":"[a-z]+[0-9]"}"#, "\"\(short)0\"") == "")
  }

  @Test func longPointersAreCut() throws {
    let name = String(repeating: "n", count: 10_000)
    let failure = try judge(#"{"additionalProperties":{"type":"string"}}"#, "{\"\(name)\":1}")
    #expect(failure.utf8.count < 600)
  }
}
