extension ExplanationReport {
  /// So many routes that did not match are listed.
  private static let shownOthers = 20

  /// For a person, in a few lines.
  public func text() -> String {
    var text = "\(method) \(url)\n"
    var rows: [(String, String)] = [("listener", listener)]
    if let host { rows.append(("host", host)) }
    if let path { rows.append(("path", path + (query.map { "?\($0)" } ?? ""))) }
    for (index, variable) in variables.enumerated() {
      let value = variable.value.map { "'\($0)'" } ?? "a regex gave up"
      rows.append((index == 0 ? "variables" : "", "\(variable.name): \(value)"))
    }
    if !unknown.isEmpty {
      let names = unknown.map { "${\($0)}" }.joined(separator: ", ")
      rows.append(("not known", "\(names): taken for empty in these"))
    }
    text += Self.table(rows) + "\n"
    for way in ways {
      let target = way.path + (way.query.map { "?\($0)" } ?? "")
      text += "route \(way.route) goes on inside, among \(way.internal)\n"
      text += Self.table([("as", target)]) + "\n"
    }
    text += outcome
    if !others.isEmpty {
      text += "\n" + (route == nil ? "routes\n" : "other routes\n")
      text += Self.table(others.prefix(Self.shownOthers).map { ($0.route, $0.text) })
      let hidden = others.count - Self.shownOthers
      if hidden > 0 { text += "  and \(hidden) more; --json lists all\n" }
    }
    return text
  }

  private var outcome: String {
    var text = ""
    if let route {
      text += "route \(route) (\(kind ?? ""))\n"
      var rows: [(String, String)] = []
      if let service { rows.append(("service", "\(service), \(balance ?? "")")) }
      for (index, target) in targets.enumerated() {
        var notes = target.weight == 1 ? [] : ["weight \(target.weight)"]
        if target.isBackup { notes.append("backup") }
        let note = notes.isEmpty ? "" : " (\(notes.joined(separator: ", ")))"
        rows.append((index == 0 ? "targets" : "", "\(target.url)\(note)"))
      }
      if !split.isEmpty {
        let shares = split.map { "\($0.service) \($0.weight)" }.joined(separator: ", ")
        rows.append(("split", shares))
      }
      let requested = Set(targets.map(\.requestTarget)).sorted()
      for (index, target) in requested.enumerated() {
        rows.append((index == 0 ? "they get" : "", "\(method) \(target)"))
      }
      for (index, policy) in policies.enumerated() {
        rows.append(
          (index == 0 ? "policies" : "", "\(policy.name) (\(policy.stage), \(policy.from))"))
      }
      if !failuresTo.isEmpty {
        rows.append(("failures", "may go on among \(failuresTo.joined(separator: ", "))"))
      }
      text += Self.table(rows)
    }
    if let answer {
      text +=
        (route == nil ? "" : "\n")
        + "the gateway answers \(answer.status) \(answer.code): \(answer.title)\n"
      if let detail = answer.detail { text += "  \(detail)\n" }
      if let allow = answer.allow { text += "  Allow: \(allow)\n" }
      if answer.code == "upgrade-required" {
        text += "  For a handshake add -H 'Connection: Upgrade' -H 'Upgrade: websocket'.\n"
      }
    }
    return text
  }

  /// Two columns, the first as wide as its widest entry.
  private static func table(_ rows: [(String, String)]) -> String {
    let width = rows.map(\.0.count).max() ?? 0
    return rows.map { name, value in
      "  \(name)\(String(repeating: " ", count: width - name.count))  \(value)\n"
    }.joined()
  }
}
