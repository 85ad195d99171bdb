import SluiceReactor
import SluiceWire
import Testing

@testable import SluiceGateway

/// What the flight recorder keeps, and how much of it.
@Suite struct FrameRecordTests {
  private func frame(_ number: Int) -> FrameRecord {
    FrameRecord(
      .fromClient, opcode: 2, size: UInt64(number), .passed, at: MonotonicTime(nanoseconds: 1))
  }

  @Test func aRecordIsSixteenBytesAndKeepsWhatWasPutIn() {
    #expect(MemoryLayout<FrameRecord>.size == 16)
    for direction in FrameRecord.Direction.allCases {
      for decision in FrameRecord.Decision.allCases {
        for opcode in UInt8(0)..<16 {
          for size in [0, 1, 65_536, 1 << 40] as [UInt64] {
            let record = FrameRecord(
              direction, opcode: opcode, size: size, decision, isFinal: opcode & 1 == 0,
              isCompressed: opcode & 2 == 0, at: MonotonicTime(nanoseconds: 5))
            #expect(record.direction == direction && record.decision == decision)
            #expect(record.size == size && record.opcode == WebSocketOpcode(rawValue: opcode))
            #expect(record.isFinal == (opcode & 1 == 0) && record.isCompressed == (opcode & 2 == 0))
          }
        }
      }
    }
    let huge = FrameRecord(
      .toClient, opcode: 1, size: .max, .injected, at: MonotonicTime(nanoseconds: 0))
    #expect(huge.size == 1 << 48 - 1 && huge.direction == .toClient)
  }

  /// Against a plain list.
  @Test(arguments: [1, 2, 7, 64]) func aRingKeepsTheLatest(capacity: Int) {
    var ring = FrameRing(capacity: capacity)
    var list: [FrameRecord] = []
    for number in 0..<200 {
      ring.append(frame(number))
      list.append(frame(number))
      #expect(ring.inOrder == list.suffix(capacity))
      #expect(Array(ring.latest(3)) == Array(list.suffix(min(3, capacity))))
    }
  }

  @Test(arguments: [(5, 3, 5), (5, 8, 12), (8, 8, 20), (4, 1, 2)])
  func aRingOfAnotherSizeKeepsTheNewest(from: Int, to: Int, count: Int) {
    var ring = FrameRing(capacity: from)
    for number in 0..<count { ring.append(frame(number)) }
    ring.resize(to: to)
    let kept = min(from, to, count)
    #expect(ring.inOrder.map(\.size) == (count - kept..<count).map { UInt64($0) })
    for number in count..<count + 20 { ring.append(frame(number)) }
    #expect(ring.inOrder.map(\.size) == (count + 20 - to..<count + 20).map { UInt64($0) })
  }

  // MARK: Ended sessions

  private func entry(_ number: UInt64, frames: Int = 1, at seconds: Int64 = 0)
    -> RecordingStore.Entry
  {
    RecordingStore.Entry(
      id: SessionID(high: 0, low: number),
      ended: MonotonicTime(nanoseconds: seconds * 1_000_000_000),
      ending: SessionEnding(.network, code: 1_006), frames: (0..<frames).map(frame))
  }

  private func has(_ store: inout RecordingStore, _ number: UInt64, at seconds: Int64 = 0) -> Bool {
    store.find(
      SessionID(high: 0, low: number), now: MonotonicTime(nanoseconds: seconds * 1_000_000_000))
      != nil
  }

  @Test func recordingsAreBoundedInNumber() {
    var store = RecordingStore()
    for number in 0...UInt64(RecordingStore.maxRecordings) { store.insert(entry(number)) }
    #expect(store.count == RecordingStore.maxRecordings)
    let (first, second) = (has(&store, 0), has(&store, 1))
    #expect(!first && second)
  }

  @Test func recordingsAreBoundedInFrames() {
    var store = RecordingStore()
    for number in 0..<20 as Range<UInt64> { store.insert(entry(number, frames: 4_096)) }
    #expect(store.count == 8 && store.frameCount == RecordingStore.maxFrames)
    let (old, new) = (has(&store, 11), has(&store, 12))
    #expect(!old && new)
  }

  @Test func recordingsAreForgotten() {
    var store = RecordingStore()
    store.insert(entry(1, at: 0))
    store.insert(entry(2, at: 300))
    let (before, after, other) = (
      has(&store, 1, at: 600), has(&store, 1, at: 601), has(&store, 2, at: 601)
    )
    #expect(before && !after && other)
    #expect(store.count == 1 && store.frameCount == 1)
  }

  // MARK: As JSON

  private func line(
    _ payload: [UInt8], size: Int? = nil, opcode: UInt8 = 1, compressed: Bool = false,
    limit: Int = 100
  ) -> String {
    let frame = FrameRecord(
      .fromUpstream, opcode: opcode, size: UInt64(size ?? payload.count), .passed,
      isFinal: false, isCompressed: compressed, at: MonotonicTime(nanoseconds: 0))
    var output = ByteBuffer()
    FrameLine.append(payload: payload.span, of: frame, limit: limit, to: &output)
    return String(decoding: output.copiedBytes(), as: UTF8.self)
  }

  @Test func textIsTextAndTheRestIsBase64() {
    #expect(
      line(Array("a\"b\\\n\u{1}ü€😀\u{7F}".utf8)) == ",\"text\":\"a\\\"b\\\\\\n\\u0001ü€😀\\u007f\"")
    #expect(line([0xFF, 0x41]) == ",\"base64\":\"/0E=\"")
    #expect(line([0x41], opcode: 2) == ",\"base64\":\"QQ==\"")
    #expect(line([0x41], opcode: 0) == ",\"base64\":\"QQ==\"")
    #expect(line([0x41], compressed: true) == ",\"base64\":\"QQ==\"")
    #expect(line([]) == ",\"text\":\"\"")
  }

  @Test func aCutGoesAroundCharacters() {
    let text = Array("ab😀cd".utf8)
    for limit in 2...5 {
      #expect(line(text, limit: limit) == ",\"text\":\"ab\",\"truncated\":true", "\(limit)")
    }
    #expect(line(text, limit: 6) == ",\"text\":\"ab😀\",\"truncated\":true")
    #expect(line(text, limit: 8) == ",\"text\":\"ab😀cd\"")
    // The rest never came.
    #expect(line(Array("ab".utf8), size: 9) == ",\"text\":\"ab\",\"truncated\":true")
  }
}
