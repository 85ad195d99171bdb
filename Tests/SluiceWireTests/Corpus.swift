import Foundation
import Testing

/// One line of a file in Tests/Corpus.
struct CorpusCase: CustomTestStringConvertible, Sendable {
  let line: Int
  /// "ok" or an error's code.
  let expected: String
  let bytes: [UInt8]
  /// The first word of a line in `responses.txt` (the method) and `frames.txt` (the sender).
  var subject = ""

  var testDescription: String { "line \(line): \(expected)" }
}

enum Corpus {
  static let requests = load("requests.txt")
  static let responses = load("responses.txt", hasSubject: true)
  static let chunked = load("chunked.txt")
  static let paths = load("paths.txt")
  static let frames = load("frames.txt", hasSubject: true)
  static let json = load("json.txt")

  static func load(_ name: String, hasSubject: Bool = false) -> [CorpusCase] {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Corpus")
    let text = try! String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
    var cases: [CorpusCase] = []
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    where !line.isEmpty && !line.hasPrefix("#") {
      var rest = Substring(line)
      let subject = hasSubject ? String(word(&rest)) : ""
      let expected = String(word(&rest))
      cases.append(
        CorpusCase(line: index + 1, expected: expected, bytes: bytes(rest), subject: subject))
    }
    return cases
  }

  private static func word(_ rest: inout Substring) -> Substring {
    let end = rest.firstIndex(of: " ") ?? rest.endIndex
    defer { rest = end == rest.endIndex ? rest[end...] : rest[rest.index(after: end)...] }
    return rest[..<end]
  }

  /// Resolves the escapes that Tests/Corpus/README.md describes.
  static func bytes(_ text: Substring) -> [UInt8] {
    let source = Array(text.utf8)
    var at = 0
    return bytes(source, &at, nested: false)
  }

  private static func bytes(_ source: [UInt8], _ at: inout Int, nested: Bool) -> [UInt8] {
    var result: [UInt8] = []
    while at < source.count {
      let byte = source[at]
      at += 1
      if nested, byte == UInt8(ascii: "}") { break }
      guard byte == UInt8(ascii: "\\") else {
        result.append(byte)
        continue
      }
      let escape = source[at]
      at += 1
      switch escape {
      case UInt8(ascii: "r"): result.append(13)
      case UInt8(ascii: "n"): result.append(10)
      case UInt8(ascii: "t"): result.append(9)
      case UInt8(ascii: "0"): result.append(0)
      case UInt8(ascii: "\\"): result.append(escape)
      case UInt8(ascii: "x"):
        let digits = String(decoding: source[at..<at + 2], as: UTF8.self)
        result.append(UInt8(digits, radix: 16)!)
        at += 2
      case UInt8(ascii: "{"):
        let star = source[at...].firstIndex(of: UInt8(ascii: "*"))!
        let count = Int(String(decoding: source[at..<star], as: UTF8.self))!
        at = star + 1
        let part = bytes(source, &at, nested: true)
        for _ in 0..<count { result += part }
      default: fatalError("unknown escape in the corpus")
      }
    }
    return result
  }
}

/// A repeatable source of chance: tests that fail must fail again.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

func text(_ bytes: Span<UInt8>) -> String {
  var copy: [UInt8] = []
  for index in bytes.indices { copy.append(bytes[index]) }
  return String(decoding: copy, as: UTF8.self)
}

func ascii(_ text: String) -> [UInt8] { Array(text.utf8) }
