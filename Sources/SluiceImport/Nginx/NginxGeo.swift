import SluiceConfiguration
import SluiceWire

/// `geo`: what an address stands for.
extension NginxBuilder {
  /// The lines of a `geo` by what they are.
  private struct GeoTable {
    var isByRanges = false
    var networks = NginxNetworks()
    var ranges = NginxRanges()
    var proxies: [String] = []
    var isRecursive = false
    var otherwise = ""
    var otherwiseOrigin: Origin?

    var entries: [DocumentNode.Entry] { isByRanges ? ranges.entries : networks.entries }

    /// What an address has that nothing is known of: nginx takes it for 255.255.255.255.
    var ofNoAddress: String {
      (isByRanges ? ranges.value(of: .max) : networks.valueOfLast) ?? otherwise
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
    if address != nil || listensOnSocket, table.ofNoAddress != table.otherwise {
      error(
        "nginx takes what is no address for 255.255.255.255, whose network has another value than the default; here it has the default",
        at: definition.position, hint: "leave 255.255.255.255 out of the networks")
    }
    let ranges = table.entries
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
    entries.append(.init("otherwise", .text(table.otherwise, origin: table.otherwiseOrigin)))
    return .map(entries)
  }

  private func add(_ entry: NginxDirective, to table: inout GeoTable) {
    let key = entry.name.text
    switch (key, entry.arguments.count) {
    case ("ranges", 0):
      if !table.networks.entries.isEmpty {
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
    case "default":
      (table.otherwise, table.otherwiseOrigin) = (value, entry.position)
      // The same to nginx; the last one counts.
      _ = table.networks.delete(NginxNetworks.everything)
    case "proxy":
      if let network = network(value, at: entry.position) { table.proxies.append(network) }
    case "delete": delete(value, of: &table, at: entry.position)
    default:
      if table.isByRanges {
        guard let (first, last) = range(key, at: entry.position) else { return }
        table.ranges.set(first, last, value, at: entry.position)
      } else if let network = network(key, at: entry.position) {
        table.networks.set(network, value, at: entry.position)
      }
    }
  }

  /// What is not there exactly as written stays, as in nginx.
  private func delete(_ text: String, of table: inout GeoTable, at place: Origin) {
    guard table.isByRanges else {
      guard let network = network(text, at: place) else { return }
      if network == NginxNetworks.everything {
        error("delete \(network) in geo can't be carried over", at: place, hint: "write a default")
      } else if !table.networks.delete(network) {
        warning("geo has no network '\(network)' to delete", at: place)
      }
      return
    }
    guard let (first, last) = range(text, at: place) else { return }
    switch table.ranges.delete(first, last) {
    case .deleted: break
    case .none: warning("geo has no range '\(text)' to delete", at: place)
    case .cut:
      error(
        "delete in geo for other addresses than those of one range can't be carried over",
        at: place, hint: "delete ranges as they are written")
    }
  }

  /// A network in one way to write it; nil, with a finding, for what is none.
  private func network(_ text: String, at place: Origin) -> String? {
    guard let (network, spelling) = CIDR.reading(text) else {
      error("'\(text)' is no network", at: place)
      return nil
    }
    if text.contains(":"),
      network.contains(CIDR.ofIPv4.first) || CIDR.ofIPv4.contains(network.first)
    {
      error(
        "a network of IPv6 with the addresses of IPv4 in it can't be carried over", at: place,
        hint: "write the default, or narrower ones")
      return nil
    }
    return spelling
  }

  /// Nil, with a finding, for what is none.
  private func range(_ text: String, at place: Origin) -> (UInt32, UInt32)? {
    let ends = text.split(separator: "-", omittingEmptySubsequences: false)
    guard ends.count == 2, let first = NginxIPv4.number(ends[0]),
      let last = NginxIPv4.number(ends[1]),
      first <= last
    else {
      error("'\(text)' is no range of IPv4 addresses", at: place)
      return nil
    }
    return (first, last)
  }
}

extension CIDR {
  /// A network as nginx takes it: bits behind the prefix mean nothing. The text is the same for all ways to
  /// write it.
  fileprivate static func reading(_ text: String) -> (network: CIDR, text: String)? {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2, let address = IPAddress(String(parts[0])) else { return nil }
    let isQuad = !parts[0].contains(":")
    let whole = isQuad ? 32 : 128
    var length = whole
    if parts.count == 2 {
      guard let given = Int(parts[1]), (0...whole).contains(given) else { return nil }
      length = given
    }
    let network = CIDR(address, prefixLength: isQuad ? 96 + length : length)
    return (network, length == whole ? "\(network.first)" : "\(network.first)/\(length)")
  }

  /// All of IPv4, as it is mapped.
  fileprivate static let ofIPv4 = CIDR(IPAddress(high: 0, low: 0xFFFF << 32), prefixLength: 96)
}
