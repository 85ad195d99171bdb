/// The latest frames of a session, in a memory that never grows over `capacity`. Pure.
///
/// Owns nothing before the first frame.
struct FrameRing {
  private(set) var capacity: Int
  private var frames: [FrameRecord] = []
  /// Where the oldest is, once all places are taken.
  private var oldest = 0

  private static let firstGrowth = 8

  init(capacity: Int) { self.capacity = capacity }

  var count: Int { frames.count }

  mutating func append(_ frame: FrameRecord) {
    if frames.count == capacity {
      frames[oldest] = frame
      oldest = oldest + 1 == capacity ? 0 : oldest + 1
      return
    }
    if frames.count == frames.capacity {
      // An array would grow to twice its size, over the capacity.
      frames.reserveCapacity(min(capacity, max(Self.firstGrowth, frames.count * 2)))
    }
    frames.append(frame)
  }

  /// From the oldest to the newest.
  var inOrder: [FrameRecord] { Array(frames[oldest...] + frames[..<oldest]) }

  /// The newest ones, in order.
  func latest(_ most: Int) -> ArraySlice<FrameRecord> { inOrder.suffix(most) }

  /// Keeps the newest that still find a place.
  mutating func resize(to capacity: Int) {
    if capacity == self.capacity { return }
    frames = Array(latest(capacity))
    oldest = 0
    self.capacity = capacity
  }
}
