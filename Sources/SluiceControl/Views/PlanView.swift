/// A plan as `sluice plan` prints it.
enum PlanView {
  static func text(_ plan: PlanContent) -> String {
    var text = ""
    for (kind, entities) in plan.entities.sorted(by: { $0.key < $1.key }) {
      text += "\(kind)\n"
      for name in entities.added { text += line("+", name, [], plan, kind) }
      for name in entities.removed { text += line("-", name, [], plan, kind) }
      for change in entities.changed {
        text += line("~", change.name, change.settings, plan, kind)
      }
    }
    if !plan.settings.isEmpty {
      text += "settings\n" + plan.settings.map { "  ~ \($0)\n" }.joined()
    }
    if text.isEmpty { text = "Nothing changes.\n" }
    let sessions = plan.sessions
    text +=
      "sessions: \(sessions.kept) kept, \(sessions.rechecked) re-checked, "
      + "\(sessions.closed) closed\n"
    for refusal in plan.refusals { text += "refused: \(refusal)\n" }
    return text
  }

  private static func line(
    _ sign: String, _ name: String, _ settings: [String], _ plan: PlanContent, _ kind: String
  ) -> String {
    var parts = ["  \(sign) \(name)"]
    if !settings.isEmpty { parts.append(settings.joined(separator: ", ")) }
    if kind == "routes", let sessions = plan.sessionsByRoute[name] {
      if sessions.rechecked > 0 { parts.append("(\(sessions.rechecked) sessions re-checked)") }
      if sessions.closed > 0 { parts.append("(\(sessions.closed) sessions closed)") }
    }
    return parts.joined(separator: "  ") + "\n"
  }
}
