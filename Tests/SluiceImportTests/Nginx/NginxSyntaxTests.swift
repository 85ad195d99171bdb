import SluiceConfiguration
import Testing

@testable import SluiceImport

/// Words, blocks and includes.
@Suite struct NginxSyntaxTests {
  private func parse(
    _ text: String, files: [String: String] = [:]
  ) -> Result<[NginxDirective], NginxSyntaxError> {
    do throws(NginxSyntaxError) {
      return .success(
        try NginxParser.parse(text, file: "f") { pattern in
          guard let text = files[pattern] else {
            return .failure(IncludeProblem("there is no such file"))
          }
          return .success([IncludedFile(name: pattern, text: text)])
        })
    } catch {
      return .failure(error)
    }
  }

  private func words(_ text: String) throws -> [[String]] {
    try parse(text).get().map { [$0.name.text] + $0.words }
  }

  @Test func wordsEndWhereNginxEndsThem() throws {
    #expect(try words("a b c;") == [["a", "b", "c"]])
    #expect(try words("a\tb\r\n c ;d;") == [["a", "b", "c"], ["d"]])
    #expect(try words("a b# c;") == [["a", "b#", "c"]])
    #expect(try words("a b; # c; d;\ne;") == [["a", "b"], ["e"]])
    #expect(try words("a b}c;") == [["a", "b}c"]])
    #expect(try words("a \"\" '';") == [["a", "", ""]])
    #expect(try words("a \"b c\" 'd;{}#';") == [["a", "b c", "d;{}#"]])
    #expect(try words("a b\"c d\";") == [["a", "b\"c", "d\""]])
  }

  @Test func escapes() throws {
    #expect(try words(#"a \.png$ \"x\' \\ \n;"#) == [["a", #"\.png$"#, "\"x'", "\\", "\n"]])
    #expect(
      try words(#"a "\t\"\d" 'it\'s' b\ c \;;"#) == [["a", "\t\"\\d", "it's", #"b\ c"#, #"\;"#]])
  }

  @Test func blocks() throws {
    let parsed = try parse("http { server { listen 80; } } events{}").get()
    #expect(parsed.map(\.name.text) == ["http", "events"])
    #expect(parsed[0].block?[0].block?[0].words == ["80"])
    #expect(
      parsed[0].block?[0].block?[0].arguments[0].position == Origin(file: "f", line: 1, column: 24))
    #expect(parsed[1].block == [])
    // A condition may end right behind a quote.
    let condition = try parse("if ($a = \"b\") { return 200; }").get()
    #expect(condition[0].words == ["($a", "=", "b", ")"])
  }

  @Test func includes() throws {
    let files = ["one": "b 1;\ninclude two;", "two": "c 2;"]
    let parsed = try parse("a;\ninclude one;\nd;", files: files).get()
    #expect(parsed.map(\.name.text) == ["a", "b", "c", "d"])
    #expect(parsed[2].position == Origin(file: "two", line: 1, column: 1))
    #expect(try parse("include mime.types; a;").get().map(\.name.text) == ["a"])
  }

  @Test func includesThatNeverEnd() {
    guard case .failure(let error) = parse("include a;", files: ["a": "include a;"]) else {
      Issue.record("it ended")
      return
    }
    #expect(error.message == "this file includes itself: a → a")
    #expect(error.position == Origin(file: "a", line: 1, column: 9))
    let round = ["a": "x { include b; }", "b": "include c;", "c": "include b;"]
    guard case .failure(let error) = parse("include a; include a;", files: round) else {
      Issue.record("it ended")
      return
    }
    #expect(error.message == "this file includes itself: b → c → b")
    // The same file in two places is no loop.
    #expect((try? parse("include d; include d;", files: ["d": "y;"]).get().count) == 2)
  }

