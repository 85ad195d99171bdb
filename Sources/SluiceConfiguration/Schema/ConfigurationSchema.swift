/// The description of the configuration for editors and for readers, made from the tables of
/// fields.
public enum ConfigurationSchema {
  /// A JSON Schema (draft 2020-12). It knows shapes and bounds; what the rules between values say,
  /// only `ConfigurationReader` knows.
  public static func jsonSchema(policies: PolicyRegistry = .standard) -> String {
    JSONSchemaWriter(registry: policies).document(Configuration.schema).text(isPretty: true) + "\n"
  }

  /// The reference page, Markdown.
  public static func referenceMarkdown() -> String {
    ReferenceWriter().page(Configuration.schema)
  }

  /// The page of one policy, Markdown.
  public static func policyMarkdown(_ policy: any PolicySettings.Type) -> String {
    ReferenceWriter().page(of: policy)
  }

  /// Every table but those of policies, each once, in the order in which the file's levels lead to
  /// them.
  static func tables(from root: Schema) -> [(path: String, schema: Schema)] {
    tables(from: [root])
  }

  /// The same with those of several roots, each once.
  static func tables(from roots: [Schema]) -> [(path: String, schema: Schema)] {
    var result: [(path: String, schema: Schema)] = []
    var seen: Set<String> = []
    func visit(_ schema: Schema, _ path: String) {
      guard seen.insert(schema.name).inserted else { return }
      result.append((path, schema))
      for field in schema.fields {
        visit(field.kind, path.isEmpty ? field.key : "\(path).\(field.key)")
      }
    }
    func visit(_ kind: Field.Kind, _ path: String) {
      switch kind {
      case .object(let schema), .textOrObject(_, let schema): visit(schema, path)
      case .list(let element, _): visit(element, path + "[]")
      case .map(_, let value, _): visit(value, path + ".<name>")
      case .boolean, .integer, .text, .timespan, .byteCount, .choice, .policies: break
      }
    }
    for root in roots { visit(root, "") }
    return result
  }
}
