import SluiceReactor

/// The watches of one worker's sessions, by their places in the loop, and what ended sessions left.
/// Touched by that worker only.
final class SessionWatches {
  private var watches: [UInt32: SessionWatch] = [:]
  var ended = RecordingStore()

  subscript(place: UInt32) -> SessionWatch? { watches[place] }

  /// That of the session there; a new one, if it has none.
  func watch(_ place: UInt32, _ worker: Worker) -> SessionWatch {
    if let watch = watches[place] { return watch }
    let watch = SessionWatch(worker: worker)
    watches[place] = watch
    return watch
  }

  func remove(_ place: UInt32) { watches[place] = nil }
}

/// Recordings of sessions that ended abnormally, for a while: bounded in number, frames and age. Pure.
struct RecordingStore {
  struct Entry {
    let id: SessionID
    let ended: MonotonicTime
    let ending: SessionEnding
    let frames: [FrameRecord]
  }

  static let maxRecordings = 256
  /// Of all recordings together; the largest recorder has 4,096.
  static let maxFrames = 32_768
  /// In nanoseconds.
  static let maxAge: Int64 = 600_000_000_000

  /// In the order of their ends.
  private var entries: [Entry] = []
  private(set) var frameCount = 0

  var count: Int { entries.count }

  mutating func insert(_ entry: Entry) {
    entries.append(entry)
    frameCount += entry.frames.count
    forget(now: entry.ended)
  }

  mutating func find(_ id: SessionID, now: MonotonicTime) -> Entry? {
    forget(now: now)
    return entries.last { $0.id == id }
  }

  /// Lets go of the oldest until all bounds hold.
  private mutating func forget(now: MonotonicTime) {
    var gone = 0
    while gone < entries.count,
      entries.count - gone > Self.maxRecordings || frameCount > Self.maxFrames
        || now.nanoseconds(since: entries[gone].ended) > Self.maxAge
    {
      frameCount -= entries[gone].frames.count
      gone += 1
    }
    if gone > 0 { entries.removeFirst(gone) }
  }
}
