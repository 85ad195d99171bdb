import ArgumentParser
import SluiceConfiguration
import SluiceControl
import SluiceGateway
import SluiceReactor

struct Run: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run the gateway in the foreground.",
    discussion: """
      SIGTERM and SIGINT let the requests under way finish and exit with 0; another one ends at once, \
      with 1, but within a second, whichever of the two, it is the same request once more. SIGHUP reads the file again: a file with mistakes changes nothing.
      """)

  @Argument(
    help: "The configuration: of Sluice, Kong or nginx; - is standard input.", completion: .file())
  var file: String

  @OptionGroup var options: SourceOptions

  func run() throws {
    let signals = GatewayProcess.holdSignals()
    let source = ConfigurationFile(file, overrides: options.overrides)
    guard let result = source.readResultOrComplain() else { throw ExitCode(1) }
    // What came through standard input is gone.
    let reread: GatewayProcess.Reread? =
      file == "-"
      ? nil
      : { @Sendable () throws(SystemError) -> ReadResult in
        let result = try source.read()
        Console.report(result.diagnostics)
        return result
      }
    let process: GatewayProcess
    do throws(Gateway.StartError) {
      process = try GatewayProcess(
        result, logger: Console.makeLogger(), overrides: options.overrides, reread: reread)
    } catch {
      Console.complain(error.text)
      throw ExitCode(1)
    }
    process.run(signals)
  }
}
