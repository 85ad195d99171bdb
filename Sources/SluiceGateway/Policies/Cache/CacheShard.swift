import SluiceReactor

/// One part of the cache: what lies in it, what is being fetched for it, what was invalidated.
///
/// Everything here is done under the part's lock and does no more than look up and link; what leaves is
/// handed to the caller, so that memory is given back outside.
struct CacheShard {
  private struct Place {
    var entry: CacheEntry?
    /// The next entry with the same hash: another variant.
    var next = -1
  }

  private var eviction: EvictionStateMachine
  private var places: [Place] = []
  /// The first place by hash.
  private var first: [UInt64: Int] = [:]
  /// How many entries have this host and path.
  private var groups: [UInt64: Int] = [:]
  private var flights: [UInt64: CacheFlight] = [:]
  /// What was invalidated lately, by group, so that what was asked for before is not stored after.
  private var invalidations: [UInt64: UInt64] = [:]
  private var invalidationCount: UInt64 = 0
  /// What was asked for before this count is not stored, whatever it is.
  private var invalidationFloor: UInt64 = 0
  /// Keys whose responses can't be stored, until when; requests for them don't wait for each other.
  private var passes: [UInt64: MonotonicTime] = [:]

  private static let mostInvalidations = 1_024
  private static let mostPasses = 4_096
  private static let passNanoseconds: Int64 = 10_000_000_000

  init(budget: Int) { eviction = EvictionStateMachine(budget: budget) }

  var bytes: Int { eviction.bytes }
  var count: Int { eviction.count }

  // MARK: Finding

  /// The first entry of this hash that `matches`.
  mutating func find(_ hash: UInt64, _ matches: (CacheEntry) -> Bool) -> CacheEntry? {
    guard var place = first[hash] else { return nil }
    while place >= 0 {
      if let entry = places[place].entry, matches(entry) {
        eviction.touch(place)
        return entry
      }
      place = places[place].next
    }
    return nil
  }

  func isPassed(_ hash: UInt64, now: MonotonicTime) -> Bool {
    guard let until = passes[hash] else { return false }
    return until > now
  }

  mutating func pass(_ hash: UInt64, now: MonotonicTime) {
    if passes.count >= Self.mostPasses {
      passes = passes.filter { $0.value > now }
      if passes.count >= Self.mostPasses { passes.removeAll(keepingCapacity: true) }
    }
    passes[hash] = now.advanced(byNanoseconds: Self.passNanoseconds)
  }

  // MARK: Storing

  /// Counts invalidations: what is stored says with which count it began.
  var epoch: UInt64 { invalidationCount }

  /// Returns what left for it; `entry` itself when it may not come in.
  mutating func insert(_ entry: CacheEntry, began epoch: UInt64, maxVariants: Int) -> [CacheEntry] {
    let group = entry.key.group
    if epoch < invalidationFloor || (invalidations[group] ?? 0) > epoch { return [entry] }
    passes[entry.key.hash] = nil
    var gone: [CacheEntry] = []
    var variants = 0
    var oldest = -1
    var place = first[entry.key.hash] ?? -1
    while place >= 0 {
      let next = places[place].next
      if let other = places[place].entry, other.key.bytes == entry.key.bytes {
        if other.variances == entry.variances {
          gone.append(remove(place))
        } else {
          variants += 1
          oldest = place
        }
      }
      place = next
    }
    // New ones stand in front, so the last is the oldest.
    if variants >= maxVariants { gone.append(remove(oldest)) }
    link(entry)
    while let place = eviction.evict() { gone.append(unlink(place)) }
    return gone
  }

  private mutating func link(_ entry: CacheEntry) {
    let hash = entry.key.hash
    let place = eviction.insert(hash: hash, size: entry.size)
    while places.count <= place { places.append(Place()) }
    places[place] = Place(entry: entry, next: first[hash] ?? -1)
    first[hash] = place
    groups[entry.key.group, default: 0] += 1
  }

