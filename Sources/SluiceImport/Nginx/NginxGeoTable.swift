import SluiceConfiguration
import SluiceWire

/// The networks of a `geo`, of which the narrowest counts.
struct NginxNetworks {
  /// All of IPv4, which a default is, too.
  static let everything = "0.0.0.0/0"

  /// In the order in which they came first; nil for those that were deleted.
  private var all: [DocumentNode.Entry?] = []
  private var places: [String: Int] = [:]
  /// Those that hold 255.255.255.255, by their lengths.
  private var ofLast: [Int: String] = [:]

  var entries: [DocumentNode.Entry] { all.compactMap(\.self) }

  /// What 255.255.255.255 has; nil for nothing of its own.
  var valueOfLast: String? { ofLast.max { $0.key < $1.key }?.value }

  /// The last one of a network counts.
  ///
  /// - Parameter network: has one way to be written.
  mutating func set(_ network: String, _ value: String, at place: Origin) {
    let node = DocumentNode.text(value, origin: place)
    if let index = places[network] {
      all[index]?.value = node
    } else {
      places[network] = all.count
      all.append(.init(network, node, origin: place))
    }
    if let length = Self.lengthWithLast(network) { ofLast[length] = value }
  }

  /// False where there is none.
  mutating func delete(_ network: String) -> Bool {
    guard let index = places.removeValue(forKey: network) else { return false }
    all[index] = nil
    if let length = Self.lengthWithLast(network) { ofLast[length] = nil }
    return true
  }

  /// Nil for a network without 255.255.255.255.
  private static func lengthWithLast(_ network: String) -> Int? {
    guard !network.contains(":"), let network = CIDR(network),
      network.last == IPAddress("255.255.255.255")
    else { return nil }
    return network.prefixLength
  }
}

/// The ranges of a `geo`, of which the last one counts: nginx cuts what is there before.
struct NginxRanges {
  private struct Range {
    var first: UInt32
    var last: UInt32
    var value: String
    var origin: Origin
  }

  enum Deletion {
    case deleted
    /// There is none with just these addresses, and nothing is changed.
    case none
    /// What nginx does depends on how it keeps them.
    case cut
  }

  /// In the order of their addresses, none in another.
  private var all: [Range] = []

  var isEmpty: Bool { all.isEmpty }

  var entries: [DocumentNode.Entry] {
    all.flatMap { range in
      NginxIPv4.networks(from: range.first, through: range.last).map {
        .init($0, .text(range.value, origin: range.origin), origin: range.origin)
      }
    }
  }

  func value(of address: UInt32) -> String? {
    let places = places(address, address)
    return places.isEmpty ? nil : all[places.lowerBound].value
  }

  mutating func set(_ first: UInt32, _ last: UInt32, _ value: String, at place: Origin) {
    let places = places(first, last)
    var pieces = [Range(first: first, last: last, value: value, origin: place)]
    if let before = all[places].first, before.first < first {
      var piece = before
      piece.last = first - 1
      pieces.insert(piece, at: 0)
    }
    if let behind = all[places].last, behind.last > last {
      var piece = behind
      piece.first = last + 1
      pieces.append(piece)
    }
    all.replaceSubrange(places, with: pieces)
  }

  /// nginx keeps them in pieces of 65,536 addresses, and deletes each piece that is just the same.
  mutating func delete(_ first: UInt32, _ last: UInt32) -> Deletion {
    let places = places(first, last)
    if places.count == 1, all[places.lowerBound].first == first, all[places.lowerBound].last == last
    {
      all.remove(at: places.lowerBound)
      return .deleted
    }
    let isOnePiece =
      first >> 16 == last >> 16
      && all[places].allSatisfy { $0.first >> 16 == first >> 16 && $0.last >> 16 == first >> 16 }
    return places.isEmpty || isOnePiece ? .none : .cut
  }

  /// Where those stand that have one of these addresses; empty, where they would stand, for none.
  private func places(_ first: UInt32, _ last: UInt32) -> Swift.Range<Int> {
    let start = index { $0.last >= first }
    return start..<max(start, index { $0.first > last })
  }

  /// Of the first one that fits, where all behind it do.
  private func index(_ fits: (Range) -> Bool) -> Int {
    var (low, high) = (0, all.count)
    while low < high {
      let middle = (low + high) / 2
      if fits(all[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}

/// IPv4 addresses as numbers.
enum NginxIPv4 {
  static func number(_ text: Substring) -> UInt32? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var number: UInt32 = 0
    for part in parts {
      guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy({ (48...57).contains($0) }),
        let byte = UInt8(part)
      else { return nil }
      number = number << 8 | UInt32(byte)
    }
    return number
  }

  static func text(_ number: UInt32) -> String {
    [24, 16, 8, 0].map { "\(number >> $0 & 255)" }.joined(separator: ".")
  }

  /// The fewest networks that are exactly a range: 62 at most.
  static func networks(from first: UInt32, through last: UInt32) -> [String] {
    var networks: [String] = []
    var next = UInt64(first)
    while next <= UInt64(last) {
      // As wide as the address allows, and no wider than what is left.
      var bits = next == 0 ? 32 : min(32, next.trailingZeroBitCount)
      while next + (1 << UInt64(bits)) - 1 > UInt64(last) { bits -= 1 }
      networks.append("\(text(UInt32(next)))/\(32 - bits)")
      next += 1 << UInt64(bits)
    }
    return networks
  }
}
