import ArgumentParser
import SluiceControl

/// Prints the pages of docs/reference that are made from the code.
struct Reference: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print a page of the reference.", shouldDisplay: false)

  static let commandLine = "command-line.md"

  @Argument(help: "The page's path; without one, all paths.")
  var page: String?

  func run() throws {
    guard let page else {
      let names = ReferencePage.all.map(\.path) + [Self.commandLine]
      return Console.print(names.map { "\($0)\n" }.joined())
    }
    if page == Self.commandLine {
      Console.print(CommandLinePage.text())
    } else if let page = ReferencePage.all.first(where: { $0.path == page }) {
      Console.print(page.text())
    } else {
      throw ValidationError("There is no page '\(page)'.")
    }
  }
}

/// docs/reference/command-line.md, from the commands' own help.
enum CommandLinePage {
  static func text() -> String {
    var text = """
      # Command line

      <!-- Made from the code by `make docs`; edits here are lost. -->

      Exit codes: 0 when all went well, 1 when a file is not valid, the gateway can't start, can't be reached
      or was stopped before its drain was over, 2 when a plan would close sessions, 64 when the command line
      itself is wrong.

      ```
      \(Sluice.helpMessage(columns: 90))
      ```

      """
    for command in Sluice.commands {
      text += section(command, "sluice \(command._commandName)")
      for part in command.configuration.subcommands {
        text += section(part, "sluice \(command._commandName) \(part._commandName)")
      }
    }
    return text
  }

  private static func section(_ command: any ParsableCommand.Type, _ name: String) -> String {
    """

    ## \(name)

    ```
    \(Sluice.helpMessage(for: command, columns: 90))
    ```

    """
  }
}
