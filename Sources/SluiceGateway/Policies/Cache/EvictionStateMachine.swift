/// Which stored responses leave when memory is short: S3-FIFO (Yang et al., SOSP 2023).
///
/// ```
///               asked for again ┌────────────────────────────────────┐
///  new ──▶ small (a tenth) ─────┴─▶ main (the rest) ── asked for ────┘ behind the others again
///            │ not asked for          │ not asked for
///            ▼                        ▼
///          gone, remembered ──▶     gone
///          as a ghost; who comes back while it is one enters main at once
/// ```
///
/// Most of what is stored is asked for once and leaves soon, so that it can't push out what is asked
/// for often. A hit costs one store and moves nothing. Pure: it counts sizes and hands out places; what
/// lies in a place is its owner's.
struct EvictionStateMachine {
  private enum Queue: UInt8 { case none, small, main }

  private struct Place {
    var hash: UInt64 = 0
    var size = 0
    var queue = Queue.none
    /// Hits since it entered its queue, at most `mostHits`.
    var hits: UInt8 = 0
  }

  private static let mostHits: UInt8 = 3
  /// So many ghosts are kept at least, however few responses there are.
  private static let fewestGhosts = 64

  private(set) var budget: Int
  private(set) var bytes = 0
  private var smallBytes = 0
  private var places: [Place] = []
  private var free: [Int] = []
  private var small = SlotList()
  private var main = SlotList()
  /// What left `small` unasked for: by hash, when.
  private var ghosts: [UInt64: UInt64] = [:]
  /// The oldest first, from `firstGhost` on; one that came back has another time in `ghosts`.
  private var ghostOrder: [(hash: UInt64, time: UInt64)] = []
  private var firstGhost = 0
  private var time: UInt64 = 0

  init(budget: Int) { self.budget = budget }

  var count: Int { small.count + main.count }
  var placeCount: Int { places.count }

  mutating func setBudget(_ budget: Int) { self.budget = budget }

  /// A place for something new. Call `evict` until it answers nil afterwards.
  mutating func insert(hash: UInt64, size: Int) -> Int {
    let place = free.popLast() ?? places.count
    if place == places.count { places.append(Place()) }
    let isKnown = ghosts.removeValue(forKey: hash) != nil
    places[place] = Place(hash: hash, size: size, queue: isKnown ? .main : .small, hits: 0)
    bytes += size
    if isKnown {
      main.append(place)
    } else {
      small.append(place)
      smallBytes += size
    }
    return place
  }

  /// What is in this place was asked for.
  @inline(__always)
  mutating func touch(_ place: Int) {
    if places[place].hits < Self.mostHits { places[place].hits &+= 1 }
  }

  /// What is in this place leaves for another reason.
  mutating func remove(_ place: Int) {
    switch places[place].queue {
    case .none: return
    case .small:
      small.remove(place)
      smallBytes -= places[place].size
    case .main: main.remove(place)
    }
    bytes -= places[place].size
    places[place] = Place()
    free.append(place)
  }

  /// The place whose owner has to leave now; nil while all fits. The place is free already.
  mutating func evict() -> Int? {
    while bytes > budget {
      if let place = smallBytes * 10 > budget || main.isEmpty ? evictSmall() : evictMain() {
        return place
      }
    }
    return nil
  }

  private mutating func evictSmall() -> Int? {
    guard let place = small.first else { return evictMain() }
    if places[place].hits > 1 {
      small.remove(place)
      smallBytes -= places[place].size
      places[place].queue = .main
      places[place].hits = 0
      main.append(place)
      return nil
    }
    addGhost(places[place].hash)
    remove(place)
    return place
  }

  private mutating func evictMain() -> Int? {
    guard let place = main.first else { return nil }
    if places[place].hits > 0 {
      places[place].hits -= 1
      main.remove(place)
      main.append(place)
      return nil
    }
    remove(place)
    return place
  }

  private mutating func addGhost(_ hash: UInt64) {
    time += 1
    ghosts[hash] = time
    ghostOrder.append((hash, time))
    while ghostOrder.count - firstGhost > max(Self.fewestGhosts, main.count) {
      let oldest = ghostOrder[firstGhost]
      if ghosts[oldest.hash] == oldest.time { ghosts[oldest.hash] = nil }
      firstGhost += 1
    }
    // Amortised: as many are moved as were dropped.
    if firstGhost * 2 > ghostOrder.count {
      ghostOrder.removeFirst(firstGhost)
      firstGhost = 0
    }
  }
}
