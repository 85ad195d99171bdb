import SluiceConfiguration

/// The pages of docs/reference that are made from the code; a test fails when one has drifted.
///
/// docs/reference/command-line.md is made by the command, which alone knows its own options.
public struct ReferencePage: Sendable, CustomStringConvertible {
  /// Below docs/reference.
  public let path: String
  /// Markdown, but for the schema.
  public let text: @Sendable () -> String

  public var description: String { path }

  public static let all: [ReferencePage] =
    [
      ReferencePage("configuration.md") { ConfigurationSchema.referenceMarkdown() },
      ReferencePage("configuration.schema.json") { ConfigurationSchema.jsonSchema() },
      ReferencePage("errors.md") { ErrorsPage.text() },
      ReferencePage("metrics.md") { MetricsReference.text() },
      ReferencePage("access-log.md") { AccessLogPage.text() },
      ReferencePage("admin-api.md") { AdminPage.text() },
    ]
    + PolicyRegistry.standard.policies.map { policy in
      ReferencePage("policies/\(policy.policyName).md") {
        ConfigurationSchema.policyMarkdown(policy)
      }
    }

  private init(_ path: String, _ text: @escaping @Sendable () -> String) {
    self.path = path
    self.text = text
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
