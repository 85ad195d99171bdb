import ArgumentParser
import SluiceConfiguration
import SluiceControl
import SluiceGateway

struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check a configuration without running it.",
    discussion: """
      Prints every mistake with its place to standard error. Exits with 0 when the file can be run \
      and with 1 when it can't.
      """)

  @Argument(
    help: "The configuration: of Sluice, Kong or nginx; - is standard input.",
    completion: .file())
  var file: String?

  @Flag(help: "Print the JSON Schema of the configuration, for editors.")
  var schema = false

  @OptionGroup var options: SourceOptions

  func validate() throws {
    if file == nil && !schema {
      throw ValidationError("Which file? For example: sluice check sluice.yaml")
    }
  }

  func run() throws {
    if schema { Console.print(ConfigurationSchema.jsonSchema()) }
    guard let file else { return }
    let source = ConfigurationFile(file, overrides: options.overrides)
    guard let configuration = source.readOrComplain() else { throw ExitCode(1) }
    do throws(Gateway.StartError) {
      try Gateway.check(configuration)
    } catch {
      Console.complain("\(file): \(error.text)")
      throw ExitCode(1)
    }
  }
}
