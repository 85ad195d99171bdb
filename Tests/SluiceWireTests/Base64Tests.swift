import SluiceWire
import Testing

@Suite struct Base64Tests {
  private static func encode(_ bytes: [UInt8], _ alphabet: Base64.Alphabet) -> String {
    var output = ByteBuffer()
    output.append(base64: bytes.span, alphabet)
    return String(decoding: output.copiedBytes(), as: UTF8.self)
  }

  private static func decode(_ text: String, _ alphabet: Base64.Alphabet) -> [UInt8]? {
    var output = ByteBuffer()
    output.append(ascii("x"))
    let isValid = output.append(decodingBase64: Array(text.utf8).span, alphabet)
    let bytes = output.copiedBytes()
    #expect(bytes.first == UInt8(ascii: "x") && (isValid || bytes.count == 1))
    return isValid ? Array(bytes.dropFirst()) : nil
  }

  // RFC 4648 10.
  @Test(arguments: [
    ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
    ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
  ])
  func vectorsOfTheRFC(text: String, encoded: String) {
    #expect(Self.encode(ascii(text), .standard) == encoded)
    #expect(Self.decode(encoded, .standard) == ascii(text))
    let unpadded = encoded.replacing("=", with: "")
    #expect(Self.encode(ascii(text), .urlSafe) == unpadded)
    #expect(Self.decode(unpadded, .urlSafe) == ascii(text))
  }

  @Test func everyByteSurvives() {
    var chance = SplitMix(9)
    for count in 0..<200 {
      let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &chance) }
      for alphabet in [Base64.Alphabet.standard, .urlSafe] {
        #expect(Self.decode(Self.encode(bytes, alphabet), alphabet) == bytes)
      }
    }
    let all = (0...255).map { UInt8($0) }
    #expect(Self.encode(all, .standard).count == 344)
    #expect(Self.encode([0xFB, 0xEF, 0xFF], .standard) == "++//")
    #expect(Self.encode([0xFB, 0xEF, 0xFF], .urlSafe) == "--__")
  }

  @Test(arguments: [
    "Z", "Zg", "Zg=", "Zg===", "=", "==", "====", "Zm8", "Zm9vY", "Zh==", "Zm9=", "Z===", "Zm=8",
    "Zg==Zg==", "Zm 9v", "Zm9v\n", "Zm9*", "Zm-_", "Zmé=",
  ])
  func whatNoEncoderWrites(text: String) { #expect(Self.decode(text, .standard) == nil) }

  @Test(arguments: ["Z", "Zg==", "Zh", "Zm9", "Zm9v=", "Zm+/", "Zm9vY", "Zm 9v"])
  func whatNoURLSafeEncoderWrites(text: String) { #expect(Self.decode(text, .urlSafe) == nil) }
}
