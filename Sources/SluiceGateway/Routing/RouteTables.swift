/// The compiled host and path tables: flat arrays and integer indices.
///
/// A host leads to a level, a level to its exact paths (one hash look-up), its trie of segments for
/// prefixes and parameters, its trees of starts and regexes and its routes without a path, and to the
/// next less specific level. Every route has a rank, its place in the order of precedence.
struct RouteTables: ~Copyable, Sendable {
  /// All routes for one host pattern.
  struct Level: Sendable {
    /// The trie's root.
    var root: Int32
    /// The next less specific level that covers the same hosts; -1 ends the chain.
    var fallback: Int32 = -1
    /// The least rank of all its routes.
    var best: Int32 = .max
    var hasLiteralPaths = false
    /// Roots in `starts`; -1 is none. Regexes are there by what they begin with.
    var starts: Int32 = -1
    var regexes: Int32 = -1
    var anyPath: ListRange = .empty
  }

  /// A route in a list.
  struct Candidate: Sendable {
    var route: Int32
    /// Its place in the order of precedence; lists are sorted by it.
    var rank: Int32
  }

  /// A point in the trie, reached by the segments on the way to it.
  struct Node: Sendable {
    /// The child for a segment `{name}`; -1 is none.
    var parameter: Int32 = -1
    var hasLiterals = false
    /// The least rank here and below.
    var best: Int32 = .max
    var exact: ListRange = .empty
    var exactSlash: ListRange = .empty
    var prefix: ListRange = .empty
    var prefixSlash: ListRange = .empty
  }

  /// Owners in `hosts`.
  static let exactHost: Int32 = 0
  static let wildcardHost: Int32 = 1
  static let startHost: Int32 = 2

  var hosts: ByteTable
  /// The longest wildcard suffix in bytes; 0 when there is none.
  var longestSuffix = 0
  /// The longest start of a host, as `name.*` has it; 0 when there is none.
  var longestStart = 0
  /// `levels[0]` is the one of routes without hosts.
  var levels: [Level]
  /// (level, whole path) → index in `pathLists`, or the `loneRoute` itself.
  var paths: ByteTable
  var pathLists: [ListRange]
  /// (node, segment) → node.
  var edges: ByteTable
  var nodes: [Node]
  var starts = StartTree()
  /// What every `ListRange` here counts in.
  var candidates: [Candidate] = []

  /// The value in `paths` of a path whose only route has no conditions; its own inverse. With
  /// thousands of routes in use, list, candidates and conditions would each be a miss of the
  /// processor's cache. -1 is no route.
  static func loneRoute(_ route: Int32) -> Int32 { -2 &- route }

  /// The most specific level for a host: exact, then the longest suffix, then the one of no hosts.
  ///
  /// One walk from the end of the host; cost is its length, whatever the number of hosts.
  func level(_ host: Span<UInt8>) -> Int {
    if hosts.isEmpty || host.isEmpty { return 0 }
    let end = HostPattern.length(host)
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

  /// The level of the longest `name.*` that covers a host; 0 when there is none.
  func startLevel(_ host: Span<UInt8>) -> Int {
    if longestStart == 0 || host.isEmpty { return 0 }
    let end = HostPattern.length(host)
    var hash = HostHash()
    var found = 0
    // Something has to follow the dot.
    for at in 0..<max(0, min(longestStart, end &- 1)) {
      hash.append(host[at])
      guard host[at] == UInt8(ascii: ".") else { continue }
      let level = hosts.value(
        owner: Self.startHost, hash: hash.value, key: host.extracting(0...at), folding: true)
      if level >= 0 { found = Int(level) }
    }
    return found
  }
}