  private mutating func remove(_ place: Int) -> CacheEntry {
    eviction.remove(place)
    return unlink(place)
  }

  /// The place is free in `eviction` already.
  private mutating func unlink(_ place: Int) -> CacheEntry {
    guard let entry = places[place].entry else { preconditionFailure("an empty place") }
    let hash = entry.key.hash
    if first[hash] == place {
      first[hash] = places[place].next < 0 ? nil : places[place].next
    } else if var before = first[hash] {
      while places[before].next != place { before = places[before].next }
      places[before].next = places[place].next
    }
    places[place] = Place()
    let rest = (groups[entry.key.group] ?? 1) - 1
    groups[entry.key.group] = rest == 0 ? nil : rest
    return entry
  }

  mutating func setBudget(_ budget: Int) -> [CacheEntry] {
    eviction.setBudget(budget)
    var gone: [CacheEntry] = []
    while let place = eviction.evict() { gone.append(unlink(place)) }
    return gone
  }

  // MARK: Invalidating

  /// Takes out what has this host and path. Nothing is looked through when nothing has.
  mutating func invalidate(group: UInt64) -> [CacheEntry] {
    invalidationCount += 1
    if invalidations.count >= Self.mostInvalidations {
      invalidations.removeAll(keepingCapacity: true)
      invalidationFloor = invalidationCount
    }
    invalidations[group] = invalidationCount
    if groups[group] == nil { return [] }
    return removeAll { $0.key.group == group }
  }

  /// Takes out what is meant; what is being fetched is not stored, because it may be meant, too.
  mutating func purge(_ isMeant: (CacheEntry) -> Bool) -> [CacheEntry] {
    invalidationCount += 1
    invalidationFloor = invalidationCount
    invalidations.removeAll(keepingCapacity: true)
    return removeAll(isMeant)
  }

  /// Takes out one entry, if it is still there.
  mutating func remove(_ entry: CacheEntry) -> [CacheEntry] {
    var place = first[entry.key.hash] ?? -1
    while place >= 0 {
      if places[place].entry === entry { return [remove(place)] }
      place = places[place].next
    }
    return []
  }

  private mutating func removeAll(_ isMeant: (CacheEntry) -> Bool) -> [CacheEntry] {
    var gone: [CacheEntry] = []
    for place in places.indices {
      if let entry = places[place].entry, isMeant(entry) { gone.append(remove(place)) }
    }
    return gone
  }

  // MARK: Flights

  /// Who fetches what others wait for, and who goes alone.
  enum Part {
    case leads(CacheFlight)
    case waits
    case alone
  }

  /// `waiter` is nil for who does not want to wait.
  mutating func board(_ hash: UInt64, _ waiter: CacheFlight.Waiter?) -> Part {
    guard let flight = flights[hash] else {
      let flight = CacheFlight(hash: hash)
      flights[hash] = flight
      return .leads(flight)
    }
    guard let waiter, flight.waiters.count < CacheFlight.mostWaiters else { return .alone }
    flight.waiters.append(waiter)
    return .waits
  }

  /// The flight is over: who waited for it.
  mutating func land(_ flight: CacheFlight) -> [CacheFlight.Waiter] {
    if flights[flight.hash] === flight { flights[flight.hash] = nil }
    defer { flight.waiters = [] }
    return flight.waiters
  }
}

// SAFETY: `waiters` is touched under the lock of its part of the cache only.
/// A request to a target that others wait for.
final class CacheFlight: @unchecked Sendable {
  struct Waiter: Sendable {
    let mailbox: Mailbox
    let token: HandlerToken
    let use: UInt64
  }

  let hash: UInt64
  fileprivate var waiters: [Waiter] = []

  /// More go to the target themselves: whoever leaves while waiting stays in the list till the end.
  static let mostWaiters = 16_384

  init(hash: UInt64) { self.hash = hash }
}
