internal import SluiceWire

/// Texts that a path may begin with, and the routes of each: one walk along the path finds them all.
///
/// Radix trees in flat arrays, one for each `plant`. Built once, then only read; a look-up allocates
/// nothing. Its cost is the length of the path at most, and one binary search among at most 256
/// children for every fork on the way, whatever the number of texts.
struct StartTree: Sendable {
  struct Node: Sendable {
    /// How many bytes lead here from the root.
    var depth: Int32
    /// Those of them that the parent does not have, in `labels`.
    var label: ListRange
    /// In `nodes` and `firsts`, by their first byte.
    var children: ListRange = .empty
    /// Routes whose text ends here, as `RouteTables.candidates` has them; empty for a mere fork.
    var list: ListRange = .empty
    /// The nearest node above that has a list; -1 is none.
    var above: Int32 = -1
  }

  private(set) var nodes: [Node] = []
  /// The first byte of each node's label.
  private var firsts: [UInt8] = []
  private var labels: [UInt8] = []

  /// Adds a tree and returns its root; -1, if there is nothing to add.
  ///
  /// - Parameter texts: each once.
  mutating func plant(_ texts: [(text: [UInt8], list: ListRange)]) -> Int32 {
    if texts.isEmpty { return -1 }
    let sorted = texts.sorted { $0.text.lexicographicallyPrecedes($1.text) }
    let root = nodes.count
    append(Node(depth: 0, label: .empty), first: 0)
    // A queue and no recursion: texts may be nested as deep as they are long.
    var open = [(node: root, range: sorted.indices)]
    var next = 0
    while next < open.count {
      var (node, range) = open[next]
      next += 1
      let depth = Int(nodes[node].depth)
      // Who ends here sorts first.
      if sorted[range.lowerBound].text.count == depth {
        nodes[node].list = sorted[range.lowerBound].list
        range = range.dropFirst()
      }
      let above = nodes[node].list.isEmpty ? nodes[node].above : Int32(node)
      let firstChild = nodes.count
      while let start = range.first {
        let byte = sorted[start].text[depth]
        let end = range.first { sorted[$0].text[depth] != byte } ?? range.endIndex
        let reach = Self.common(sorted[start].text, sorted[end - 1].text)
        append(
          Node(
            depth: Int32(reach),
            label: ListRange(start: labels.count, count: reach - depth), above: above),
          first: byte)
        labels += sorted[start].text[depth..<reach]
        open.append((nodes.count - 1, start..<end))
        range = end..<range.endIndex
      }
      nodes[node].children = ListRange(start: firstChild, count: nodes.count - firstChild)
    }
    return Int32(root)
  }

  private mutating func append(_ node: Node, first: UInt8) {
    nodes.append(node)
    firsts.append(first)
  }

  private static func common(_ left: [UInt8], _ right: [UInt8]) -> Int {
    zip(left, right).prefix { $0 == $1 }.count
  }

  /// The node of the longest text that `path` begins with, from where `Node.above` leads to all shorter
  /// ones; -1, if it begins with none.
  func deepest(_ root: Int32, _ path: Span<UInt8>) -> Int32 {
    var found: Int32 = -1
    var index = root
    while index >= 0 {
      let node = nodes[Int(index)]
      if !node.list.isEmpty { found = index }
      let depth = Int(node.depth)
      guard depth < path.count else { break }
      index = child(of: node, path[depth])
      guard index >= 0 else { break }
      let next = nodes[Int(index)]
      guard path.count >= Int(next.depth),
        bytesEqual(
          labels.span.extracting(next.label.range), path.extracting(depth..<Int(next.depth)))
      else { break }
    }
    return found
  }

  private func child(of node: Node, _ byte: UInt8) -> Int32 {
    var range = node.children.range
    while !range.isEmpty {
      let middle = range.lowerBound &+ range.count / 2
      if firsts[middle] == byte { return Int32(truncatingIfNeeded: middle) }
      range =
        firsts[middle] < byte
        ? middle &+ 1..<range.upperBound : range.lowerBound..<middle
    }
    return -1
  }
}
