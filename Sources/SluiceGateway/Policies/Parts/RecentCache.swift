import SluiceReactor

/// Remembers at most so many values, each until its time; what was not asked for lately goes first.
///
/// Two tables: what is found in the older one moves to the newer one, and when that is half of the size
/// the older one is thrown away. So nothing is ordered and nothing is swept.
struct RecentCache<Key: Hashable, Value> {
  private struct Entry {
    var value: Value
    var expires: MonotonicTime
  }

  private let half: Int
  private var newer: [Key: Entry] = [:]
  private var older: [Key: Entry] = [:]

  /// 0 remembers nothing.
  init(size: Int) { half = (size + 1) / 2 }

  mutating func value(_ key: Key, now: MonotonicTime) -> Value? {
    if let entry = newer[key] {
      if entry.expires > now { return entry.value }
      newer[key] = nil
      return nil
    }
    guard let entry = older.removeValue(forKey: key), entry.expires > now else { return nil }
    insert(entry, key)
    return entry.value
  }

  mutating func set(_ key: Key, _ value: Value, expires: MonotonicTime) {
    if half == 0 { return }
    insert(Entry(value: value, expires: expires), key)
  }

  mutating func removeAll() {
    newer = [:]
    older = [:]
  }

  var count: Int { newer.count + older.count }

  private mutating func insert(_ entry: Entry, _ key: Key) {
    if newer.count >= half {
      older = newer
      newer.removeAll(keepingCapacity: true)
    }
    newer[key] = entry
  }
}
