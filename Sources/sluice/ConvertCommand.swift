import ArgumentParser
import SluiceConfiguration
import SluiceControl
import SluiceReactor

struct Convert: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write the configuration of another gateway as Sluice YAML.",
    discussion: """
      Reads a declarative configuration of Kong or a configuration of nginx. What is different or \
      can't be carried over is printed to standard error with its place. Exits with 1 when there is \
      an error; the others are warnings. `sluice run` of the file does the same as of what this \
      writes.
      """)

  @Argument(help: "The configuration; - is standard input.", completion: .file())
  var file: String

  func run() throws {
    let source: ConfigurationSource
    do throws(SystemError) {
      source = try ConfigurationFile(file).source()
    } catch {
      Console.complain("can't read \(file): \(error.reason)")
      throw ExitCode(1)
    }
    Console.report(source.diagnostics)
    if source.hasErrors { throw ExitCode(1) }
    // What is written is what would be run.
    let result = source.read()
    Console.report(result.diagnostics.filter { $0.severity == .error })
    if source.isConverted || result.configuration != nil { Console.print(source.text) }
    if result.configuration == nil { throw ExitCode(1) }
  }
}
