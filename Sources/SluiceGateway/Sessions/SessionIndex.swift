import SluiceReactor

/// The links of one session in its registry: places in the loop instead of references, because a
/// million sessions pay for them.
struct SessionLinks {
  static let none = UInt32.max

  struct Pair {
    var next = SessionLinks.none
    var previous = SessionLinks.none
  }

  enum Ring { case route, consumer, address }

  var idNext = SessionLinks.none
  private var route = Pair()
  private var consumer = Pair()
  private var address = Pair()

  /// A key path would say the same and cost each handshake a hundred times as much.
  subscript(ring: Ring) -> Pair {
    get {
      switch ring {
      case .route: route
      case .consumer: consumer
      case .address: address
      }
    }
    set {
      switch ring {
      case .route: route = newValue
      case .consumer: consumer = newValue
      case .address: address = newValue
      }
    }
  }
}

/// The sessions that share something, as rings through the sessions themselves: joining and leaving
/// cost the same for one as for a million. One worker's.
struct SessionIndex<Key: Hashable> {
  private struct Ring {
    var first: UInt32
    var count: Int
  }

  private var rings: [Key: Ring] = [:]
  private let link: SessionLinks.Ring

  init(_ link: SessionLinks.Ring) { self.link = link }

  func count(of key: Key) -> Int { rings[key]?.count ?? 0 }

  /// Looks the key up once, like `remove`: its hash is most of what either costs.
  mutating func insert(_ session: Session, _ key: Key) {
    Self.join(&rings[key, default: Ring(first: SessionLinks.none, count: 0)], session, link)
  }

  private static func join(_ ring: inout Ring, _ session: Session, _ link: SessionLinks.Ring) {
    let place = session.place
    guard let first = Session.at(ring.first, in: session.loop) else {
      session.links[link] = SessionLinks.Pair(next: place, previous: place)
      ring = Ring(first: place, count: 1)
      return
    }
    let lastPlace = first.links[link].previous
    session.links[link] = SessionLinks.Pair(next: ring.first, previous: lastPlace)
    Session.at(lastPlace, in: session.loop)?.links[link].next = place
    first.links[link].previous = place
    ring.count += 1
  }

  mutating func remove(_ session: Session, _ key: Key) {
    guard let index = rings.index(forKey: key) else { return }
    let ring = rings.values[index]
    let pair = session.links[link]
    if ring.count == 1 {
      rings.remove(at: index)
      return
    }
    Session.at(pair.previous, in: session.loop)?.links[link].next = pair.next
    Session.at(pair.next, in: session.loop)?.links[link].previous = pair.previous
    let first = ring.first == session.place ? pair.next : ring.first
    rings.values[index] = Ring(first: first, count: ring.count - 1)
  }

  /// The place of the oldest one and how many there are.
  func start(of key: Key) -> (first: UInt32, count: Int)? {
    rings[key].map { ($0.first, $0.count) }
  }

  func next(after session: Session) -> UInt32 { session.links[link].next }
}
