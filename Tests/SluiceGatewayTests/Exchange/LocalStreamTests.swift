import SluiceReactor
import Testing

@testable import SluiceGateway

/// Pieces for one caller, from any thread.
@Suite struct LocalStreamTests {
  private static func stream(
    maxBytes: Int = 10, onEnd: @escaping @Sendable () -> Void = {}
  ) -> LocalStream {
    var settings = LocalStream.Settings()
    settings.maxBytes = maxBytes
    settings.lostNotice = { Array("lost \($0)".utf8) }
    settings.onEnd = onEnd
    return LocalStream(settings)
  }

  private func text(_ next: LocalStream.Next) -> String {
    switch next {
    case .piece(let bytes): String(decoding: bytes, as: UTF8.self)
    case .nothing: "nothing"
    case .finished: "finished"
    }
  }

  private func send(_ text: String, to stream: LocalStream) -> Bool {
    stream.send(Array(text.utf8))
  }

  @Test func piecesComeInOrderAndThenTheEnd() {
    let stream = Self.stream()
    #expect(send("one", to: stream))
    #expect(send("two", to: stream))
    stream.finish()
    #expect(!send("late", to: stream))
    #expect((0..<3).map { _ in text(stream.next()) } == ["one", "two", "finished"])
  }

  @Test func whatDoesNotFitIsCountedInItsPlace() {
    let stream = Self.stream()
    for piece in ["12345", "67890", "lost", "lost too", "x"] { _ = send(piece, to: stream) }
    #expect(text(stream.next()) == "12345")
    // There is room again: the notice stands in front of what comes after the loss.
    _ = send("abc", to: stream)
    #expect(
      (0..<4).map { _ in text(stream.next()) } == ["67890", "lost 3", "abc", "nothing"])
  }

  @Test func aLossAtTheEndIsToldWhenEverythingWasTaken() {
    let stream = Self.stream()
    for piece in ["1234567890", "lost"] { _ = send(piece, to: stream) }
    stream.finish()
    #expect(
      (0..<3).map { _ in text(stream.next()) } == ["1234567890", "lost 1", "finished"])
  }

  @Test func theLastPieceIsNeverLost() {
    let stream = Self.stream()
    for piece in ["1234567890", "lost"] { _ = send(piece, to: stream) }
    stream.finish(Array("last".utf8))
    stream.finish(Array("twice".utf8))
    #expect(
      (0..<4).map { _ in text(stream.next()) } == ["1234567890", "lost 1", "last", "finished"])
  }

  @Test func onePieceMayBeLargerThanAll() {
    let stream = Self.stream(maxBytes: 2)
    #expect(send("large", to: stream))
    #expect(text(stream.next()) == "large")
  }

  @Test func theReaderIsWokenOnceUntilItFoundNothing() {
    let stream = Self.stream(maxBytes: 100)
    let wakes = Locked(0)
    stream.begin { wakes.withLock { $0 += 1 } }
    #expect(text(stream.next()) == "nothing")
    for piece in ["a", "b", "c"] { _ = send(piece, to: stream) }
    #expect(wakes.withLock { $0 } == 1)
    while text(stream.next()) != "nothing" {}
    stream.finish()
    #expect(wakes.withLock { $0 } == 2)
  }

  @Test func theEndIsToldOnceAndNothingIsTakenAfterwards() {
    let ends = Locked(0)
    let stream = Self.stream { ends.withLock { $0 += 1 } }
    stream.end()
    stream.end()
    #expect(ends.withLock { $0 } == 1)
    #expect(stream.isOver)
    #expect(!send("x", to: stream))
  }

  /// Who never catches up quite.
  @Test func aReaderThatIsAlwaysOneBehindCostsNoMore() {
    let stream = Self.stream(maxBytes: 100)
    _ = send("0", to: stream)
    for number in 1...1_000 {
      _ = send("\(number)", to: stream)
      #expect(text(stream.next()) == "\(number - 1)")
      #expect(stream.placeCount <= 130)
    }
    #expect((0..<2).map { _ in text(stream.next()) } == ["1000", "nothing"])
  }
}
