import SluiceConfiguration
import SluiceReactor
import SluiceWire
import Testing

@testable import SluiceGateway

@Suite struct MessageQueueTests {
  @Test func aKeyKeepsItsTurnAndGetsTheNewestValue() {
    var queue = MessageQueue()
    queue.append([1], key: [65])
    queue.append([2, 2], key: nil)
    queue.append([3], key: [66])
    let isReplaced = queue.replace([65], with: [4, 4, 4])
    let isNew = queue.replace([67], with: [5])
    #expect(isReplaced)
    #expect(!isNew)
    #expect(queue.bytes == 6)
    #expect(queue.keyCount == 2)
    var taken: [[UInt8]] = []
    while let frame = queue.takeFirst() { taken.append(frame) }
    #expect(taken == [[4, 4, 4], [2, 2], [3]])
    #expect(queue.isEmpty && queue.bytes == 0 && queue.keyCount == 0)
    #expect(!queue.holds([65]))
  }

  /// Against a plain list.
  @Test func behavesLikeAList() {
    var random = SplitMix64(seed: 3)
    var queue = MessageQueue()
    var model: [(frame: [UInt8], key: [UInt8]?)] = []
    for step in 0..<6_000 {
      // Grows and shrinks in turns, so that the front is cut off on the way.
      let takes = random.next() % 10 < (step / 500 % 2 == 0 ? 3 : 7)
      if takes {
        let frame = queue.takeFirst()
        #expect(frame == (model.isEmpty ? nil : model.removeFirst().frame))
      } else {
        let frame = [UInt8](repeating: UInt8(step & 255), count: Int(random.next() % 20))
        let number = UInt8(random.next() % 40)
        let key: [UInt8]? = number < 30 ? [number] : nil
        if let key, let index = model.firstIndex(where: { $0.key == key }) {
          let isReplaced = queue.replace(key, with: frame)
          #expect(isReplaced)
          model[index].frame = frame
        } else {
          if let key { #expect(!queue.holds(key)) }
          queue.append(frame, key: key)
          model.append((frame, key))
        }
      }
      #expect(queue.count == model.count)
      #expect(queue.bytes == model.reduce(0) { $0 + $1.frame.count })
      #expect(queue.keyCount == model.filter { $0.key != nil }.count)
    }
  }

  // MARK: Keys

  private func key(_ text: String, _ path: String = "$.symbol") throws -> String? {
    var settings = Configuration.Conflation()
    settings.key = path
    let conflation = try #require(CompiledConflation(settings))
    return conflation.key(of: Array(text.utf8).span).map { String(decoding: $0, as: UTF8.self) }
  }

  @Test func keysAreStringsNumbersAndTruthValues() throws {
    #expect(try key(#"{"price": 1, "symbol": "AAPL"}"#) == #""AAPL""#)
    #expect(try key(#"{"symbol": 7}"#) == "7")
    #expect(try key(#"{"symbol": "7"}"#) == #""7""#)
    #expect(try key(#"{"symbol": true}"#) == "true")
    #expect(try key(#"[{"s": "x"}]"#, "$[0].s") == #""x""#)
    // Two ways to write it.
    #expect(try key(#"{"symbol": "\u0041APL"}"#) == #""AAPL""#)
  }

  @Test(arguments: [
    "{}", "", "AAPL", #"{"symbol": null}"#, #"{"symbol": {"a": 1}}"#, #"{"symbol": [1]}"#,
    #"{"symbol": "A", "symbol": "B"}"#, #"{"symbol": "A"} x"#, #"{"symbol": "\uD800"}"#,
    #"{"symbol": "\#(String(repeating: "x", count: 255))"}"#,
  ])
  func whatIsNoKey(text: String) throws {
    #expect(try key(text) == nil)
  }
}
