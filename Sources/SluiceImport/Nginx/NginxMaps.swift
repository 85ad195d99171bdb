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
    var table = NginxMapTable()
    table.areHosts = block.contains { $0.name.text == "hostnames" && $0.arguments.isEmpty }
    for entry in block { add(entry, to: &table) }
    var entries: [DocumentNode.Entry] = [
      .init("from", .template(from), origin: definition.arguments[0].position)
    ]
    if !table.values.isEmpty { entries.append(.init("values", .map(table.values))) }
    let patterns = table.orderedWildcards.map(Self.pattern) + table.patterns
    if !patterns.isEmpty { entries.append(.init("patterns", .list(patterns))) }
    entries.append(.init("otherwise", table.otherwise))
    return .map(entries)
  }

  /// One line of a `map`.
  private func add(_ entry: NginxDirective, to table: inout NginxMapTable) {
    let key = entry.name.text
    if entry.arguments.isEmpty, key == "hostnames" || key == "volatile" { return }
    guard entry.arguments.count == 1 else {
      return error("a map's entry is a text and a value", at: entry.position)
    }
    let isRegex = key.hasPrefix("~")
    let ignoresCase = key.hasPrefix("~*")
    let regex = isRegex ? String(key.dropFirst(ignoresCase ? 2 : 1)) : ""
    var context = NginxVariableContext()
    if isRegex { context.constants = Self.groupReferences(in: regex) }
    // As a key of a limit it is the same.
    context.constants["binary_remote_addr"] = "${client.address}"
    guard let value = text(entry.arguments[0], context) else { return }
    let node = DocumentNode.template(value, origin: entry.arguments[0].position)
    if key == "default", !entry.name.isQuoted {
      table.otherwise = node
    } else if isRegex {
      guard let whole = wholeRegex(regex, ignoresCase: ignoresCase, at: entry.position) else {
        return
      }
      table.patterns.append(
        .map([.init("regex", .text(whole), origin: entry.position), .init("value", node)]))
    } else if table.areHosts, key.hasPrefix("*.") || key.hasPrefix(".") {
      let name = String(key.drop { $0 == "*" })
      if key.hasPrefix(".") { add(String(name.dropFirst()), node, entry.position, to: &table) }
      table.wildcards.append((name, false, node))
    } else if table.areHosts, key.hasSuffix(".*") {
      table.wildcards.append((String(key.dropLast()), true, node))
    } else {
      add(key.hasPrefix("\\") ? String(key.dropFirst()) : key, node, entry.position, to: &table)
    }
  }

  private func add(
    _ text: String, _ node: DocumentNode, _ origin: Origin, to table: inout NginxMapTable
  ) {
    guard table.keys.insert(text.lowercased()).inserted else {
      return error("the map has '\(text)' twice", at: origin)
    }
    table.values.append(.init(text, node, origin: origin))
  }

  private static func pattern(
    _ wildcard: (text: String, isStart: Bool, node: DocumentNode)
  ) -> DocumentNode {
    let literal = literalRegex(wildcard.text)
    let regex = wildcard.isStart ? "(?i)\(literal)(?s:.+)" : "(?i)(?s:.+)\(literal)"
    return .map([
      .init("regex", .text(regex), origin: wildcard.node.origin), .init("value", wildcard.node),
    ])
  }

  /// What a regular expression's groups are called in a value: by number and by name.
  static func groupReferences(in regex: String) -> [String: String] {
    var references: [String: String] = [:]
    for number in 1...9 { references["\(number)"] = "" }
    for (index, name) in NginxCondition.groupNames(in: regex).prefix(9).enumerated() {
      references["\(index + 1)"] = "$\(index + 1)"
      if let name { references[name] = "$\(index + 1)" }
    }
    return references
  }

  /// One for the whole text that matches where nginx's is found anywhere in it.
  func wholeRegex(_ regex: String, ignoresCase: Bool, at place: Origin) -> String? {
    guard RegexGroups.areClosed(regex) else {
      error("the groups of the regular expression do not match", at: place)
      return nil
    }
    return "(?s:.*?)\(ignoresCase ? "(?i:" : "(?:")\(regex))(?s:.*)"
  }

  /// One for this text.
  static func literalRegex(_ text: String) -> String {
    var result = ""
    for character in text {
      if character.isASCII, !character.isLetter, !character.isNumber { result += "\\" }
      result.append(character)
    }
    return result
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

/// The lines of a `map` by what they are.
private struct NginxMapTable {
  var areHosts = false
  var values: [DocumentNode.Entry] = []
  /// Those of `values`, in lower case.
  var keys: Set<String> = []
  var patterns: [DocumentNode] = []
  var wildcards: [(text: String, isStart: Bool, node: DocumentNode)] = []
  var otherwise = DocumentNode.text("")

  /// nginx's order: what ends so, the longest first, then what begins so, and only then expressions.
  var orderedWildcards: [(text: String, isStart: Bool, node: DocumentNode)] {
    wildcards.sorted { ($1.isStart ? 1 : 0, $0.text.count) > ($0.isStart ? 1 : 0, $1.text.count) }
  }
}
