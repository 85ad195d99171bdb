/// The blocks around a directive, the outermost first: http, server, location, location within it.
struct NginxScope {
  var levels: [[NginxDirective]]
  /// What is asked for as `proxy_…` is `grpc_…` here.
  var speaksGRPC = false

  /// Directives of a name as they are inherited: those of the innermost level that has any.
  func all(_ name: String) -> [NginxDirective] {
    let name = speaksGRPC && name.hasPrefix("proxy_") ? "grpc_\(name.dropFirst(6))" : name
    for level in levels.reversed() {
      let found = level.filter { $0.name.text == name }
      if !found.isEmpty { return found }
    }
    return []
  }

  func last(_ name: String) -> NginxDirective? { all(name).last }

  /// `on` or `off`.
  func isOn(_ name: String, default value: Bool = false) -> Bool {
    last(name).map { $0.words.first == "on" } ?? value
  }

  /// Directives of a name in the innermost block itself.
  func own(_ name: String) -> [NginxDirective] {
    levels.last?.filter { $0.name.text == name } ?? []
  }

  func inside(_ block: [NginxDirective]) -> NginxScope { NginxScope(levels: levels + [block]) }

  /// `auth_request`, and not `off`.
  var asksSomebody: Bool { last("auth_request").map { $0.words.first != "off" } ?? false }

  /// What leads to targets in the innermost block itself.
  var ownPass: NginxDirective? { own("proxy_pass").first ?? own("grpc_pass").first }
}

/// nginx's notations of times and sizes.
enum NginxValue {
  /// `ngx_parse_time`: units from the largest to the smallest, seconds without one; in milliseconds.
  static func milliseconds(_ text: String) -> Int64? {
    let units: [(String, Int64)] = [
      ("y", 31_536_000_000), ("M", 2_592_000_000), ("w", 604_800_000), ("d", 86_400_000),
      ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1),
    ]
    var total: Int64 = 0
    var rest = Substring(text)
    var next = 0
    guard !rest.isEmpty else { return nil }
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isASCII && $0.isNumber }
      rest = rest.dropFirst(digits.count)
      let suffix = rest.prefix { $0.isLetter }
      rest = rest.dropFirst(suffix.count).drop { $0 == " " }
      guard let count = Int64(digits) else { return nil }
      let index = suffix.isEmpty ? 6 : units.firstIndex { $0.0 == suffix }
      guard let index, index >= next, !suffix.isEmpty || rest.isEmpty else { return nil }
      next = index + 1
      let (product, overflow) = count.multipliedReportingOverflow(by: units[index].1)
      let (sum, overflowToo) = total.addingReportingOverflow(product)
      guard !overflow, !overflowToo else { return nil }
      total = sum
    }
    return total
  }

  /// As this gateway writes it; nil for what it can't be: nothing, or longer than 366 days.
  static func time(_ text: String) -> String? {
    guard let value = milliseconds(text), value > 0 else { return nil }
    let most: Int64 = 366 * 86_400_000
    return shown(min(value, most))
  }

  static func shown(_ milliseconds: Int64) -> String {
    for (suffix, unit) in [("h", Int64(3_600_000)), ("m", 60_000), ("s", 1_000)]
    where milliseconds % unit == 0 { return "\(milliseconds / unit)\(suffix)" }
    return "\(milliseconds)ms"
  }

  /// `ngx_parse_offset`, in bytes.
  static func bytes(_ text: String) -> Int? {
    let units: [Character: Int] = ["k": 1 << 10, "m": 1 << 20, "g": 1 << 30]
    guard let last = text.lowercased().last else { return nil }
    let unit = units[last]
    guard let count = Int(unit == nil ? text[...] : text.dropLast()), count >= 0 else { return nil }
    let (product, overflow) = count.multipliedReportingOverflow(by: unit ?? 1)
    return overflow ? nil : product
  }

  /// A size as this gateway writes it.
  static func shownBytes(_ bytes: Int) -> String {
    for (suffix, unit) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
    where bytes > 0 && bytes % unit == 0 { return "\(bytes / unit)\(suffix)" }
    return "\(bytes)B"
  }
}
