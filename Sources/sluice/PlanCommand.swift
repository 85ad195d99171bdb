import ArgumentParser
import SluiceConfiguration
import SluiceControl
import SluiceReactor

struct Plan: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what a reload with this file would change, and whom it would touch.",
    discussion: """
      Asks the running gateway, which compares the file with the configuration in force and counts \
      its live sessions; nothing is changed. Exits with 0 when no session would be closed, with 2 \
      when some would, and with 1 when the reload would be refused or the gateway can't be reached.
      """)

  @Argument(
    help: "The configuration: of Sluice, Kong or nginx; - is standard input.",
    completion: .file())
  var file: String

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var admin: AdminOptions

  static let closesSessions = ExitCode(2)

  func run() throws {
    let plan = try ask(try read())
    Console.print(json ? CommandOutput.json(plan) : CommandOutput.plan(plan))
    if !plan.refusals.isEmpty { throw ExitCode(1) }
    if plan.sessions.closed > 0 { throw Self.closesSessions }
  }

  /// What is another gateway's is converted here, because its includes are here.
  private func read() throws -> ConfigurationSource {
    let source: ConfigurationSource
    do throws(SystemError) {
      source = try ConfigurationFile(file).source()
    } catch {
      Console.complain("can't read \(file): \(error.reason)")
      throw ExitCode(1)
    }
    Console.report(source.diagnostics)
    if source.hasErrors { throw ExitCode(1) }
    return source
  }

  private func ask(_ source: ConfigurationSource) throws -> PlanContent {
    do throws(AdminClient.Failure) {
      return try admin.client.plan(source.text)
    } catch {
      if case .refused(let refusal) = error, !refusal.diagnostics.isEmpty {
        Console.report(refusal.diagnostics.map(source.placed))
      } else {
        Console.complain(error.description)
      }
      throw ExitCode(1)
    }
  }
}
