import SluiceWire
import Testing

@Suite struct JSONPathTests {
  private static func find(_ path: String, _ text: String) throws -> String {
    let bytes = Array(text.utf8)
    let outcome = JSONWords.match(try JSONPath(path).value(in: bytes.span))
    let value = outcome.range.map { String(decoding: bytes[$0], as: UTF8.self) }
    return [outcome.match, value].compactMap { $0 }.joined(separator: " ")
  }

  @Test(arguments: [
    ("$", "17", "number 17"), ("$", #" {"a":1} "#, #"object {"a":1}"#),
    ("$.symbol", #"{"symbol":"AAPL","price":170.5}"#, #"string "AAPL""#),
    ("$.price", #"{"symbol":"AAPL","price":170.5}"#, "number 170.5"),
    ("$['symbol']", #"{"symbol":null}"#, "null null"),
    (#"$["symbol"]"#, #"{"symbol":true}"#, "bool true"),
    ("$.data.items[0].id", #"{"data":{"items":[{"id":7},{"id":8}]}}"#, "number 7"),
    ("$.data.items[1].id", #"{"data":{"items":[{"id":7},{"id":8}]}}"#, "number 8"),
    ("$.data.items[2].id", #"{"data":{"items":[{"id":7},{"id":8}]}}"#, "missing"),
    ("$.a", #"{"b":{"a":1},"c":[{"a":2}],"a":3}"#, "number 3"),
    ("$.a", #"{"b":{"a":1}}"#, "missing"),
    ("$[1]", "[[1,2],[3,4],5]", "array [3,4]"), ("$[1][0]", "[[1,2],[3,4],5]", "number 3"),
    ("$[0][0][0]", "[[[9]],[[8]]]", "number 9"), ("$[2]", "[1]", "missing"),
    ("$.a", "[1]", "missing"), ("$[0]", #"{"0":1}"#, "missing"), ("$.a.b", #"{"a":1}"#, "missing"),
    ("$.a", "null", "missing"), ("$['']", #"{"":1}"#, "number 1"),
    (#"$['it\'s']"#, #"{"it's":1}"#, "number 1"), (#"$["a\"b\\"]"#, #"{"a\"b\\":1}"#, "number 1"),
    ("$.preis€", #"{"preis€":1}"#, "number 1"), ("$['a.b[0]']", #"{"a.b[0]":1}"#, "number 1"),
    // However a key is written, it is the same key.
    ("$.symbol", #"{"\u0073ymbol":1}"#, "number 1"),
    ("$.symbol", #"{"symbo\u006c":1}"#, "number 1"),
    ("$.symbol", #"{"symbo\u006":1}"#, "invalid"), ("$.symbol", #"{"symbol\ud800":1}"#, "missing"),
    // Two of them on the path are refused, wherever they are and whatever they hold.
    ("$.a", #"{"a":1,"a":1}"#, "duplicate"), ("$.a", #"{"a":1,"\u0061":2}"#, "duplicate"),
    ("$.a.b", #"{"a":{"b":1},"a":{"c":1}}"#, "duplicate"),
    ("$.a.b", #"{"a":{"b":1,"b":2}}"#, "duplicate"),
    ("$.a.b", #"{"a":1,"a":{"b":1}}"#, "duplicate"),
    ("$[0].a", #"[{"a":1,"x":0,"a":2}]"#, "duplicate"),
    ("$.a", #"{"a":{"x":1,"x":2}}"#, #"object {"x":1,"x":2}"#),
    ("$.a", #"{"b":1,"b":2,"a":3}"#, "number 3"),
    ("$[1].a", #"[{"a":1,"a":2},{"a":3}]"#, "number 3"),
    // A match means that the whole text is valid.
    ("$.a", #"{"a":1"#, "invalid"), ("$.a", #"{"a":1}}"#, "invalid"),
    ("$.a", #"{"a":1,"b":[1,]}"#, "invalid"),
    ("$.a", "", "invalid"),
  ])
  func lookUps(path: String, text: String, expected: String) throws {
    #expect(try Self.find(path, text) == expected)
  }

  @Test func stringsTellWhetherTheyHaveEscapes() throws {
    let bytes = ascii(#"{"a":"x\ny","b":"xy"}"#)
    guard case .found(let first) = try JSONPath("$.a").value(in: bytes.span),
      case .found(let second) = try JSONPath("$.b").value(in: bytes.span)
    else {
      Issue.record("not found")
      return
    }
    #expect(first.hasEscapes && bytes[first.content].elementsEqual(ascii(#"x\ny"#)))
    #expect(!second.hasEscapes && bytes[second.content].elementsEqual(ascii("xy")))
  }

  @Test(
    arguments: [
      ("", .noRoot, 0), ("symbol", .noRoot, 0), (".a", .noRoot, 0), ("$a", .unexpectedCharacter, 1),
      ("$.", .emptyName, 2), ("$.a.", .emptyName, 4), ("$.[0]", .emptyName, 2),
      ("$.a-b", .invalidName, 3), ("$.1a", .invalidName, 2), ("$. a", .invalidName, 2),
      ("$.a b", .invalidName, 3), ("$.'a'", .invalidName, 2),
      ("$['a", .unterminated, 4), ("$['a'", .unterminated, 5), ("$[", .unterminated, 2),
      ("$[0", .unterminated, 3), (#"$['a\"#, .unterminated, 5), (#"$['a\n']"#, .invalidEscape, 5),
      ("$[-1]", .invalidIndex, 2), ("$[01]", .invalidIndex, 2),
      ("$[99999999999]", .invalidIndex, 2),
      ("$[a]", .unexpectedCharacter, 2), ("$[0x]", .unexpectedCharacter, 3),
      ("$[]", .unexpectedCharacter, 2), ("$['a'x]", .unexpectedCharacter, 5),
      ("$.*", .notOneValue, 2), ("$..a", .notOneValue, 2), ("$[*]", .notOneValue, 2),
      ("$[?(@.a)]", .notOneValue, 2), ("$[0:2]", .notOneValue, 3), ("$[0,1]", .notOneValue, 3),
      ("$['a','b']", .notOneValue, 5), ("$[:2]", .notOneValue, 2),
      ("$" + String(repeating: "[0]", count: 33), .tooLong, 97),
    ] as [(String, JSONPathError.Reason, Int)])
  func textsThatAreNoPath(text: String, reason: JSONPathError.Reason, offset: Int) {
    do throws(JSONPathError) {
      _ = try JSONPath(text)
      Issue.record("a path")
    } catch {
      #expect(error.reason == reason && error.offset == offset, "\(error)")
    }
  }

  @Test func everyReasonSaysSomething() {
    #expect(
      Set(JSONPathError.Reason.allCases.map { "\($0.text)" }).count
        == JSONPathError.Reason.allCases.count)
  }

  @Test func theLongestPathReachesItsValue() throws {
    let path = try JSONPath("$" + String(repeating: "[0]", count: 32))
    let text = ascii(String(repeating: "[", count: 32) + "7" + String(repeating: "]", count: 32))
    #expect(JSONWords.match(path.value(in: text.span)).range == 32..<33)
    #expect(path.value(in: text.span, maxDepth: 31) == .invalid(.tooDeep))
  }

  /// Random trees and paths against the model.
  @Test func randomLookUps() throws {
    var chance = SplitMix(8)
    let names = ["a", "b", "c", "é", "x y"]
    func text(_ depth: Int) -> String {
      switch Int.random(in: 0...(depth > 4 ? 2 : 6), using: &chance) {
      case 0: return ["1", "-2.5e3", "true", "null"].randomElement(using: &chance)!
      case 1: return #""s""#
      case 2: return #""\u0061""#
      case 3, 4:
        let count = Int.random(in: 0...3, using: &chance)
        return "[" + (0..<count).map { _ in text(depth + 1) }.joined(separator: ", ") + "]"
      default:
        let count = Int.random(in: 0...4, using: &chance)
        let members = (0..<count).map { _ in
          let name = names.randomElement(using: &chance)!
          let key = name == "a" && Bool.random(using: &chance) ? "\\u0061" : name
          return "\"\(key)\":\(text(depth + 1))"
        }
        return "{" + members.joined(separator: ",") + "}"
      }
    }
    var seen: [String: Int] = [:]
    for _ in 0..<5_000 {
      let json = Array(text(0).utf8)
      var steps: [any Hashable] = []
      var path = "$"
      for _ in 0..<Int.random(in: 0...4, using: &chance) {
        if Bool.random(using: &chance) {
          let name = names.randomElement(using: &chance)!
          steps.append(name)
          path += "['\(name)']"
        } else {
          let index = Int.random(in: 0...2, using: &chance)
          steps.append(index)
          path += "[\(index)]"
        }
      }
      var model = JSONModel(json)
      let expected = JSONModel.value(try model.parse(), steps)
      let found = JSONWords.match(try JSONPath(path).value(in: json.span))
      #expect(found == expected, "\(path) in \(String(decoding: json, as: UTF8.self))")
      seen[expected.match, default: 0] += 1
    }
    for word in ["missing", "duplicate", "object", "array", "string", "number"] {
      #expect(seen[word, default: 0] > 5, "\(seen)")
    }
  }
}
