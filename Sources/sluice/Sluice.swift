import ArgumentParser
import SluiceControl

@main
struct Sluice: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "An API gateway for REST, HTTP and WebSocket APIs.",
    version: SluiceVersion.current,
    subcommands: [Run.self, Check.self, Explain.self, Demo.self])
}
