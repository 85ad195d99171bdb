import SluiceReactor
import SluiceWire
import Synchronization

// SAFETY: the bytes are never changed after init; reading them from several threads is no race.
/// A body in memory, shared by every entry and exchange that has it.
final class StoredBody: @unchecked Sendable {
  /// Empty when there is a piece.
  private let buffer: ByteBuffer
  /// Of a large one: where the kernel can send it from.
  let piece: MemoryFilePiece?

  /// Smaller ones are copied faster than their pages are referred to.
  static let fewestPieceBytes = 16 * 1_024

  /// `file` takes large ones, where there is one and memory in it.
  init(_ buffer: consuming ByteBuffer, in file: MemoryFile?) {
    let piece = buffer.count < Self.fewestPieceBytes ? nil : file?.store(buffer.span)
    self.piece = piece
    if piece == nil { self.buffer = buffer } else { self.buffer = ByteBuffer() }
  }

  var count: Int { piece?.count ?? buffer.count }
  var allocatedBytes: Int { piece?.allocatedBytes ?? buffer.allocatedBytes }

  /// Of one that has no piece.
  func withBytes(_ body: (Span<UInt8>) -> Void) { Self.read(buffer, body) }

  private static func read(_ buffer: borrowing ByteBuffer, _ body: (Span<UInt8>) -> Void) {
    body(buffer.span)
  }
}

// SAFETY: everything is a constant of values that only reading touches, but for `restsUntil`, which is
// an atomic.
/// One stored response. Handed out by reference to all workers and never changed.
final class CacheEntry: @unchecked Sendable {
  /// A request field that `Vary` names, with what the request had for it.
  struct Variance: Equatable {
    let name: [UInt8]
    let value: [UInt8]
  }

  let key: CacheKey.Stored
  let variances: [Variance]
  let head: ResponseHead
  /// The 304 that stands for `head`.
  let notModified: ResponseHead
  let body: StoredBody
  let tags: [[UInt8]]
  let freshness: CacheFreshness
  let storedAt: MonotonicTime
  /// Seconds of Unix time.
  let lastModified: Int64?
  /// What it counts for against the budget.
  let size: Int
  /// After a failed attempt to fetch a new one: until then this one is used without another.
  private let restsUntil = Atomic<Int64>(0)

  /// What an entry takes beside its bytes: the object, its place in the tables, parsed fields.
  private static let overhead = 512

  init(
    key: CacheKey.Stored, variances: [Variance], head: consuming ResponseHead,
    notModified: consuming ResponseHead, body: StoredBody, tags: [[UInt8]],
    freshness: CacheFreshness, storedAt: MonotonicTime
  ) {
    let bytes = head.bytes.allocatedBytes + notModified.bytes.allocatedBytes + body.allocatedBytes
    let fields = (head.fields.count + notModified.fields.count) * MemoryLayout<HeaderField>.stride
    let lists = (variances.map { $0.name.count + $0.value.count } + tags.map(\.count)).reduce(0) {
      $0 + $1 + 64
    }
    size = bytes + fields + lists + key.bytes.count + Self.overhead
    if let index = head.onlyIndex(of: .lastModified) {
      lastModified = HTTPDateSyntax.seconds(head.span(head.fields[index].value))
    } else {
      lastModified = nil
    }
    self.key = key
    self.variances = variances
    self.head = head
    self.notModified = notModified
    self.body = body
    self.tags = tags
    self.freshness = freshness
    self.storedAt = storedAt
  }

  func age(now: MonotonicTime) -> Int64 { freshness.age(storedAt: storedAt, now: now) }

  func rest(until time: MonotonicTime) { restsUntil.store(time.nanoseconds, ordering: .relaxed) }

  func isResting(now: MonotonicTime) -> Bool {
    restsUntil.load(ordering: .relaxed) > now.nanoseconds
  }

  /// Whether the target can be asked if it still is the right one.
  var hasValidator: Bool { head.onlyIndex(of: .etag) != nil || lastModified != nil }
}
