import SluiceWire
import Testing

@Suite struct JSONScannerTests {
  private static func isValid(_ bytes: [UInt8]) -> Bool {
    var model = JSONModel(bytes)
    return (try? model.parse()) != nil
  }

  @Test(arguments: Corpus.json)
  func corpus(_ sample: CorpusCase) {
    let outcome = JSONWords.tokens(sample.bytes)
    #expect(outcome.error.map { "\($0.code)" } ?? "ok" == sample.expected)
    #expect(outcome.offset <= sample.bytes.count)
    // The model is recursive; what is too deep for it is too deep.
    #expect(Self.isValid(sample.bytes) == (sample.expected == "ok"))
  }

  @Test func everyErrorOccurs() {
    let seen = Set(Corpus.json.map(\.expected))
    for error in JSONError.allCases { #expect(seen.contains("\(error.code)")) }
  }

  @Test func tokensHaveTheirPlaces() {
    let outcome = JSONWords.tokens(ascii(#" {"a": [1, "x\n", true], "b" :{}} "#))
    #expect(
      outcome.tokens == [
        "objectStart 1..<2", "key 2..<5", "arrayStart 7..<8", "number 8..<9", "string 11..<16",
        "true 18..<22", "arrayEnd 22..<23", "key 25..<28", "objectStart 30..<31",
        "objectEnd 31..<32", "objectEnd 32..<33",
      ])
  }

  @Test func errorsHaveTheirPlaces() {
    for (text, error, offset) in [
      (#"{"a":1,}"#, JSONError.expectedKey, 7), (#"[1 2]"#, .expectedComma, 3),
      (#"["a\q"]"#, .invalidEscape, 3), (#"[1.]"#, .invalidNumber, 3),
      ("[tru]", .invalidLiteral, 1),
      ("[1", .unexpectedEnd, 2), ("[]]", .trailingBytes, 2), ("[\"a\u{1}\"]", .controlCharacter, 3),
    ] {
      let outcome = JSONWords.tokens(ascii(text))
      #expect(outcome.error == error && outcome.offset == offset, "\(text)")
    }
  }

  @Test func endIsGivenAgain() throws {
    let bytes = ascii("[1] ")
    var scanner = JSONScanner(bytes.span)
    for _ in 0..<3 { _ = try scanner.next() }
    let (first, second) = (try scanner.next(), try scanner.next())
    #expect(first.kind == .end && second == first)
  }

  @Test func skippingPassesTheWholeValue() throws {
    let bytes = ascii(#"{"a":{"b":[1,{"c":"}"}]},"d":2}"#)
    var scanner = JSONScanner(bytes.span)
    _ = try scanner.next()
    _ = try scanner.next()
    let start = try scanner.next()
    #expect(try scanner.skip(start) == 5..<24)
    let key = try scanner.next()
    #expect(key.kind == .key && key.range == 25..<28)
    #expect(try scanner.skip(try scanner.next()) == 29..<30)
  }

  /// The bits of the levels lie in several words.
  @Test func depthIsBounded() {
    for depth in [1, 2, 63, 64, 65, 128, 129, 511, 512] {
      let open = (0..<depth).map { $0 % 3 == 0 ? "[" : #"{"a":"# }.joined()
      let close = (0..<depth).reversed().map { $0 % 3 == 0 ? "]" : "}" }.joined()
      #expect(JSONWords.tokens(ascii(open + "1" + close), maxDepth: depth).error == nil)
      #expect(JSONWords.tokens(ascii(open + "1" + close), maxDepth: depth - 1).error == .tooDeep)
    }
    // However much is allowed.
    let deep = [UInt8](repeating: UInt8(ascii: "["), count: 10_000)
    let outcome = JSONWords.tokens(deep, maxDepth: 1_000_000)
    #expect(outcome.error == .tooDeep && outcome.offset == JSONScanner.deepest)
    // No level costs memory.
    #expect(MemoryLayout<JSONScanner>.size <= 112)
  }

  /// One or two bytes of valid texts changed: valid or not, as the model says, and the same tokens.
  @Test func mutatedTexts() {
    var chance = SplitMix(7)
    let seeds = Corpus.json.filter { $0.expected == "ok" && $0.bytes.count < 120 }
    let bytes = ascii(#"{}[]:,"\/utrfaeE0129+-. \#u{1}x"#)
    var valid = 0
    for _ in 0..<20_000 {
      var text = seeds.randomElement(using: &chance)!.bytes
      for _ in 0...Int.random(in: 0...1, using: &chance) where !text.isEmpty {
        let index = Int.random(in: 0..<text.count, using: &chance)
        switch Int.random(in: 0...2, using: &chance) {
        case 0: text[index] = bytes.randomElement(using: &chance)!
        case 1: text.insert(bytes.randomElement(using: &chance)!, at: index)
        default: text.remove(at: index)
        }
      }
      var model = JSONModel(text)
      let isValid = (try? model.parse()) != nil
      let outcome = JSONWords.tokens(text)
      #expect((outcome.error == nil) == isValid, "\(String(decoding: text, as: UTF8.self))")
      if isValid {
        valid += 1
        #expect(outcome.tokens == model.tokens)
      }
    }
    #expect(valid > 2_000)
  }

  private static func means(_ content: String, _ text: [UInt8]) -> Bool {
    let content = Array(content.utf8)
    return JSONString.means(content.span, text.span)
  }

  @Test func stringsMeanTheirCharacters() {
    for (content, meaning) in [
      ("", ""), ("plain", "plain"), (#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{C}\n\r\t"),
      (#"\u0041\u00e9\u20AC\ud834\udd1e\u0000"#, "Aé€𝄞\0"), ("é€𝄞", "é€𝄞"),
      (
        #"\uD7FF\uE000\uFFFF\u07ff\u0800\udbff\udfff"#,
        "\u{D7FF}\u{E000}\u{FFFF}\u{7FF}\u{800}\u{10FFFF}"
      ),
    ] {
      var output = ByteBuffer()
      let isWhole = output.append(meaningOfJSON: Array(content.utf8).span)
      #expect(isWhole && output.copiedBytes() == Array(meaning.utf8), "\(content)")
      let text = Array(meaning.utf8)
      #expect(Self.means(content, text), "\(content)")
      #expect(!Self.means(content, text + [0x61]), "\(content)")
      #expect(text.isEmpty || !Self.means(content, text.dropLast()), "\(content)")
    }
    for content in [
      #"\ud800"#, #"a\udc00"#, #"\ud800\u0041"#, #"\ud800x"#, #"\ud800\ud800"#, #"\ud834\n"#,
    ] {
      var output = ByteBuffer()
      output.append(ascii("before"))
      let isWhole = output.append(meaningOfJSON: ascii(content).span)
      #expect(!isWhole && output.copiedBytes() == ascii("before"))
      #expect(!Self.means(content, []))
    }
  }
}
