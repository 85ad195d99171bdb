/// Tables of fields to the reference page.
struct ReferenceWriter {
  func page(_ root: Schema) -> String {
    var page = Self.introduction
    for (path, schema) in ConfigurationSchema.tables(from: root) {
      page += section(path, schema)
    }
    return page
  }

  private static let policies = PolicyRegistry.standard.policies.map { policy in
    let name = policy.policyName
    return "| [`\(name)`](policies/\(name).md) | \(policy.stage.name) | \(policy.schema.summary) |"
  }.joined(separator: "\n")

  private static let introduction = """
    # Configuration

    <!-- Generated from the code by `SLUICE_WRITE_DOCS=1 swift test --filter ReferenceTests`. -->

    One file, YAML or JSON. `sluice check FILE` prints everything that is wrong with it;
    `sluice check --schema` prints a JSON Schema for editors.

    - **Names.** Listeners, services, consumers and routes are maps by name: 1 to 64 letters, digits,
      `.`, `_` and `-`, the first a letter or digit.
    - **Lengths of time** have units: `250ms`, `7s`, `1m30s`, `24h`. They are more than zero and at
      most 366 days.
    - **Numbers of bytes** may have units: `512`, `64KiB`, `10MB`.
    - **References.** `${env:NAME}` in a value stands for an environment variable, `${file:/path}`
      for what is in a file, without its last line break. Diagnostics never show such values. `$$`
      is a `$`. What is a secret is not shown even where it is written literally.
    - **Defaults.** Whatever is left out has its default; an object that is given empty (`{}` or
      nothing) has all of its defaults.
    - **Anchors, aliases and merge keys** (`&name`, `*name`, `<<`) work as in YAML 1.1.

    Of the routes that match a request the most specific wins, whatever their order in the file: an
    exact host before a wildcard before none; then an exact path before the longest prefix before a
    regular expression, these in the order of the file; then more conditions before fewer.

    Of the policies of a kind the most specific place decides, and `false` there means none. From the
    most specific: route and consumer, route and group, service and consumer, service and group,
    consumer, group, route, service, everything. Of a caller's groups the first by name decides.
    Policies run by stage, whatever their order in the file.

    | Policy | Stage | Does |
    |---|---|---|
    \(policies)


    """

  /// The page of one policy.
  func page(of policy: any PolicySettings.Type) -> String {
    let callers = PolicyPlace.caller.allows(policy.stage)
    var page = """
      # \(policy.policyName)

      <!-- Made from the code by `make docs`; edits here are lost. -->

      \(policy.schema.summary)

      Stage: \(policy.stage.name). May be set for everything, a service or a route\
      \(callers ? ", and there or in general for a consumer or a group" : "").


      """
    for (path, schema) in ConfigurationSchema.tables(from: policy.schema) {
      page +=
        path.isEmpty
        ? "## Settings\n\n" + table(schema) : section("\(policy.policyName).\(path)", schema)
    }
    return page + "## Example\n\n```yaml\n\(policy.example)\n```\n"
  }

  private func section(_ path: String, _ schema: Schema) -> String {
    let section = path.isEmpty ? "## The file\n\n" : "## `\(path)`\n\n"
    return section + schema.summary + "\n\n" + table(schema)
  }

  private func table(_ schema: Schema) -> String {
    var section = "| Key | Value | Default | Meaning |\n|---|---|---|---|\n"
    for field in schema.fields {
      let cells = [
        "`\(field.key)`", value(field.kind), defaultText(field, schema), field.summary,
      ]
      section += "| \(cells.map(escaped).joined(separator: " | ")) |\n"
    }
    return section + "\n"
  }

  private func escaped(_ cell: String) -> String {
    cell.replacing("|", with: "\\|")
  }

  private func defaultText(_ field: Field, _ schema: Schema) -> String {
    if field.isRequired { return "**required**" }
    switch schema.defaultValue(of: field.key) {
    case nil: return "–"
    case .object(let members) where members.isEmpty: return "none"
    case .object: return "as below"
    case .array(let elements) where elements.isEmpty: return "none"
    case .string(""): return "empty"
    case .string(let text): return "`\(text)`"
    case .some(let value): return "`\(value.text())`"
    }
  }

  private func value(_ kind: Field.Kind) -> String {
    switch kind {
    case .boolean: "`true` or `false`"
    case .integer(let bounds):
      bounds.count == 1
        ? "`\(bounds.lowerBound)`" : "\(bounds.lowerBound) to \(bounds.upperBound)"
    case .text(let form): text(form)
    case .timespan: "time"
    case .byteCount(let bounds): "bytes, \(bounds.lowerBound.text) to \(bounds.upperBound.text)"
    case .choice(let choices): choices.map { "`\($0)`" }.joined(separator: ", ")
    case .list(let element, let minimum):
      "list\(minimum > 0 ? ", not empty" : ""): \(value(element))"
    case .map(let keys, let element, let minimum):
      "map\(minimum > 0 ? ", not empty" : ""): \(keys.name) → \(value(element))"
    case .object(let schema): link(schema)
    case .policies(let place): place == .anywhere ? "[policies](#configuration)" : "policies"
    case .textOrObject(let form, let schema): "\(text(form)), or \(link(schema))"
    }
  }

  private func text(_ form: TextForm) -> String {
    guard !form.examples.isEmpty else { return form.name }
    return "\(form.name): \(form.examples.map { "`\($0)`" }.joined(separator: ", "))"
  }

  private func link(_ schema: Schema) -> String {
    let tables = ConfigurationSchema.tables(from: Configuration.schema)
    guard let path = tables.first(where: { $0.schema === schema })?.path else { return schema.name }
    return "[`\(path)`](#\(anchor(path)))"
  }

  /// As GitHub makes them: lower case, punctuation but `-` and `_` dropped.
  private func anchor(_ path: String) -> String {
    path.lowercased().filter { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" }
  }
}
