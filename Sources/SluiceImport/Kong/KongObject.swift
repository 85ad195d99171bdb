import SluiceConfiguration

/// What reading one Kong file has found, shared by all of its objects.
final class KongReport {
  let file: String
  var diagnostics = ConversionDiagnostics()

  init(file: String) { self.file = file }

  func origin(_ position: Position) -> Origin {
    Origin(file: file, line: position.line, column: position.column)
  }

  func error(_ message: String, at origin: Origin, hint: String? = nil) {
    diagnostics.error(message, at: origin, hint: hint)
  }

  func warning(_ message: String, at origin: Origin, hint: String? = nil) {
    diagnostics.warning(message, at: origin, hint: hint)
  }
}

/// One map of a Kong file, read field by field; what nobody asked for is unknown and an error.
final class KongObject {
  let node: SourceNode
  /// For messages: `route time`.
  let title: String
  let origin: Origin
  let report: KongReport
  private var asked: Set<String> = []

  init(_ node: SourceNode, title: String, origin: Origin? = nil, report: KongReport) {
    self.node = node
    self.title = title
    self.origin = origin ?? report.origin(node.position)
    self.report = report
    if case .mapping = node.content { return }
    if !node.isNull { report.error("\(title): it must be a map", at: self.origin) }
  }

  // MARK: Fields

  /// The value of a field that is there and not null.
  func value(_ key: String) -> SourceNode? {
    asked.insert(key)
    guard let value = node[key], !value.isNull else { return nil }
    return value
  }

  func has(_ key: String) -> Bool { value(key) != nil }

  /// Where the field stands; the object, if it has none.
  func origin(of key: String) -> Origin {
    node.entry(key).map { report.origin($0.keyPosition) } ?? origin
  }

  func text(_ key: String) -> KongText? {
    value(key).flatMap { text(of: $0, key) }
  }

  func text(of value: SourceNode, _ key: String) -> KongText? {
    guard case .scalar(let scalar) = value.content else {
      wrong(value, key, "a text")
      return nil
    }
    switch KongText.parse(scalar.text, origin: report.origin(value.position)) {
    case .success(let text): return text
    case .failure(let problem):
      report.error("\(title): \(key): \(problem.reason)", at: report.origin(value.position))
      return nil
    }
  }

  /// A key or a password. One that looks as if something were to fill it in first is a warning: who starts
  /// without that has a secret that everybody can guess.
  func secret(_ key: String) -> KongText? {
    let text = text(key)
    if let text, !text.isReference, KongText.isPlaceholder(text.text) {
      report.warning(
        "\(title): \(key) is these very characters, in Kong, too, and not the value of a variable",
        at: text.origin, hint: "fill it in before, or write {vault://env/name}")
    }
    return text
  }

  /// A text that has to be understood here, so that it can't be a reference.
  func string(_ key: String) -> String? { text(key).flatMap { known($0, key) } }

  private func known(_ text: KongText, _ key: String) -> String? {
    if !text.isReference { return text.text }
    report.error(
      "\(title): \(key) can't be a reference: its value decides what is written", at: text.origin)
    return nil
  }

  func boolean(_ key: String, default standard: Bool) -> Bool {
    guard let text = string(key) else { return standard }
    switch text {
    case "true", "True", "TRUE": return true
    case "false", "False", "FALSE": return false
    default:
      report.error("\(title): \(key) must be true or false", at: origin(of: key))
      return standard
    }
  }

  func integer(_ key: String, default standard: Int, in range: ClosedRange<Int>) -> Int {
    integer(key, in: range) ?? standard
  }

  func integer(_ key: String, in range: ClosedRange<Int>) -> Int? {
    guard let text = string(key) else { return nil }
    guard let number = Int(text), range.contains(number) else {
      report.error(
        "\(title): \(key) must be a whole number from \(range.lowerBound) to \(range.upperBound)",
        at: origin(of: key))
      return nil
    }
    return number
  }

  /// Texts of a list that may not be references; a single text is a list of one.
  func strings(_ key: String) -> [(text: String, origin: Origin)]? {
    texts(key)?.compactMap { text in known(text, key).map { ($0, text.origin) } }
  }

  func texts(_ key: String) -> [KongText]? {
    guard let value = value(key) else { return nil }
    switch value.content {
    case .sequence(let elements): return elements.compactMap { text(of: $0, key) }
    case .scalar: return text(of: value, key).map { [$0] }
    case .mapping(let mapping) where mapping.entries.isEmpty: return []
    case .mapping:
      wrong(value, key, "a list")
      return nil
    }
  }

  func object(_ key: String) -> KongObject? {
    value(key).map { KongObject($0, title: "\(title): \(key)", report: report) }
  }

  /// The maps of a list.
  func nodes(_ key: String) -> [SourceNode] {
    guard let value = value(key) else { return [] }
    if case .sequence(let elements) = value.content { return elements }
    // Lua has one kind of table, and tools write an empty list as {}.
    if case .mapping(let mapping) = value.content, mapping.entries.isEmpty { return [] }
    wrong(value, key, "a list")
    return []
  }

