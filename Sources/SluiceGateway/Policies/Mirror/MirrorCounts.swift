import Synchronization

/// What became of the copies that policies make of requests.
public struct MirrorCounts: Equatable, Sendable {
  public var answered: UInt64 = 0
  /// No answer, or one with 5xx.
  public var failed: UInt64 = 0
  /// Not made: too many are under way.
  public var busy: UInt64 = 0
  /// Not made: the body is too large.
  public var tooLarge: UInt64 = 0
  /// Not made: the caller took too long to send the body.
  public var late: UInt64 = 0

  public init() {}
}

/// How many copies one place of the configuration has under way, over all workers.
final class MirrorPlaces: Sendable {
  private let taken = Atomic<Int>(0)

  /// Nil when there are `limit` already.
  func take(limit: Int) -> MirrorPlace? {
    if taken.wrappingAdd(1, ordering: .relaxed).newValue > limit {
      leave()
      return nil
    }
    return MirrorPlace(self)
  }

  fileprivate func leave() { taken.wrappingSubtract(1, ordering: .relaxed) }
}

/// One of these places, until nobody holds it any more.
final class MirrorPlace {
  private let places: MirrorPlaces

  fileprivate init(_ places: MirrorPlaces) { self.places = places }

  deinit { places.leave() }
}
