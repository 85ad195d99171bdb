import SluiceWire
import Testing

@Suite struct UTF8ValidatorTests {
  private static func accepts(_ pieces: [[UInt8]]) -> Bool {
    var validator = UTF8Validator()
    for piece in pieces where !validator.accept(piece.span) { return false }
    return validator.isComplete
  }

  /// All sequences of up to two bytes and the borders of longer ones: alone, between ASCII, where
  /// whole words are looked at, and in two pieces.
  @Test func everyShortSequence() {
    var sequences: [[UInt8]] = []
    let borders: [UInt8] = [0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0]
    for first in UInt8.min...UInt8.max {
      sequences.append([first])
      if first < 0x80 { continue }
      for second in UInt8.min...UInt8.max { sequences.append([first, second]) }
      if first < 0xE0 { continue }
      for second in borders {
        for third in borders {
          sequences.append([first, second, third])
          for fourth in borders { sequences.append([first, second, third, fourth]) }
        }
      }
    }
    var valid = 0
    for sequence in sequences {
      let expected = WebSocketModel.isUTF8(sequence)
      if expected { valid += 1 }
      let text = ascii("abcdefg")
      let isRight =
        UTF8Validator.isValid(sequence.span) == expected
        && Self.accepts([text + sequence + text]) == expected
        && Self.accepts([Array(sequence.dropLast()), sequence.suffix(1) + text]) == expected
        && Self.accepts(sequence.map { [$0] }) == expected
      #expect(isRight, "\(sequence)")
    }
    #expect(valid > 3_900)
  }

  /// One fault at each place of a text long enough for the fast path.
  @Test func faultsAreFoundAnywhere() {
    for length in [1, 7, 8, 31, 32, 33, 64, 100] {
      let text = Array(repeating: UInt8(0x61), count: length)
      #expect(Self.accepts([text]))
      for index in text.indices {
        var bad = text
        bad[index] = 0x80
        #expect(!Self.accepts([bad]))
      }
    }
  }

  /// It fails with the byte that no text can have, and not before.
  @Test func failsAsEarlyAsCanBe() {
    var chance = SplitMix(5)
    let bytes: [UInt8] = [
      0x61, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC2, 0xDF, 0xE0, 0xE1, 0xED, 0xEF, 0xF0, 0xF1,
      0xF4,
    ]
    for _ in 0..<2_000 {
      let text = (0..<Int.random(in: 1...5, using: &chance)).map { _ in
        bytes.randomElement(using: &chance)!
      }
      var validator = UTF8Validator()
      let isAccepted = validator.accept(text.span)
      #expect(isAccepted == WebSocketModel.canBecomeUTF8(text), "\(text)")
    }
  }

  /// Real text in random pieces.
  @Test func randomPieces() {
    var chance = SplitMix(6)
    let letters = Array("aZ09 µßéκόσμε日本語€😀𝄞\u{10FFFF}\u{FFFF}\u{7FF}\u{800}")
    for _ in 0..<500 {
      let count = Int.random(in: 0...60, using: &chance)
      let text = String((0..<count).map { _ in letters.randomElement(using: &chance)! })
      var bytes = Array(text.utf8)
      if Bool.random(using: &chance), !bytes.isEmpty {
        bytes[Int.random(in: bytes.indices, using: &chance)] = UInt8.random(
          in: 0x80...0xFF, using: &chance)
      }
      var pieces: [[UInt8]] = []
      var rest = bytes[...]
      while !rest.isEmpty {
        let size = Int.random(in: 1...20, using: &chance)
        pieces.append(Array(rest.prefix(size)))
        rest = rest.dropFirst(size)
      }
      #expect(Self.accepts(pieces) == WebSocketModel.isUTF8(bytes), "\(bytes)")
    }
  }
}
