/// Messages that wait for a caller who reads slowly, as the frames that will be sent. Pure.
///
/// First in, first out. A message with a key takes the place of the one with the same key that still
/// waits, so each key keeps its turn however often its value changes, and what is sent is the newest.
/// Owns memory only while something waits.
struct MessageQueue {
  private struct Entry {
    var frame: [UInt8]
    var key: [UInt8]?
  }

  private var entries: [Entry] = []
  /// Those before were taken.
  private var head = 0
  /// How many entries were ever cut off the front: sequence numbers count from the first ever.
  private var base = 0
  /// Where the message of a key waits, as a sequence number.
  private var places: [[UInt8]: Int] = [:]
  /// Bytes of the frames that wait.
  private(set) var bytes = 0

  var count: Int { entries.count - head }
  var isEmpty: Bool { count == 0 }
  var keyCount: Int { places.count }

  /// Whether a message of this key waits.
  func holds(_ key: [UInt8]) -> Bool { places[key] != nil }

  /// Puts the frame in the place of the one with the same key; false when none waits.
  mutating func replace(_ key: [UInt8], with frame: [UInt8]) -> Bool {
    guard let place = places[key] else { return false }
    let index = place - base
    bytes += frame.count - entries[index].frame.count
    entries[index].frame = frame
    return true
  }

  /// Puts the frame behind all others. No other message of this key may wait.
  mutating func append(_ frame: [UInt8], key: [UInt8]?) {
    if let key { places[key] = base + entries.count }
    entries.append(Entry(frame: frame, key: key))
    bytes += frame.count
  }

  // MARK: Limits

  /// How much may wait.
  struct Limits {
    /// A message that does not fit is left out, unless it is the only one.
    var dropsNewest: Bool
    /// Those that wait longest give way, but for the last one.
    var dropsOldest: Bool
    var maxBytes: Int
    var maxKeys: Int
  }

  enum Admission { case waits, replaced, refused }

  /// Puts a message behind all others, in the place of the one with its key, or nowhere. `elsewhere`: bytes
  /// that wait for the same reader beside these. `takeSurplus` follows, until it is nil.
  mutating func add(
    _ frame: [UInt8], key: [UInt8]?, limits: Limits, elsewhere: Int
  ) -> Admission {
    if let key, replace(key, with: frame) { return .replaced }
    if limits.dropsNewest && !isEmpty && elsewhere + bytes + frame.count > limits.maxBytes {
      return .refused
    }
    append(frame, key: key)
    return .waits
  }

  /// A message that has to give way. One may always wait, however large it is.
  mutating func takeSurplus(_ limits: Limits, elsewhere: Int) -> [UInt8]? {
    guard limits.dropsOldest, count > 1 else { return nil }
    return elsewhere + bytes > limits.maxBytes || keyCount > limits.maxKeys ? takeFirst() : nil
  }

  /// Places of messages that it has memory for, those that were taken among them.
  var slots: Int { entries.count }

  /// Takes the one that waits longest.
  mutating func takeFirst() -> [UInt8]? {
    guard head < entries.count else { return nil }
    let entry = entries[head]
    entries[head] = Entry(frame: [], key: nil)
    head += 1
    bytes -= entry.frame.count
    if let key = entry.key { places[key] = nil }
    if head == entries.count {
      self = MessageQueue()
    } else if head >= 64 && head * 2 >= entries.count {
      entries.removeFirst(head)
      base += head
      head = 0
    }
    return entry.frame
  }
}
