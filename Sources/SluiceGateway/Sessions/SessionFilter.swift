public import SluiceWire

/// Which sessions a query is about; everything that is given must hold.
public struct SessionFilter: Sendable, Equatable {
  public var route: String?
  public var service: String?
  public var target: String?
  public var consumer: String?
  /// An address or a range.
  public var address: CIDR?
  public var labels: [String: String] = [:]
  /// Nanoseconds since it opened, and since anything passed.
  public var minAge: Int64?
  public var maxAge: Int64?
  public var idleFor: Int64?

  public init() {}
}
