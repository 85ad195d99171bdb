/// The description of the configuration for editors and for readers, made from the field tables.
public enum ConfigurationSchema {
  /// A JSON Schema (draft 2020-12).
  public static func jsonSchema() -> String { "{}" }

  /// The reference page, Markdown.
  public static func referenceMarkdown() -> String { "" }
}
