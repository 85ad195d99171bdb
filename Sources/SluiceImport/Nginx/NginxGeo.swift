import SluiceConfiguration
import SluiceWire

/// `geo`: what an address stands for.
extension NginxBuilder {
  /// The lines of a `geo` by what they are.
  private struct GeoTable {
    var isByRanges = false
    /// In the order in which they came first; nil for those that were deleted.
    private(set) var networks: [DocumentNode.Entry?] = []
    private var places: [String: Int] = [:]
    var proxies: [String] = []
    var isRecursive = false
    var otherwise = DocumentNode.text("")

    var ranges: [DocumentNode.Entry] { networks.compactMap(\.self) }

    /// The last one of a network counts.
    mutating func set(_ network: String, _ value: DocumentNode, at place: Origin) {
      if let index = places[network] {
        networks[index]?.value = value
      } else {
        places[network] = networks.count
        networks.append(.init(network, value, origin: place))
      }
    }

    /// False where there is none.
    mutating func delete(_ network: String) -> Bool {
      guard let index = places.removeValue(forKey: network) else { return false }
      networks[index] = nil
      return true
    }
  }

  /// More ranges than a file may have, and each is compared on its own.
  private static let mostGeoRanges = 10_000

  func geo(_ definition: NginxDirective) -> DocumentNode? {
    guard (1...2).contains(definition.arguments.count), let block = definition.block else {
      error("geo takes a variable, or an address and a variable", at: definition.position)
      return nil
    }
    var address: String?
    if definition.arguments.count == 2, definition.words[0] != "$remote_addr" {
      guard let text = text(definition.arguments[0], NginxVariableContext()) else { return nil }
      address = text
    }
    var table = GeoTable()
    for entry in block { add(entry, to: &table) }
    let ranges = table.ranges
    guard ranges.count <= Self.mostGeoRanges else {
      error(
        "geo has more than \(Self.mostGeoRanges) networks", at: definition.position,
        hint: "write wider ones")
      return nil
    }
    var entries: [DocumentNode.Entry] = []
    if let address {
      entries.append(
        .init("address", .template(address), origin: definition.arguments[0].position))
    }
    if !table.proxies.isEmpty { entries.append(.init("proxies", .texts(table.proxies))) }
    if table.isRecursive { entries.append(.init("recursive", .boolean(true))) }
    if !ranges.isEmpty { entries.append(.init("ranges", .map(ranges))) }
    entries.append(.init("otherwise", table.otherwise))
    return .map(entries)
  }

  private func add(_ entry: NginxDirective, to table: inout GeoTable) {
    let key = entry.name.text
    switch (key, entry.arguments.count) {
    case ("ranges", 0):
      if !table.networks.isEmpty {
        error("'ranges' in geo comes before all networks", at: entry.position)
      }
      table.isByRanges = true
      return
    case ("proxy_recursive", 0):
      table.isRecursive = true
      return
    default: break
    }
    guard entry.arguments.count == 1, let value = entry.words.first, !value.contains("$") else {
      return error("geo's entry is a range and a text", at: entry.position)
    }
    switch key {
    case "default": table.otherwise = .text(value, origin: entry.position)
    case "proxy":
      for network in networks(value, table.isByRanges, at: entry.position) {
        table.proxies.append(network)
      }
    case "delete":
      for network in networks(value, table.isByRanges, at: entry.position) {
        if !table.delete(network) {
          warning("geo has no network '\(network)' to delete", at: entry.position)
        }
      }
    default:
      for network in networks(key, table.isByRanges, at: entry.position) {
        table.set(network, .text(value, origin: entry.position), at: entry.position)
      }
    }
  }

  /// The networks that a key stands for; none, with a finding, for what is none.
  private func networks(_ text: String, _ isRange: Bool, at place: Origin) -> [String] {
    guard isRange, text.contains("-") else {
      if let network = CIDR.text(text) { return [network] }
      error("'\(text)' is no network", at: place)
      return []
    }
    let ends = text.split(separator: "-", omittingEmptySubsequences: false)
    guard ends.count == 2, let first = NginxIPv4.number(ends[0]),
      let last = NginxIPv4.number(ends[1]),
      first <= last
    else {
      error("'\(text)' is no range of IPv4 addresses", at: place)
      return []
    }
    return NginxIPv4.networks(from: first, through: last)
  }
}

extension CIDR {
  /// A network as nginx takes it: bits behind the prefix mean nothing.
  fileprivate static func text(_ text: String) -> String? {
    if CIDR(text) != nil { return text }
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let length = Int(parts[1]), let address = IPAddress(String(parts[0]))
    else { return nil }
    let isQuad = !parts[0].contains(":")
    guard (0...(isQuad ? 32 : 128)).contains(length) else { return nil }
    let network = CIDR(address, prefixLength: isQuad ? 96 + length : length)
    return "\(network.first)/\(length)"
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
