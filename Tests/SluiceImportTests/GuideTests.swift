import Foundation
import Testing

@testable import SluiceImport

/// The guides and the tables of the converters say the same, in both directions.
@Suite struct GuideTests {
  /// The rows of a guide's tables below a heading, each as its cells.
  private static func rows(of guide: String, below heading: String) throws -> [[String]] {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../docs/guides/\(guide).md").standardized
    let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
    let start = try #require(lines.firstIndex { $0 == heading }, "\(heading)")
    return lines[(start + 1)...].prefix { !$0.hasPrefix("## ") && !isLabel($0) }
      .filter { $0.hasPrefix("|") && !$0.hasPrefix("| ---") }
      .map { row in
        row.dropFirst().split(separator: "|", omittingEmptySubsequences: false)
          .map { $0.trimmingCharacters(in: .whitespaces) }
      }
  }

  /// Tables below one heading are told apart by a line of text in front of each.
  private static func isLabel(_ line: Substring) -> Bool {
    ["Carried over:", "Not carried over, with a warning:", "An error:"].contains(line)
  }

  /// What stands between backticks.
  private static func names(_ cell: String) -> [String] {
    cell.split(separator: "`", omittingEmptySubsequences: false).enumerated()
      .filter { $0.offset % 2 == 1 }.map { String($0.element) }
  }

  // MARK: nginx

  @Test(arguments: ["Carried over:", "Not carried over, with a warning:", "An error:"])
  func directivesAreThoseOfTheTable(heading: String) throws {
    var listed: Set<String> = []
    for row in try Self.rows(of: "from-nginx", below: heading).dropFirst() {
      var names = Self.names(row[0])
      // Not a directive but an option of one, families of directives, and what the parser reads itself.
      if names.contains("quic") { names.removeLast(2) }
      names.removeAll { $0.hasSuffix("_") || $0 == "include" }
      for name in names {
        switch NginxDirectiveTable.use(of: name) {
        case .carried?: #expect(heading == "Carried over:", "\(name)")
        case .ignored(let reason)?, .refused(let reason)?:
          // The guide may say more.
          let text = row[1].replacing("`", with: "")
          #expect(text.hasPrefix(reason.replacing("`", with: "")), "\(name)")
          let isIgnored = NginxDirectiveTable.use(of: name) == .ignored(reason)
          #expect(heading == (isIgnored ? "Not carried over, with a warning:" : "An error:"))
        case nil: Issue.record("\(name) is no directive that is known")
        }
        #expect(listed.insert(name).inserted, "\(name) stands there twice")
      }
    }
    let known = NginxDirectiveTable.names.filter {
      switch NginxDirectiveTable.use(of: $0) {
      case .carried?: heading == "Carried over:"
      case .ignored?: heading == "Not carried over, with a warning:"
      case .refused?: heading == "An error:"
      case nil: false
      }
    }
    #expect(Set(known).subtracting(listed).isEmpty)
  }

  @Test func variablesAreThoseOfTheTable() throws {
    var listed: Set<String> = []
    for row in try Self.rows(of: "from-nginx", below: "## Variables").dropFirst() {
      listed.formUnion(
        Self.names(row[0]).filter { $0.hasPrefix("$") }.map { String($0.dropFirst()) })
    }
    let known = Set(NginxVariables.table.keys).union([
      "http_NAME", "arg_NAME", "cookie_NAME", "1", "9", "NAME",
      // Known in some places, by what is written there.
      "server_name", "https", "proxy_host", "proxy_port", "proxy_protocol_addr",
      "proxy_protocol_port", "binary_remote_addr", "ssl_session_reused",
    ])
    #expect(listed.subtracting(known).isEmpty)
    #expect(known.subtracting(listed).isEmpty)
  }

  // MARK: Kong

  @Test func entitiesAreThoseOfTheFile() throws {
    var listed: Set<String> = []
    for row in try Self.rows(of: "from-kong", below: "## Entities").dropFirst() {
      listed.formUnion(Self.names(row[0]))
    }
    // Fields that every entity may have.
    #expect(
      listed.subtracting(KongFile.lists) == [
        "tags", "id", "created_at", "updated_at", "_comment", "_ignore",
      ])
    // Members of groups are told of with the groups.
    #expect(KongFile.lists.subtracting(listed) == ["consumer_group_consumers"])
  }

  @Test func pluginsAreThoseThatAreTranslated() throws {
    var listed: Set<String> = []
    for row in try Self.rows(of: "from-kong", below: "## Plugins").dropFirst() {
      listed.formUnion(Self.names(row[0]))
    }
    listed.remove("anonymous")
    let known = KongConversion.carried.union(KongConversion.replaced).union(KongConversion.deciding)
    #expect(listed.subtracting(known).isEmpty)
    #expect(KongConversion.carried.union(KongConversion.replaced).subtracting(listed).isEmpty)
  }

  /// What is listed as carried over is understood, and what is listed as replaced is a warning that says by what.
  @Test func everyPluginIsWhatItsListSays() {
    func messages(_ plugin: String) -> [String] {
      readKong(
        """
        _format_version: "3.0"
        services: [{name: s, host: a.test, routes: [{name: r, paths: [/], plugins: [{name: \(plugin)}]}]}]
        """
      ).messages
    }
    for plugin in KongConversion.carried {
      let found = messages(plugin)
      #expect(
        !found.contains { $0.contains("not carried over") || $0.contains("there is no plugin") })
    }
    for plugin in KongConversion.replaced {
      #expect(messages(plugin).contains { $0.contains("plugin \(plugin) is not carried over: ") })
    }
    for plugin in KongConversion.deciding {
      #expect(
        messages(plugin).contains { $0.contains("error: plugin \(plugin) is not carried over") })
    }
  }
}
