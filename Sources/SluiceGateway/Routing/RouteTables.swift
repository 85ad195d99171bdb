/// The compiled host and path tables: flat arrays and integer indices.
///
/// A host leads to a level, a level to its exact paths (one hash look-up), its trie of segments for
/// prefixes and parameters, its regexes and its routes without a path, and to the next less
/// specific level. Lists hold route indices in order of precedence.
struct RouteTables: ~Copyable, Sendable {
  /// All routes for one host pattern.
  struct Level: Sendable {
    /// The trie's root.
    var root: Int32
    /// The next less specific level that covers the same hosts; -1 ends the chain.
    var fallback: Int32 = -1
    var hasLiteralPaths = false
    var starts: ListRange = .empty
    var regexes: ListRange = .empty
    var anyPath: ListRange = .empty
  }

  /// A point in the trie, reached by the segments on the way to it.
  struct Node: Sendable {
    /// The child for a segment `{name}`; -1 is none.
    var parameter: Int32 = -1
    var hasLiterals = false
    /// Whether an exact path with parameters ends here or below.
    var hasExact = false
    /// The best `prefixRank` here or below; -1 is none.
    var bestPrefix: Int32 = -1
    var exact: ListRange = .empty
    var exactSlash: ListRange = .empty
    var prefix: ListRange = .empty
    var prefixSlash: ListRange = .empty
  }

  /// Owners in `hosts`.
  static let exactHost: Int32 = 0
  static let wildcardHost: Int32 = 1

  var hosts: ByteTable
  /// The longest wildcard suffix in bytes; 0 when there is none.
  var longestSuffix = 0
  /// `levels[0]` is the one of routes without hosts.
  var levels: [Level]
  /// (level, whole path) → index in `pathLists`, or the `loneRoute` itself.
  var paths: ByteTable
  var pathLists: [ListRange]
  /// (node, segment) → node.
  var edges: ByteTable
  var nodes: [Node]
  /// What every `ListRange` here counts in: route indices.
  var candidates: [Int32]

  /// The value in `paths` of a path whose only route has no conditions; its own inverse. With
  /// thousands of routes in use, list, candidates and conditions would each be a miss of the
  /// processor's cache. -1 is no route.
  static func loneRoute(_ route: Int32) -> Int32 { -2 &- route }

  /// The most specific level for a host: exact, then the longest suffix, then the one of no hosts.
  ///
  /// One walk from the end of the host; cost is its length, whatever the number of hosts.
  func level(_ host: Span<UInt8>) -> Int {
    if hosts.isEmpty || host.isEmpty { return 0 }
    var end = host.count
    if host[end &- 1] == UInt8(ascii: ".") { end &-= 1 }
    var hash = HostHash()
    var found: Int32 = 0
    var at = end &- 1
    while at >= 0 {
      hash.append(host[at])
      // A wildcard stands for at least one byte, hence `at > 0`.
      if host[at] == UInt8(ascii: "."), at > 0, end &- at <= longestSuffix {
        let level = hosts.value(
          owner: Self.wildcardHost, hash: hash.value, key: host.extracting(at..<end), folding: true)
        if level >= 0 { found = level }
      }
      at &-= 1
    }
    let exact = hosts.value(
      owner: Self.exactHost, hash: hash.value, key: host.extracting(0..<end), folding: true)
    return Int(exact >= 0 ? exact : found)
  }
}
