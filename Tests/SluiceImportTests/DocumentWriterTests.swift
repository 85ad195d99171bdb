import SluiceConfiguration
import Testing

@testable import SluiceImport

/// What the writer writes is what the ordinary reader reads.
@Suite struct DocumentWriterTests {
  /// Reads a text back through the whole reader, as the value of a setting that takes any text.
  private static func readBack(_ node: DocumentNode) throws -> String {
    var document = DocumentNode.map()
    document.add("version", .integer(1))
    document.add("listeners", .map([.init("web", .map([.init("address", .text("127.0.0.1:0"))]))]))
    document.add(
      "services",
      .map([.init("one", .map([.init("targets", .texts(["http://127.0.0.1:9"]))]))]))
    document.add(
      "routes",
      .map([
        .init(
          "one",
          .map([
            .init("match", .map([.init("query", .map([.init("q", node)]))])),
            .init("service", .text("one")),
          ]))
      ]))
    let text = DocumentWriter.write(document).text
    let result = ConfigurationReader.read(
      contentsOf: text, file: "", environment: ["HOME": "/home"])
    #expect(result.diagnostics.isEmpty, "\(result.diagnostics)\n\(text)")
    return try #require(result.configuration?.routes["one"]?.match.query["q"])
  }

  @Test(arguments: [
    "", " ", "a", "a b", "null", "Null", "~", "true", "TRUE", "no", "off", "y", "N", "1", "-1",
    "1.5",
    "1e3", "0x1f", "0o7", ".inf", ".nan", "12:30:45", "2001-01-01", "<<", "=", "-", "- a", "?",
    ": ",
    "a:", "a: b", "a #b", "#a", "'", "\"", "\\", "\\n", "%a", "@a", "`a", "&a", "*a", "!a", "|",
    ">",
    "[a]", "{a}", "a,b", "a]", "$", "$$", "$$$", "${", "${env:HOME}", "${file:/etc/passwd}",
    "$${env:HOME}", "a$b", "$(headers.x)", "\n", "a\nb\n", "\r\n", "\t", "a\tb", " a ", "\u{0}",
    "\u{1b}[31m", "\u{7f}", "\u{85}", "\u{a0}", "\u{2028}", "\u{2029}", "\u{feff}", "\u{fffd}",
    "\u{ffff}", "é", "日本", "😀", "---", "...", "/", "/a/b", "a.b", "*", "yes:", "key: [1, 2]",
  ])
  func anyTextIsReadBack(text: String) throws {
    #expect(try Self.readBack(.text(text)) == text)
  }

  @Test func everyScalarOfTheFirstPlanesIsReadBack() throws {
    for start in stride(from: UInt32(0), to: 0x3000, by: 97) {
      var text = ""
      for value in start..<start + 97 {
        if let scalar = Unicode.Scalar(value) { text.unicodeScalars.append(scalar) }
      }
      #expect(Array(try Self.readBack(.text(text)).utf8) == Array(text.utf8))
    }
  }

  @Test func aTemplateIsExpanded() throws {
    #expect(try Self.readBack(.template("a-${env:HOME}")) == "a-/home")
  }

  @Test func keysAreQuotedToo() {
    let text = DocumentWriter.write(
      .map([.init("a: b", .text("x")), .init("null", .map()), .init("c", .list([]))])
    ).text
    #expect(text == "\"a: b\": x\n\"null\": {}\nc: []\n")
  }

  @Test func isReadable() {
    let document = DocumentNode.map([
      .init("version", .integer(1), comment: "From a file.\nSecond line."),
      .init(
        "routes",
        .map([
          .init(
            "a",
            .map([
              .init("methods", .texts(["GET", "POST"])),
              .init(
                "targets",
                .list([
                  .map([.init("url", .text("http://a:80")), .init("weight", .integer(2))]),
                  .map([.init("url", .text("http://b:80"))]),
                ])),
            ]), comment: "What a does.")
        ])),
    ])
    #expect(
      DocumentWriter.write(document).text == """
        # From a file.
        # Second line.
        version: 1
        routes:
          # What a does.
          a:
            methods: [GET, POST]
            targets:
              - url: http://a:80
                weight: 2
              - url: http://b:80

        """)
  }

  @Test func commentsCannotBecomeSettings() {
    let text = DocumentWriter.write(
      .map([.init("a", .integer(1), comment: "x\r\nb: 2\u{2028}c: 3\u{85}d: 4\u{0}")])
    ).text
    #expect(text.split(separator: "\n").allSatisfy { $0.hasPrefix("#") || $0 == "a: 1" }, "\(text)")
  }

  @Test func placesLeadToTheForeignFile() {
    let route = Origin(file: "kong.yaml", line: 7, column: 3)
    let path = Origin(file: "other.yaml", line: 9, column: 5)
    let conversion = Conversion(
      document: .map([
        .init("version", .integer(1)),
        .init(
          "routes",
          .map([
            .init(
              "a", .map([.init("path", .text("/x", origin: path)), .init("service", .text("s"))]),
              origin: route)
          ])),
      ]), diagnostics: [])
    let text = conversion.yaml()
    func placed(_ line: Int, _ column: Int) -> String {
      text.placed(
        Diagnostic(severity: .error, file: "", line: line, column: column, message: "m")
      ).description
    }
    #expect(placed(1, 1) == ":1:1: error: m")
    #expect(placed(3, 3) == "kong.yaml:7:3: error: m")
    #expect(placed(4, 11) == "other.yaml:9:5: error: m")
  }
}
