import SluiceConfiguration
import SluiceReactor
import Synchronization

/// Every stored response of the process: one budget of memory, shared by all workers and routes.
///
/// Divided into parts by host and path, each behind a lock that is held for a look-up and never while
/// anything is read, written or freed. A worker of its own would need as many copies as there are
/// workers, and each would ask the target; a front of its own per worker would save the lock (some
/// 20 ns) and cost purging its certainty.
final class CacheStore: Sendable {
  private let shards: [Locked<CacheShard>]
  private let maxBytes: Atomic<Int>
  /// Bytes of responses that are being collected and are not stored yet.
  private let collecting = Atomic<Int>(0)
  /// Of large bodies; nil where the kernel gives none.
  let file = MemoryFile()

  init(_ settings: Configuration.CacheStore = Configuration.CacheStore()) {
    let budget = settings.maxObjectSize.bytes
    shards = (0..<Configuration.CacheStore.partCount).map { _ in Locked(CacheShard(budget: budget))
    }
    maxBytes = Atomic(settings.maxBytes.bytes)
  }

  /// After a reload.
  func apply(_ settings: Configuration.CacheStore) {
    if maxBytes.exchange(settings.maxBytes.bytes, ordering: .relaxed) == settings.maxBytes.bytes {
      return
    }
    for shard in shards { _ = shard.withLock { $0.setBudget(settings.maxObjectSize.bytes) } }
  }

  private func shard(_ key: CacheKey) -> Locked<CacheShard> { shard(group: key.group) }

  private func shard(group: UInt64) -> Locked<CacheShard> {
    shards[Int(truncatingIfNeeded: group >> 32) & (Configuration.CacheStore.partCount - 1)]
  }

  // MARK: The request path

  func find(_ key: CacheKey, _ matches: (CacheEntry) -> Bool) -> CacheEntry? {
    shard(key).withLock { $0.find(key.hash, matches) }
  }

  /// What a request that found nothing good does next.
  struct Boarding {
    var part: CacheShard.Part
    /// To be given to `insert`.
    var epoch: UInt64
    /// Responses to this key could not be stored lately.
    var isPassed: Bool
  }

  /// Joins the flight for this key, or begins one. Keys that are passed don't have any.
  func board(_ key: CacheKey, _ waiter: CacheFlight.Waiter?, now: MonotonicTime) -> Boarding {
    shard(key).withLock { shard in
      let isPassed = shard.isPassed(key.hash, now: now)
      return Boarding(
        part: isPassed ? .alone : shard.board(key.hash, waiter), epoch: shard.epoch,
        isPassed: isPassed)
    }
  }

  /// Lets everybody go on who waits.
  func land(_ flight: CacheFlight, of key: CacheKey) {
    let waiters = shard(key).withLock { $0.land(flight) }
    for waiter in waiters {
      waiter.mailbox.post { loop in
        (loop.handler(waiter.token) as? Exchange)?.unpark(use: waiter.use)
      }
    }
  }

  func pass(_ key: CacheKey, now: MonotonicTime) {
    shard(key).withLock { $0.pass(key.hash, now: now) }
  }

  /// Whether it is stored now.
  @discardableResult
  func insert(_ entry: CacheEntry, began epoch: UInt64, maxVariants: Int) -> Bool {
    let gone = shard(group: entry.key.group).withLock {
      $0.insert(entry, began: epoch, maxVariants: maxVariants)
    }
    return gone.first !== entry
  }

  func remove(_ entry: CacheEntry) {
    _ = shard(group: entry.key.group).withLock { $0.remove(entry) }
  }

  func invalidate(group: UInt64) {
    _ = shard(group: group).withLock { $0.invalidate(group: group) }
  }

  /// Asks for memory to collect a response in; a quarter of the budget may be used so.
  func reserve(_ bytes: Int) -> Bool {
    let limit = maxBytes.load(ordering: .relaxed) / 4
    if collecting.wrappingAdd(bytes, ordering: .relaxed).newValue <= limit { return true }
    release(bytes)
    return false
  }

  func release(_ bytes: Int) { collecting.wrappingSubtract(bytes, ordering: .relaxed) }

  // MARK: Purging and reading

  func purge(_ purge: CachePurge) -> Int {
    shards.reduce(0) { count, shard in
      count + shard.withLock { $0.purge { purge.means($0) } }.count
    }
  }

  var usage: CacheUsage {
    shards.reduce(into: CacheUsage(maxBytes: maxBytes.load(ordering: .relaxed))) { usage, shard in
      let (bytes, count) = shard.withLock { ($0.bytes, $0.count) }
      usage.bytes += bytes
      usage.entries += count
    }
  }
}

/// Which stored responses to forget.
public struct CachePurge: Equatable, Sendable {
  private enum Kind { case everything, url, prefix, tag }

  private let kind: Kind
  private let wanted: [UInt8]

  public static let everything = CachePurge(kind: .everything, wanted: [])

  /// `host[:port]/path[?query]`: all variants, for all consumers. The host's case does not matter, nor
  /// does a scheme in front of it. Nil without a host: that would be about nothing.
  public static func url(_ text: String) -> CachePurge? { named(.url, text) }

  /// What `url` would have to begin with; nil without a host, which would be about everything.
  public static func prefix(_ text: String) -> CachePurge? { named(.prefix, text) }

  /// What the target named in `Surrogate-Key` or `Cache-Tag`; nil when empty.
  public static func tag(_ text: String) -> CachePurge? {
    text.isEmpty ? nil : CachePurge(kind: .tag, wanted: Array(text.utf8))
  }

  private static func named(_ kind: Kind, _ text: String) -> CachePurge? {
    var rest = text[...]
    if let scheme = ["http://", "https://"].first(where: { rest.lowercased().hasPrefix($0) }) {
      rest = rest.dropFirst(scheme.count)
    }
    let host = rest.prefix { $0 != "/" && $0 != "?" }
    if host.isEmpty { return nil }
    rest = rest.dropFirst(host.count)
    // A URL without a path is that of the root.
    let root = kind == .url && rest.first != "/" ? "/" : ""
    return CachePurge(
      kind: kind, wanted: Array(host.lowercased().utf8) + Array(root.utf8) + Array(rest.utf8))
  }

  func means(_ entry: CacheEntry) -> Bool {
    switch kind {
    case .everything: true
    case .url: entry.key.bytes[..<entry.key.urlCount].elementsEqual(wanted)
    case .prefix: entry.key.bytes[..<entry.key.urlCount].starts(with: wanted)
    case .tag: entry.tags.contains(wanted)
    }
  }
}

/// How full the cache is.
public struct CacheUsage: Equatable, Sendable {
  public var bytes = 0
  public var entries = 0
  public var maxBytes: Int
}
