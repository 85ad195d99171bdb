extension Configuration {
  /// The memory in which every `cache` policy keeps its responses, shared by all workers.
  public struct CacheStore: Codable, Equatable, Sendable {
    /// For all responses with their heads, keys and bookkeeping.
    public var maxBytes = ByteCount.mebibytes(64)
    public init() {}

    /// The memory is divided among so many parts, each with a lock of its own.
    public static let partCount = 16

    /// What one response may take at most: it has to fit into a part.
    public var maxObjectSize: ByteCount { ByteCount(maxBytes.bytes / Self.partCount) }
  }
}

extension Configuration.CacheStore {
  static let schema = Schema(
    "CacheStore", of: Self(), "The memory in which every `cache` policy keeps its responses.",
    [
      Field(
        "maxBytes", .byteCount(.mebibytes(1)...(.mebibytes(1_048_576))),
        "For all responses with their heads, keys and bookkeeping; what was asked for least gives way."
      )
    ])
}
