import SluiceConfiguration

extension NginxBuilder {
  /// The variable that a `map`, `geo` or `split_clients` sets; nil, with a finding, when it can't be
  /// carried over.
  func variable(_ definition: NginxDirective) -> DocumentNode? {
    switch definition.name.text {
    case "map": map(definition)
    case "geo": geo(definition)
    default: splitClients(definition)
    }
  }

  private func map(_ definition: NginxDirective) -> DocumentNode? {
    guard definition.arguments.count == 2, let block = definition.block,
      let from = text(definition.arguments[0], NginxVariableContext())
    else { return nil }
    var values: [DocumentNode.Entry] = []
    var patterns: [DocumentNode] = []
    var otherwise = DocumentNode.text("")
    for entry in block {
      let key = entry.name.text
      if key == "hostnames" {
        error("a map of host names can't be carried over", at: entry.position)
        continue
      }
      if key == "volatile" { continue }
      guard entry.arguments.count == 1,
        let value = text(entry.arguments[0], NginxVariableContext())
      else {
        if entry.arguments.count != 1 {
          error("a map's entry is a text and a value", at: entry.position)
        }
        continue
      }
      let node = DocumentNode.template(value, origin: entry.arguments[0].position)
      if key == "default", !entry.name.isQuoted {
        otherwise = node
      } else if key.hasPrefix("~") {
        let ignoresCase = key.hasPrefix("~*")
        let regex = String(key.dropFirst(ignoresCase ? 2 : 1))
        if !NginxCondition.groups(in: regex).isEmpty, entry.words[0].contains("$") {
          error("what a map's expression captures can't be carried over", at: entry.position)
        }
        patterns.append(
          .map([
            .init(
              "regex",
              .text("(?s:.*?)\(ignoresCase ? "(?i:" : "(?:")\(regex))(?s:.*)"),
              origin: entry.position), .init("value", node),
          ]))
      } else {
        let text = key.hasPrefix("\\") ? String(key.dropFirst()) : key
        if values.contains(where: { $0.key.lowercased() == text.lowercased() }) {
          error("the map has '\(text)' twice", at: entry.position)
          continue
        }
        values.append(.init(text, node, origin: entry.position))
      }
    }
    var entries: [DocumentNode.Entry] = [
      .init("from", .template(from), origin: definition.arguments[0].position)
    ]
    if !values.isEmpty { entries.append(.init("values", .map(values))) }
    if !patterns.isEmpty { entries.append(.init("patterns", .list(patterns))) }
    entries.append(.init("otherwise", otherwise))
    return .map(entries)
  }

  private func geo(_ definition: NginxDirective) -> DocumentNode? {
    guard definition.arguments.count == 1, let block = definition.block else {
      error("geo is carried over for the caller's address only", at: definition.position)
      return nil
    }
    var ranges: [DocumentNode.Entry] = []
    var otherwise = DocumentNode.text("")
    for entry in block {
      guard entry.arguments.count == 1, let value = entry.words.first, !value.contains("$") else {
        error("geo's entry is a range and a text", at: entry.position)
        continue
      }
      switch entry.name.text {
      case "default": otherwise = .text(value, origin: entry.position)
      case "ranges", "proxy", "proxy_recursive", "delete":
        error("'\(entry.name.text)' in geo can't be carried over", at: entry.position)
      default: ranges.append(.init(entry.name.text, .text(value), origin: entry.position))
      }
    }
    var entries: [DocumentNode.Entry] = []
    if !ranges.isEmpty { entries.append(.init("ranges", .map(ranges))) }
    entries.append(.init("otherwise", otherwise))
    return .map(entries)
  }

  private func splitClients(_ definition: NginxDirective) -> DocumentNode? {
    guard definition.arguments.count == 2, let block = definition.block,
      let from = text(definition.arguments[0], NginxVariableContext())
    else { return nil }
    var shares: [DocumentNode] = []
    var otherwise = DocumentNode.text("")
    for entry in block {
      guard entry.arguments.count == 1, let value = text(entry.arguments[0], NginxVariableContext())
      else { continue }
      let node = DocumentNode.template(value, origin: entry.position)
      if entry.name.text == "*" {
        otherwise = node
        continue
      }
      guard entry.name.text.hasSuffix("%"), let share = Self.hundredths(entry.name.text.dropLast()),
        (1...10_000).contains(share)
      else {
        error("'\(entry.name.text)' is no percentage", at: entry.position)
        continue
      }
      shares.append(.map([.init("share", .integer(share)), .init("value", node)]))
    }
    var entries: [DocumentNode.Entry] = [.init("from", .template(from))]
    if !shares.isEmpty { entries.append(.init("shares", .list(shares))) }
    entries.append(.init("otherwise", otherwise))
    return .map(entries)
  }

  /// `12.5` is 1250.
  private static func hundredths(_ text: Substring) -> Int? {
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard let whole = Int(parts[0]), (0...100).contains(whole) else { return nil }
    if parts.count == 1 { return whole * 100 }
    guard parts[1].count <= 2, let rest = Int(parts[1]), rest >= 0 else { return nil }
    return whole * 100 + (parts[1].count == 1 ? rest * 10 : rest)
  }
}
