import ArgumentParser
import SluiceControl

@main
struct Sluice: ParsableCommand {
  /// Those in the help.
  static let commands: [any ParsableCommand.Type] = [
    Run.self, Check.self, Explain.self, Plan.self, Convert.self, Connections.self, Top.self,
    HashPassword.self, Demo.self,
  ]

  static let configuration = CommandConfiguration(
    abstract: "An API gateway for REST, HTTP and WebSocket APIs.",
    version: SluiceVersion.current,
    subcommands: commands + [Reference.self])
}
