/// A length of time as configuration writes it: `250ms`, `7s`, `1m30s`, `24h`.
public struct Timespan: Equatable, Hashable, Comparable, Sendable {
  public var nanoseconds: Int64

  public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }
  public static func milliseconds(_ count: Int64) -> Timespan {
    Timespan(nanoseconds: count * 1_000_000)
  }
  public static func seconds(_ count: Int64) -> Timespan {
    Timespan(nanoseconds: count * 1_000_000_000)
  }
  public static func < (left: Timespan, right: Timespan) -> Bool {
    left.nanoseconds < right.nanoseconds
  }
}

/// A number of bytes as configuration writes it: `512`, `64KiB`, `10MB`.
public struct ByteCount: Equatable, Hashable, Comparable, Sendable {
  public var bytes: Int

  public init(_ bytes: Int) { self.bytes = bytes }
  public static func kibibytes(_ count: Int) -> ByteCount { ByteCount(count * 1_024) }
  public static func mebibytes(_ count: Int) -> ByteCount { ByteCount(count * 1_048_576) }
  public static func < (left: ByteCount, right: ByteCount) -> Bool { left.bytes < right.bytes }
}
