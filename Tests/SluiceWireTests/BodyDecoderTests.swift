import SluiceWire
import Testing

/// What decoding a body comes to.
struct BodyOutcome: Equatable {
  var payload: [UInt8] = []
  var consumed = 0
  var error: BodyError?
  var isComplete = false
  var trailers: [String] = []
}

/// Decodes `stream` handed over in pieces that `nextPiece` sizes, as a connection would.
func decode(
  _ stream: [UInt8], _ framing: BodyFraming, nextPiece: () -> Int
) -> BodyOutcome {
  var decoder = BodyDecoder(framing)
  var outcome = BodyOutcome()
  var start = 0
  do throws(BodyError) {
    pieces: while true {
      let end = min(stream.count, start + nextPiece())
      let piece = stream.span.extracting(start..<end)
      var offset = 0
      steps: while true {
        switch try decoder.next(piece, from: offset) {
        case .needsMore: break steps
        case .payload(let range, let consumed):
          outcome.payload += stream[(start + range.lowerBound)..<(start + range.upperBound)]
          #expect(consumed > offset)
          offset = consumed
        case .complete(let consumed):
          outcome.consumed = start + consumed
          outcome.isComplete = true
          break pieces
        }
      }
      start = end
      if start == stream.count {
        outcome.consumed = start
        outcome.isComplete = try decoder.endOfInput()
        break
      }
    }
  } catch {
    outcome.error = error
    // How far a decoder got before it refused depends on the pieces.
    outcome.consumed = 0
    outcome.payload = []
  }
  for field in decoder.trailers.fields {
    outcome.trailers.append(
      "\(text(decoder.trailers.span(field.name))): \(text(decoder.trailers.span(field.value)))")
  }
  return outcome
}

@Suite struct BodyDecoderTests {
  @Test func aBodyWithALengthMayGoAnotherWay() throws {
    var decoder = BodyDecoder(.length(10))
    #expect(decoder.plainBytesLeft == 10)
    #expect(try decoder.next([1, 2, 3].span, from: 0) == .payload(0..<3, consumed: 3))
    #expect(decoder.plainBytesLeft == 7)
    decoder.passed(6)
    #expect(decoder.plainBytesLeft == 1 && !decoder.isComplete)
    #expect(throws: BodyError.truncated) { try decoder.endOfInput() }
    decoder.passed(1)
    #expect(decoder.plainBytesLeft == 0 && decoder.isComplete)
    for framing in [BodyFraming.none, .chunked, .untilClose] {
      #expect(BodyDecoder(framing).plainBytesLeft == 0)
    }
    // Not even the payload of a chunk: framing follows it.
    var chunked = BodyDecoder(.chunked)
    _ = try chunked.next(Array("a\r\n123".utf8).span, from: 0)
    #expect(chunked.plainBytesLeft == 0)
  }

  @Test(arguments: Corpus.chunked)
  func corpus(_ sample: CorpusCase) {
    let whole = decode(sample.bytes, .chunked) { .max / 2 }
    #expect(whole.error.map { "\($0.code)" } ?? "ok" == sample.expected)
    for step in [1, 2, 3, 7] {
      #expect(decode(sample.bytes, .chunked) { step } == whole, "step \(step)")
    }
  }

  @Test func everyErrorOccurs() {
    let seen = Set(Corpus.chunked.map(\.expected))
    for error in BodyError.allCases { #expect(seen.contains("\(error.code)")) }
  }

  /// Random bodies in random chunks, extensions and trailers, followed by another message.
  @Test func randomBodies() {
    var chance = SplitMix(1)
    for _ in 0..<500 {
      var encoded: [UInt8] = []
      var payload: [UInt8] = []
      for _ in 0..<Int.random(in: 0...5, using: &chance) {
        let count = Int.random(in: 1...300, using: &chance)
        let chunk = (0..<count).map { _ in UInt8.random(in: 0...255, using: &chance) }
        let size = String(count, radix: 16, uppercase: Bool.random(using: &chance))
        encoded += ascii(String(repeating: "0", count: Int.random(in: 0...3, using: &chance)))
        encoded += ascii(size + (Bool.random(using: &chance) ? ";a=\"b\"" : "") + "\r\n")
        encoded += chunk + ascii("\r\n")
        payload += chunk
      }
      let hasTrailer = Bool.random(using: &chance)
      encoded += ascii("0\r\n" + (hasTrailer ? "X-Sum:  1 \r\nHost: a\r\n" : "") + "\r\n")
      let end = encoded.count
      encoded += ascii("GET / HTTP/1.1\r\n")
      let outcome = decode(encoded, .chunked) { Int.random(in: 1...200, using: &chance) }
      #expect(
        outcome
          == BodyOutcome(
            payload: payload, consumed: end, isComplete: true,
            trailers: hasTrailer ? ["X-Sum: 1"] : []))
    }
  }

