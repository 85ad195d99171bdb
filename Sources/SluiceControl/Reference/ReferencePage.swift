import SluiceConfiguration

/// The pages of docs/reference that are made from the code; a test fails when one has drifted.
///
/// docs/reference/command-line.md is made by the command, which alone knows its own options.
public enum ReferencePage: String, CaseIterable, Sendable {
  case configuration = "configuration.md"
  case schema = "configuration.schema.json"
  case errors = "errors.md"
  case metrics = "metrics.md"
  case accessLog = "access-log.md"
  case adminAPI = "admin-api.md"

  /// Markdown, but for the schema.
  public func text() -> String {
    switch self {
    case .configuration: ConfigurationSchema.referenceMarkdown()
    case .schema: ConfigurationSchema.jsonSchema()
    case .errors: ErrorsPage.text()
    case .metrics: MetricsReference.text()
    case .accessLog: AccessLogPage.text()
    case .adminAPI: AdminPage.text()
    }
  }
}

/// A Markdown table.
enum MarkdownTable {
  static func text(_ header: [String], _ rows: [[String]]) -> String {
    ([header, header.map { _ in "---" }] + rows).map { row in
      "| " + row.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |\n"
    }.joined()
  }
}