  @Test(arguments: [
    ("a", 1, 2, "not ended by ';'"), ("a;;", 1, 3, "unexpected ';'"),
    ("{}", 1, 1, "unexpected '{'"),
    ("a; }", 1, 4, "no block is open"), ("a { b; ", 1, 8, "no '}'"), ("a { b }", 1, 7, "not ended"),
    ("a \"b", 1, 3, "not ended"), ("a 'b\nc", 1, 3, "not ended"),
    ("a \"b\"c;", 1, 6, "right behind"),
    ("é \"b\"c;", 1, 6, "right behind"), ("a;\n\n  } ", 3, 3, "no block is open"),
    ("include nothing;", 1, 9, "no such file"), ("include;", 1, 1, "one file"),
    ("a;\nb", 2, 2, "ends"), (String(repeating: "a{", count: 70), 1, 130, "nested too deeply"),
    ("a " + String(repeating: "x", count: 5_000) + ";", 1, 3, "longer than"),
  ])
  func mistakesHaveAPlace(text: String, line: Int, column: Int, message: String) {
    guard case .failure(let error) = parse(text) else {
      Issue.record("no mistake in \(text)")
      return
    }
    #expect(error.message.contains(message), "\(error.message)")
    #expect(error.position == Origin(file: "f", line: line, column: column))
  }

  /// What a file begins with in every way that it may be cut off ends, with a place.
  @Test func everyBeginningEnds() throws {
    let text =
      "http { upstream a { server \"b:1\" weight=2; } server { location ~ \\.x$ { return 200 '${uri}'; } } } # e"
    for count in 0...text.count {
      if case .failure(let error) = parse(String(text.prefix(count))) {
        #expect(error.position.line == 1 && error.position.column <= count + 1)
      }
    }
  }

  private func template(_ text: String) throws -> [NginxTemplate.Part] {
    try NginxTemplate(NginxWord(text: text, position: Origin(file: "f", line: 1, column: 1))).parts
  }

  @Test func templates() throws {
    #expect(try template("") == [])
    #expect(try template("a b") == [.text("a b")])
    #expect(try template("$a") == [.variable("a")])
    #expect(
      try template("x$A_b-${c}d$1e") == [
        .text("x"), .variable("a_b"), .text("-"), .variable("c"), .text("d"), .variable("1"),
        .text("e"),
      ])
    #expect(try template("$12") == [.variable("1"), .text("2")])
    for text in ["$", "a$", "$-", "${", "${}", "${a", "${a-}", "$ b"] {
      #expect(throws: NginxSyntaxError.self, "\(text)") { try template(text) }
    }
  }

  @Test func timesAndSizes() {
    let times: [(String, Int64?)] = [
      ("86400", 86_400_000), ("7s", 7_000), ("500ms", 500), ("1m30s", 90_000), ("1d", 86_400_000),
      ("1M", 2_592_000_000), ("0", 0), ("", nil), ("s", nil), ("1x", nil), ("1s1m", nil),
      ("1s1s", nil),
      ("-1", nil), ("99999999999999999999s", nil), ("9999999999999y", nil), ("1h 30m", 5_400_000),
    ]
    for (text, value) in times { #expect(NginxValue.milliseconds(text) == value, "\(text)") }
    #expect(NginxValue.time("86400") == "24h")
    #expect(NginxValue.time("90s") == "90s")
    #expect(NginxValue.time("1500ms") == "1500ms")
    #expect(NginxValue.time("0") == nil)
    #expect(NginxValue.time("10y") == "8784h")
    let sizes: [(String, Int?)] = [
      ("8k", 8_192), ("1M", 1 << 20), ("2g", 2 << 30), ("10", 10), ("", nil), ("k", nil),
      ("-1k", nil),
      ("1t", nil), ("9999999999999999g", nil),
    ]
    for (text, value) in sizes { #expect(NginxValue.bytes(text) == value, "\(text)") }
  }

  @Test func groupsOfExpressions() {
    #expect(NginxCondition.groups(in: "^/a/(.*)$") == ["1"])
    #expect(NginxCondition.groups(in: "(?:a)(?<Id>b)(?=c)(?<!d)[(]\\((e)") == ["1", "id", "2"])
    #expect(NginxCondition.groups(in: "a") == [])
  }

  @Test func pathsHoweverTheyAreEncoded() {
    #expect(NginxPath.normal("/a b/é") == "/a%20b/%C3%A9")
    #expect(NginxPath.isPlain("/a-b_c.d~"))
    #expect(!NginxPath.isPlain("/a(b"))
    #expect(NginxPath.literal("/a.b(") == "/a\\.b(?:\\(|%28)")
  }
}