  /// One byte of a valid body changed: pieces never change the result.
  @Test func mutatedBodies() {
    var chance = SplitMix(2)
    let seeds = Corpus.chunked.filter { $0.expected == "ok" && $0.bytes.count < 200 }
    let bytes = ascii("\r\n0123456789abcdefgG;: \t\0\u{7F}x-")
    for _ in 0..<5_000 {
      var stream = seeds.randomElement(using: &chance)!.bytes
      for _ in 0...Int.random(in: 0...2, using: &chance) {
        let index = Int.random(in: 0..<stream.count, using: &chance)
        switch Int.random(in: 0...2, using: &chance) {
        case 0: stream[index] = bytes.randomElement(using: &chance)!
        case 1: stream.insert(bytes.randomElement(using: &chance)!, at: index)
        default: stream.remove(at: index)
        }
        if stream.isEmpty { break }
      }
      let whole = decode(stream, .chunked) { .max / 2 }
      #expect(decode(stream, .chunked) { 1 } == whole)
      #expect(decode(stream, .chunked) { Int.random(in: 1...9, using: &chance) } == whole)
    }
  }

  @Test func lengthCountsDown() {
    let stream = ascii("abcdeGET /")
    for step in 1...10 {
      let outcome = decode(stream, .length(5)) { step }
      #expect(outcome == BodyOutcome(payload: ascii("abcde"), consumed: 5, isComplete: true))
    }
    #expect(decode(ascii("abc"), .length(5)) { 2 }.error == .truncated)
    #expect(decode(ascii("GET"), .length(0)) { 3 } == BodyOutcome(isComplete: true))
    #expect(decode(ascii("GET"), .none) { 3 } == BodyOutcome(isComplete: true))
  }

  @Test func untilCloseTakesAll() {
    let stream = ascii("abcde")
    for step in 1...5 {
      let outcome = decode(stream, .untilClose) { step }
      #expect(outcome == BodyOutcome(payload: stream, consumed: 5, isComplete: true))
    }
  }

  /// A chunk's declared size never makes a range that the input does not hold.
  @Test func hugeChunk() throws {
    var decoder = BodyDecoder(.chunked)
    let input = ascii("7fffffffffffffff\r\nab")
    #expect(try decoder.next(input.span, from: 0) == .payload(18..<20, consumed: 20))
    #expect(try decoder.next(input.span, from: 20) == .needsMore)
    #expect(throws: BodyError.truncated) { try decoder.endOfInput() }
  }

  @Test func trailersThatMayNotBeTrailersAreDropped() {
    let names = [
      "Host", "Content-Length", "Transfer-Encoding", "Authorization", "Cookie", "Set-Cookie",
      "Content-Type", "Content-Encoding", "Cache-Control", "X-Forwarded-For", "Connection",
      "Expect", "TE", "Trailer", "Range", "Max-Forwards",
    ]
    let section = names.map { "\($0): 1\r\n" }.joined()
    let stream = ascii("0\r\n\(section)X-Kept: 1\r\nETag: 2\r\n\r\n")
    let outcome = decode(stream, .chunked) { 5 }
    #expect(outcome.trailers == ["X-Kept: 1", "ETag: 2"])
  }

  @Test func sizeStaysSmall() { #expect(MemoryLayout<BodyDecoder>.size <= 48) }
}
