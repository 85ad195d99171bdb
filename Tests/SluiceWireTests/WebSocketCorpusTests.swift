import SluiceWire
import Testing

@Suite struct WebSocketCorpusTests {
  /// Errors that need the payload, or the count of fragments: the follower lets them pass.
  private static let inspectedOnly: Set<String> = [
    "invalid-text", "too-many-fragments",
  ]

  private static func setting(_ sample: CorpusCase) -> WebSocketSetting {
    let words = sample.subject.split(separator: "+")
    return WebSocketSetting(
      sender: words[0] == "client" ? .client : .server, allowsRSV1: words.count == 2)
  }

  private static func feeding(_ sample: CorpusCase, stops: Bool = false) -> WebSocketFeeding {
    WebSocketFeeding(setting: setting(sample), stopsAtFrames: stops) { Issue.record("\($0)") }
  }

  /// Short streams are fed one byte at a time too; a long one would only take long.
  private static func steps(_ sample: CorpusCase) -> [Int] {
    sample.bytes.count < 3_000 ? [1, 2, 3, 7, 13, 1_000] : [61, 4_096]
  }

  @Test(arguments: Corpus.frames)
  func follower(_ sample: CorpusCase) {
    let feeding = Self.feeding(sample)
    let whole = feeding.follow(sample.bytes) { .max / 2 }
    #expect(
      whole == WebSocketModel.outcome(sample.bytes, Self.setting(sample), inspects: false))
    let isSeen = !Self.inspectedOnly.contains(sample.expected)
    if isSeen, sample.expected != "cut" {
      #expect(whole.error.map { "\($0.code)" } ?? "ok" == sample.expected)
    } else {
      #expect(whole.error == nil)
    }
    for step in Self.steps(sample) {
      #expect(feeding.follow(sample.bytes) { step } == whole, "step \(step)")
    }
    var stopping = feeding
    stopping.stopsAtFrames = true
    #expect(stopping.follow(sample.bytes) { .max / 2 } == whole)
    #expect(stopping.follow(sample.bytes) { 5 } == whole)
  }

  @Test(arguments: Corpus.frames)
  func decoder(_ sample: CorpusCase) {
    let feeding = Self.feeding(sample)
    let whole = feeding.decode(sample.bytes) { .max / 2 }
    #expect(whole == WebSocketModel.outcome(sample.bytes, Self.setting(sample), inspects: true))
    if sample.expected == "cut" {
      #expect(whole.error == nil)
    } else {
      #expect(whole.error.map { "\($0.code)" } ?? "ok" == sample.expected)
    }
    for step in Self.steps(sample) {
      #expect(feeding.decode(sample.bytes) { step } == whole, "step \(step)")
    }
  }

  /// In two pieces, cut anywhere.
  @Test(arguments: Corpus.frames.filter { $0.bytes.count <= 150 })
  func everySplit(_ sample: CorpusCase) {
    let feeding = Self.feeding(sample)
    let followed = feeding.follow(sample.bytes) { .max / 2 }
    let decoded = feeding.decode(sample.bytes) { .max / 2 }
    for cut in sample.bytes.indices.dropFirst() {
      var pieces = [sample.bytes.count - cut, cut]
      #expect(feeding.follow(sample.bytes) { pieces.removeLast() } == followed, "cut at \(cut)")
      pieces = [sample.bytes.count - cut, cut]
      #expect(feeding.decode(sample.bytes) { pieces.removeLast() } == decoded, "cut at \(cut)")
    }
  }

  @Test func everyErrorOccurs() {
    let seen = Set(Corpus.frames.map(\.expected))
    for error in WebSocketError.allCases { #expect(seen.contains("\(error.code)")) }
    #expect(Corpus.frames.count >= 150)
  }

  @Test func errorsHaveCloseCodesAndFitIntoAReason() {
    for error in WebSocketError.allCases {
      #expect(error.closeCode.isAllowedOnWire)
      #expect(error.text.utf8CodeUnitCount <= WebSocketClose.maxReason)
    }
    #expect(
      Set(WebSocketError.allCases.map { "\($0.code)" }).count == WebSocketError.allCases.count)
    let codes = Dictionary(grouping: WebSocketError.allCases, by: \.closeCode)
    #expect(codes[.invalidPayload] == [.invalidCloseReason, .invalidText])
    #expect(codes[.messageTooBig] == [.messageTooBig, .tooManyFragments])
    #expect(codes.keys.count == 3)
  }
}
