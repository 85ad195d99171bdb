import SluiceWire
import Testing

private func all(_ buffer: borrowing ByteBuffer) -> String { text(buffer.span) }

private func normalize(
  _ path: [UInt8], _ slashes: PathNormalizer.EncodedSlashes
) -> Result<[UInt8], PathError> {
  // Something before it in the buffer must not matter, and must survive an error.
  var output = ByteBuffer()
  output.append("GET /..")
  do throws(PathError) {
    try PathNormalizer.normalize(path.span, slashes: slashes, into: &output)
  } catch {
    #expect(all(output) == "GET /..")
    return .failure(error)
  }
  let result = all(output)
  #expect(result.hasPrefix("GET /.."))
  return .success(ascii(String(result.dropFirst(7))))
}

/// The normaliser again, slow and in steps: decode every escape into marked bytes, split into
/// segments, resolve them, write them out.
private func model(
  _ path: [UInt8], _ slashes: PathNormalizer.EncodedSlashes
) -> [UInt8]? {
  let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
  let unreserved = Set(ascii(letters + "-._~"))
  let plain = unreserved.union(ascii("!$&'()*+,;=:@"))
  var pieces: [String] = []
  var at = 0
  while at < path.count {
    let byte = path[at]
    at += 1
    if byte == UInt8(ascii: "%") {
      let digits = String(decoding: path[at..<min(at + 2, path.count)], as: UTF8.self)
      guard digits.utf8.count == 2, digits.allSatisfy(\.isHexDigit),
        let value = UInt8(digits, radix: 16)
      else { return nil }
      at += 2
      if value < 0x20 || value == 0x7F { return nil }
      if value == UInt8(ascii: "/") && slashes == .reject { return nil }
      if value == UInt8(ascii: "\\") && slashes != .keep { return nil }
      if unreserved.contains(value) || value == UInt8(ascii: "/") && slashes == .decode {
        pieces.append(String(UnicodeScalar(value)))
      } else {
        pieces.append("%" + (value < 16 ? "0" : "") + String(value, radix: 16, uppercase: true))
      }
    } else if plain.contains(byte) || byte == UInt8(ascii: "/") {
      pieces.append(String(UnicodeScalar(byte)))
    } else if byte <= 0x20 || byte >= 0x7F || ascii("?#\\").contains(byte) {
      return nil
    } else {
      pieces.append("%" + String(byte, radix: 16, uppercase: true))
    }
  }
  guard path.first == UInt8(ascii: "/") else { return nil }
  var segments: [String] = []
  let all = pieces.joined().split(separator: "/", omittingEmptySubsequences: false).dropFirst()
  // A path that ends in a slash or in dots names a directory.
  var isDirectory = false
  for segment in all {
    let name = segment.replacing("%3B", with: ";").prefix { $0 != ";" }
    if name != segment && (name == "." || name == "..") { return nil }
    isDirectory = segment == "" || segment == "." || segment == ".."
    if segment == ".." {
      if segments.isEmpty { return nil }
      segments.removeLast()
    } else if !isDirectory {
      segments.append(String(segment))
    }
  }
  let joined = "/" + segments.joined(separator: "/")
  return ascii(isDirectory && !segments.isEmpty ? joined + "/" : joined)
}

private func isNormal(_ path: [UInt8]) -> Bool { PathNormalizer.isNormal(path.span) }

@Suite struct PathNormalizerTests {
  static let settings: [PathNormalizer.EncodedSlashes] = [.reject, .keep, .decode]

  @Test(arguments: Corpus.paths)
  func corpus(_ sample: CorpusCase) {
    if sample.expected == "ok" {
      let parts = sample.bytes.split(separator: UInt8(ascii: " ")).map(Array.init)
      #expect(
        normalize(parts[0], .reject).map { String(decoding: $0, as: UTF8.self) }
          == .success(String(decoding: parts[1], as: UTF8.self)))
      #expect(isNormal(parts[0]) ? parts[0] == parts[1] : true)
    } else {
      guard case .failure(let error) = normalize(sample.bytes, .reject) else {
        Issue.record("accepted")
        return
      }
      #expect("\(error.code)" == sample.expected)
      #expect(!isNormal(sample.bytes))
    }
  }

  @Test func encodedSlashes() {
    func result(_ path: String, _ slashes: PathNormalizer.EncodedSlashes) -> String {
      switch normalize(ascii(path), slashes) {
      case .success(let bytes): String(decoding: bytes, as: UTF8.self)
      case .failure(let error): "\(error)"
      }
    }
    #expect(result("/a%2fb", .keep) == "/a%2Fb")
    #expect(result("/a%2f..%2fb", .keep) == "/a%2F..%2Fb")
    #expect(result("/a%2f../b", .keep) == "/a%2F../b")
    #expect(result("/a%5cb", .keep) == "/a%5Cb")
    #expect(result("/a%2fb", .decode) == "/a/b")
    #expect(result("/a%2f%2e%2e%2fb", .decode) == "/b")
    #expect(result("/a%2f..%2f..%2fb", .decode) == "aboveRoot")
    #expect(result("/a%5cb", .decode) == "backslash")
    #expect(result("/a\\b", .keep) == "backslash")
    #expect(result("/a%2f..;%2fb", .decode) == "dotParameters")
    #expect(result("/a/..;%2fb", .keep) == "dotParameters")
  }

  /// Random paths made of what is hard: equal to the model, normal, and unchanged a second time.
  @Test(arguments: settings)
  func equalsModel(_ slashes: PathNormalizer.EncodedSlashes) {
    var chance = SplitMix(3)
    let parts = [
      "/", "/", "/", ".", "..", "%2e", "%2E", "%2f", "%5c", "%", "%2", "%00", "%41", "%7e", "%25",
      "..;", ".;", "%2e;", "..%3b", "%c3%a9", "a", "b", "Z", "~", ";", "=", "|", "[", "\\", " ",
      "?", "\u{7F}", "é", "%252e",
    ]
    var accepted = 0
    for round in 0..<8_000 {
      // Mostly harmless parts, or nothing would ever be accepted.
      let usable = round % 3 == 0 ? parts[...] : parts[..<7] + parts[12..<27]
      var path = Bool.random(using: &chance) ? "/" : "/a/"
      for _ in 0..<Int.random(in: 0...10, using: &chance) {
        path += usable.randomElement(using: &chance)!
      }
      let bytes = ascii(path)
      let expected = model(bytes, slashes)
      let result = try? normalize(bytes, slashes).get()
      #expect(result == expected, "\(path)")
      if isNormal(bytes) { #expect(result == bytes, "\(path)") }
      guard let result else { continue }
      accepted += 1
      #expect((try? normalize(result, slashes).get()) == result, "\(path)")
      if !result.contains(UInt8(ascii: "%")) { #expect(isNormal(result)) }
    }
    #expect(accepted > 1_500)
  }
}
