import SluiceWire
import Testing

@Suite struct GRPCTests {
  private func type(_ text: String) -> GRPCMediaType? { GRPCMediaType(Array(text.utf8).span) }

  @Test func mediaTypesAreToldApart() {
    for text in ["application/grpc", "Application/gRPC+proto", "application/grpc;x=1"] {
      #expect(type(text) == .grpc, "\(text)")
    }
    for text in ["application/grpc-web", "application/grpc-web+proto", "application/grpc-web ;a=b"]
    {
      #expect(type(text) == .web, "\(text)")
    }
    for text in ["application/grpc-web-text", "application/grpc-web-text+proto"] {
      #expect(type(text) == .webText, "\(text)")
    }
    for text in [
      "", "application", "application/grpcs", "application/grpc-websocket", "application/json",
      "application/grpc-web-texts", "text/application/grpc",
    ] { #expect(type(text) == nil, "\(text)") }
  }

  @Test(arguments: [
    ("application/grpc-web+proto", "+proto"), ("application/grpc-web-text", ""),
    ("application/grpc; a=b", "; a=b"),
  ])
  func theFormatOfTheMessagesIsKept(value: String, suffix: String) {
    let bytes = Array(value.utf8)
    let range = GRPCMediaType.suffix(of: bytes.span)
    #expect(String(decoding: bytes[range], as: UTF8.self) == suffix)
  }

  @Test func timeoutsHaveEightDigitsAndAUnit() {
    func nanoseconds(_ text: String) -> Int64? { GRPCTimeout.nanoseconds(Array(text.utf8).span) }
    #expect(nanoseconds("1n") == 1)
    #expect(nanoseconds("2u") == 2_000)
    #expect(nanoseconds("100m") == 100_000_000)
    #expect(nanoseconds("3S") == 3_000_000_000)
    #expect(nanoseconds("1M") == 60_000_000_000)
    #expect(nanoseconds("1H") == 3_600_000_000_000)
    #expect(nanoseconds("0S") == 0)
    #expect(nanoseconds("99999999H") == .max)
    #expect(nanoseconds("99999999n") == 99_999_999)
    for text in ["", "1", "S", "1s", "-1S", "1.5S", "123456789S", " 1S", "1S "] {
      #expect(nanoseconds(text) == nil, "\(text)")
    }
  }

  private func timeout(_ nanoseconds: Int64) -> String {
    var output = ByteBuffer()
    output.append(grpcTimeout: nanoseconds)
    return String(decoding: output.copiedBytes(), as: UTF8.self)
  }

  @Test func timeoutsAreWrittenAsExactlyAsEightDigitsCan() {
    #expect(timeout(1) == "1n")
    #expect(timeout(99_999_999) == "99999999n")
    #expect(timeout(100_000_000) == "100000u")
    #expect(timeout(99_999_999_999) == "99999999u")
    #expect(timeout(100_000_000_000) == "100000m")
    #expect(timeout(99_999_999_999_999) == "99999999m")
    #expect(timeout(100_000_000_000_000) == "100000S")
    #expect(timeout(100_000_000_000_000_000) == "1666666M")
    #expect(timeout(.max) == "2562047H" || timeout(.max) == "153722867M")
    // What is over is not without an end.
    #expect(timeout(0) == "1n" && timeout(-5) == "1n")
  }

  /// What is written means no more than was there, and hardly less.
  @Test func whatIsWrittenIsReadBack() {
    var generator = SplitMix(state: 3)
    for _ in 0..<2_000 {
      let time = Int64(generator.next() >> (1 + generator.next() % 62))
      let read = GRPCTimeout.nanoseconds(Array(timeout(time).utf8).span) ?? -1
      #expect(read <= max(1, time) && read >= time - time / 50_000, "\(time)")
    }
  }

  /// Steele, Lea and Flood's generator.
  private struct SplitMix {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
  }

  @Test func statusesAreNumbersWithoutDecoration() {
    for status in GRPCStatus.allCases {
      #expect(GRPCStatus(Array("\(status.rawValue)".utf8).span) == status)
    }
    for text in ["", "17", "00", "+1", "1 ", "100", "a", "01"] {
      #expect(GRPCStatus(Array(text.utf8).span) == nil, "\(text)")
    }
  }

  @Test func messagesArePercentEncoded() {
    var output = ByteBuffer()
    output.append(grpcMessage: Array("50% \u{e4}\r\n~".utf8).span)
    #expect(String(decoding: output.copiedBytes(), as: UTF8.self) == "50%25 %C3%A4%0D%0A~")
  }

  // MARK: Base64 of many pieces

  private func decode(_ text: String, piece: Int) -> (bytes: [UInt8], isAtBorder: Bool)? {
    var decoder = Base64GroupDecoder()
    var output = ByteBuffer()
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      if !decoder.decode(Array(rest.prefix(piece)).span, into: &output) { return nil }
      rest = rest.dropFirst(piece)
    }
    return (output.copiedBytes(), decoder.isAtBorder)
  }

  @Test(arguments: 1...9)
  func piecesWithPaddingFollowEachOther(piece: Int) {
    let whole = decode("YQ==YWI=YWJjAAAA", piece: piece)
    #expect(whole?.bytes == Array("aababc".utf8) + [0, 0, 0])
    #expect(whole?.isAtBorder == true)
    #expect(decode("YWJ", piece: piece)?.isAtBorder == false)
    for text in ["=", "Y===", "YQ=a", "YR==", "YWJ=", "YW-_", "YW J", "YQ==="] {
      let result = decode(text, piece: piece)
      #expect(result == nil || result?.isAtBorder == false, "\(text)")
    }
  }

  @Test func whatWasEncodedInPiecesIsTheSameAgain() {
    var bytes: [UInt8] = []
    var text = ByteBuffer()
    for count in 0..<40 {
      let piece = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 37 + count) }
      bytes += piece
      text.append(base64: piece.span, .standard)
    }
    let encoded = String(decoding: text.copiedBytes(), as: UTF8.self)
    for piece in [1, 3, 4, 1_000] { #expect(decode(encoded, piece: piece)?.bytes == bytes) }
  }
}
