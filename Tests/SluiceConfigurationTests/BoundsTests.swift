import Testing

@testable import SluiceConfiguration

/// What a hostile or broken file can cost.
@Suite struct BoundsTests {
  @Test func aliasesCannotExplode() {
    var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in 1..<20 {
      let uses = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
      text += "a\(level): &a\(level) [\(uses)]\n"
    }
    #expect(
      diagnostics(text) == [
        "7:20: error: more than 4000000 values, counting what aliases stand for"
      ])
  }

  @Test func nestingIsBounded() {
    // What is too deep is the text in the last list, and the key in the last map.
    for (open, close, column) in [("[", "]", 65), ("{a: ", "}", 63 * 4 + 2)] {
      let depth = SourceTree.maximumDepth
      let nested = { (depth: Int) in
        String(repeating: open, count: depth - 1) + "x" + String(repeating: close, count: depth - 1)
      }
      #expect(!diagnostics(nested(depth)).contains { $0.contains("nested deeper") })
      #expect(
        diagnostics(nested(depth + 1)) == ["1:\(column): error: nested deeper than 64 levels"])
      #expect(diagnostics(String(repeating: open, count: 100_000)).count == 1)
    }
  }

  @Test func aliasesDoNotHideDepth() {
    let half = String(repeating: "[", count: 40) + String(repeating: "]", count: 40)
    let text = "a: &a \(half)\nb: " + half.replacing("[]", with: "[*a]")
    #expect(diagnostics(text) == ["2:44: error: nested deeper than 64 levels"])
  }

  @Test func sizeIsBounded() {
    let text = "a: " + String(repeating: "x", count: SourceTree.maximumBytes)
    #expect(diagnostics(text) == ["1:1: error: the file is larger than 32 MiB"])
  }

  @Test func diagnosticsAreBounded() {
    let text = (0..<5_000).map { "key\($0): 1\n" }.joined()
    #expect(diagnostics(text).count == DiagnosticCollector.limit)
  }

  @Test func anchorsAliasesAndMergeKeysWork() throws {
    let text = """
      version: 1
      listeners: {web: {address: unix:/a}}
      services:
        a: &base
          targets: [http://a]
          balance: least-connections
          timeouts: &slow {connect: 9s}
        b: {<<: *base, targets: [http://b], retries: {connect: 0}}
        c: {<<: [{targets: [http://c]}, *base], timeouts: *slow}
      """
    let result = read(text)
    #expect(result.diagnostics == [])
    let services = try #require(result.configuration?.services)
    #expect(services["b"]?.balance == .leastConnections)
    #expect(services["b"]?.targets == [Configuration.Target(url: "http://b")])
    #expect(services["b"]?.timeouts.connect == .seconds(9))
    #expect(services["b"]?.retries.connect == 0)
    #expect(services["c"]?.targets == [Configuration.Target(url: "http://c")])
    #expect(services["c"]?.balance == .leastConnections)
  }

  /// Long maps are found in by an index, short ones are looked through.
  @Test(arguments: [1, 15, 16, 17, 300])
  func entriesAreFoundInMapsOfEveryLength(count: Int) throws {
    let text = (0..<count).map { "key\($0): \($0)\n" }.joined()
    var diagnostics = DiagnosticCollector(file: "test.yaml")
    let tree = SourceTree.parse(text, diagnostics: &diagnostics)
    let root = try #require(tree)
    #expect(root.entries.map(\.key) == (0..<count).map { "key\($0)" })
    for number in 0..<count {
      let entry = try #require(root.entry("key\(number)"))
      #expect(entry.keyPosition == Position(line: number + 1, column: 1))
    }
    let missing = root["key\(count)"]
    #expect(missing?.position == nil)
  }

  @Test func mistakeBehindAnAliasIsReportedAtTheAnchor() {
    let text = """
      version: 1
      listeners:
        a: {address: unix:/a, timeouts: &t {head: 0s}}
        b: {address: unix:/b, timeouts: *t}
      """
    #expect(diagnostics(text).map { $0.prefix(5) } == ["3:45:", "3:45:"])
  }

  /// Any prefix of a right file, and any file with one byte changed, is answered without a crash,
  /// and with a configuration or an error.
  @Test func brokenFilesAreAnswered() throws {
    let text = try text(of: "examples/services/sluice.yaml")
    for end in stride(from: 0, to: text.utf8.count, by: 7) {
      answers(String(decoding: text.utf8.prefix(end), as: UTF8.self))
    }
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<300 {
      var bytes = Array(text.utf8)
      bytes[Int.random(in: bytes.indices, using: &generator)] =
        Array("{}[]:,&*#'\"\n\t-?|>!%@`$ \u{0}\u{7f}".utf8).randomElement(using: &generator)!
      answers(String(decoding: bytes, as: UTF8.self))
    }
  }

  private func answers(_ text: String) {
    let result = read(text)
    let hasError = result.diagnostics.contains { $0.severity == .error }
    #expect(hasError == (result.configuration == nil), "\(text)")
    let places = result.diagnostics.map { ($0.line, $0.column) }
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).count
    #expect(places.allSatisfy { $0.0 >= 1 && $0.1 >= 1 && $0.0 <= lines + 1 }, "\(text)")
    #expect(!result.diagnostics.contains { $0.message.hasPrefix("internal") }, "\(text)")
  }
}