  /// A reference to another entity: its name or id, or a map with one of these.
  func reference(_ key: String) -> (name: String, origin: Origin)? {
    guard let value = value(key) else { return nil }
    let place = report.origin(value.position)
    switch value.content {
    case .scalar: return string(key).map { ($0, place) }
    case .mapping:
      let target = KongObject(value, title: "\(title): \(key)", report: report)
      let name = target.string("name") ?? target.string("username")
      let id = target.string("id")
      target.finish()
      if let found = name ?? id { return (found, place) }
      report.error("\(title): \(key) names nothing", at: place, hint: "write its name or id")
      return nil
    case .sequence:
      wrong(value, key, "a name")
      return nil
    }
  }

  private func wrong(_ value: SourceNode, _ key: String, _ expected: String) {
    report.error("\(title): \(key) must be \(expected)", at: report.origin(value.position))
  }

  // MARK: What is not carried over

  /// Fields that say nothing to a gateway.
  func skip(_ keys: String...) { asked.formUnion(keys) }

  /// All of them: nothing here is carried over, and that is reported.
  func skip(all: Bool) { if all { asked.formUnion(node.entries.map(\.key)) } }

  /// A field that is not carried over and harmless so; its defaults are passed over.
  func warn(_ key: String, unless standards: String..., because reason: String) {
    guard isOther(key, than: standards) else { return }
    report.warning("\(title): \(key) \(reason)", at: origin(of: key))
  }

  /// A field that is not carried over, though it decides about answers or about who is let in.
  func refuse(
    _ key: String, unless standards: String..., because reason: String, hint: String? = nil
  ) {
    guard isOther(key, than: standards) else { return }
    report.error("\(title): \(key) \(reason)", at: origin(of: key), hint: hint)
  }

  private func isOther(_ key: String, than standards: [String]) -> Bool {
    guard let value = value(key) else { return false }
    switch value.content {
    case .scalar(let scalar): return !standards.contains(scalar.text)
    case .sequence(let elements): return !elements.isEmpty
    case .mapping(let mapping): return !mapping.entries.isEmpty
    }
  }

  /// Reports the fields that nobody asked for.
  func finish() {
    for entry in node.entries where !asked.contains(entry.key) {
      report.error(
        "\(title): unknown field '\(KongText.shown(entry.key))'",
        at: report.origin(entry.keyPosition),
        hint: Suggestion.hint(for: entry.key, among: asked.sorted()))
    }
  }
}

/// A text of a Kong file, with its reference to a vault if it is one.
struct KongText {
  struct Problem: Error { var reason: String }

  /// What a reference was written as, or the text itself.
  var text: String
  /// The name of an environment variable that holds the value.
  var variable: String?
  var origin: Origin

  var isReference: Bool { variable != nil }

  /// As the Sluice file has it.
  var node: DocumentNode {
    if let variable { return .template("${env:\(variable)}", origin: origin) }
    return .text(text, origin: origin)
  }

  /// `{vault://env/my-secret}` is the environment variable MY_SECRET; a prefix in upper case is kept.
  static func parse(_ text: String, origin: Origin) -> Result<KongText, Problem> {
    guard text.hasPrefix("{vault://"), text.hasSuffix("}") else {
      if text.contains("${{") {
        return .failure(
          Problem(reason: "decK's ${{ env … }} has to be filled in before, or be {vault://env/…}"))
      }
      return .success(KongText(text: text, origin: origin))
    }
    let path = text.dropFirst("{vault://".count).dropLast()
    let parts = path.prefix { $0 != "?" }.split(
      separator: "/", omittingEmptySubsequences: false)
    guard parts.first == "env" else {
      return .failure(
        Problem(reason: "only the vault 'env' is there: {vault://env/name} is a variable NAME"))
    }
    guard parts.count == 2, path.utf8.count == parts[0].utf8.count + parts[1].utf8.count + 1 else {
      return .failure(
        Problem(reason: "only a whole variable can be referred to: {vault://env/name}"))
    }
    let name = parts[1].uppercased().replacing("-", with: "_")
    let isName = name.utf8.allSatisfy {
      (48...57).contains($0) || (65...90).contains($0) || $0 == 95
    }
    guard isName, !name.isEmpty else {
      return .failure(Problem(reason: "a variable's name has letters, digits, '-' and '_'"))
    }
    return .success(KongText(text: text, variable: name, origin: origin))
  }

  /// `$NAME`, `${NAME}` or `<name>`.
  static func isPlaceholder(_ text: String) -> Bool {
    let isInAngles = text.hasPrefix("<") && text.hasSuffix(">") && text.utf8.count > 2
    guard text.hasPrefix("$") else { return isInAngles }
    var name = text.dropFirst()
    if name.hasPrefix("{"), name.hasSuffix("}") { name = name.dropFirst().dropLast() }
    return !name.isEmpty
      && name.utf8.allSatisfy {
        (0x41...0x5A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F
      }
  }

  /// On one line, not too long.
  static func shown(_ text: String) -> String {
    var shown = ""
    for scalar in text.unicodeScalars.prefix(60) {
      let isControl = scalar.properties.generalCategory == .control
      shown += isControl ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
    }
    return text.unicodeScalars.count > 60 ? shown + "…" : shown
  }
}
