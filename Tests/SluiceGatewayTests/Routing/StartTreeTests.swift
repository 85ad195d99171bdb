import SluiceWire
import Testing

@testable import SluiceGateway

@Suite struct StartTreeTests {
  /// Texts that a path begins with, the longest first.
  private func found(_ tree: StartTree, _ root: Int32, _ path: String) -> [Int] {
    let bytes = Array(path.utf8)
    var lists: [Int] = []
    var index = tree.deepest(root, bytes.span)
    while index >= 0 {
      lists.append(tree.nodes[Int(index)].list.range.lowerBound)
      index = tree.nodes[Int(index)].above
    }
    return lists
  }

  /// Every set of texts against the loop over all of them.
  @Test(arguments: 0..<100 as Range<UInt64>)
  func treeAndLoopAgree(seed: UInt64) {
    var random = SplitMix(state: seed &+ 3)
    var tree = StartTree()
    var roots: [(root: Int32, texts: [String])] = []
    for _ in 0..<3 {
      var texts: Set<String> = []
      for _ in 0..<Int.random(in: 0...20, using: &random) {
        texts.insert(random.text("/abc", most: 6))
      }
      let sorted = texts.sorted()
      let root = tree.plant(
        sorted.enumerated().map { (Array($0.element.utf8), ListRange(start: $0.offset, count: 1)) })
      #expect((root < 0) == sorted.isEmpty)
      roots.append((root, sorted))
    }
    for _ in 0..<200 {
      let path = random.text("/abcd", most: 8)
      for (root, texts) in roots {
        let expected = texts.indices.filter { path.hasPrefix(texts[$0]) }.sorted {
          texts[$0].count > texts[$1].count
        }
        #expect(found(tree, root, path) == expected, "\(path) in \(texts)")
      }
    }
  }

  @Test func nestingAsDeepAsTextsAreLong() {
    let texts = (1...2_000).map { String(repeating: "a", count: $0) }
    var tree = StartTree()
    let root = tree.plant(
      texts.enumerated().map { (Array($0.element.utf8), ListRange(start: $0.offset, count: 1)) })
    #expect(found(tree, root, String(repeating: "a", count: 1_500) + "b").count == 1_500)
    #expect(found(tree, root, "") == [])
    #expect(found(tree, root, "b") == [])
  }

  // MARK: What a regex begins with

  @Test(arguments: [
    ("/version/\\d+", "/version/"), ("(?:/version/\\d+).*", "/version/"), ("^/a$", "/a"),
    ("(?:^/a-b\\.c).*", "/a-b.c"), ("/a/(b|c)/d", "/a/"), ("/ab?c", "/a"), ("/ab*", "/a"),
    ("/ab+c", "/ab"), ("/ab{2}", "/a"), ("/a.b", "/a"), ("/a[bc]", "/a"),
    ("/caf\u{e9}", "/caf\u{e9}"),
    ("/a|/b", ""), ("(?:/a|/b).*", ""), ("(?:/a)|/b", ""), ("(?:/a)?/b", ""), ("(?:/a)*.*", ""),
    ("(?:/a)+", ""), ("(?i)/a", ""), ("/a(?i)b", ""), ("/a\\Qb|c\\E", ""), ("/a(?#|)b", ""),
    ("/a[|)]b", "/a"), ("/a[]|]b", "/a"), ("/a[(]|/b", ""), ("/a\\(b", "/a(b"), ("/a\\db", "/a"),
    ("", ""), (".*", ""), ("(/a)", ""), ("/a(*ACCEPT)b", ""), ("/a\\|b", "/a|b"), ("/a)", ""),
    ("/a(", ""),
    ("/a[[:alpha:]]", ""), ("/a\\", ""), ("(?:/a", ""),
  ])
  func regexesBegin(pattern: String, start: String) {
    #expect(String(decoding: RegexStart.bytes(of: pattern), as: UTF8.self) == start, "\(pattern)")
  }

  /// Whatever a pattern matches begins with its start.
  @Test(arguments: 0..<60 as Range<UInt64>)
  func startsAreNeverTooLong(seed: UInt64) {
    var random = SplitMix(state: seed &+ 17)
    var texts = [""]
    for length in 0..<5 {
      texts += texts.filter { $0.count == length }.flatMap { text in
        ["/", "a", "b"].map { text + $0 }
      }
    }
    let parts = [
      "/", "a", "b", "ab", "|", "(", ")", "(?:", "?", "*", "+", "{2}", "[a/]", "[^b]", ".", "^",
      "\\/",
      "\\w", "(?i)", "(?=", "(?!", "(?<=", "$",
    ]
    for _ in 0..<400 {
      var pattern = ""
      for _ in 0..<Int.random(in: 1...8, using: &random) { pattern += random.pick(parts) }
      let set = RegexSet()
      let start = RegexStart.bytes(of: pattern)
      guard !start.isEmpty, let index = try? set.add(pattern) else { continue }
      for text in texts {
        let bytes = Array(text.utf8)
        if set.run(index, bytes.span) == .match {
          #expect(bytes.starts(with: start), "\(pattern) matches \(text)")
        }
      }
    }
  }
}

extension SplitMix {
  fileprivate mutating func text(_ letters: String, most: Int) -> String {
    String((0..<Int.random(in: 0...most, using: &self)).map { _ in pick(Array(letters)) })
  }
}
