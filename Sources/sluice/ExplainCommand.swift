import ArgumentParser
import SluiceControl
import SluiceGateway

struct Explain: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what would become of a request: its route, and why the others lost.",
    discussion: """
      Nothing is sent. The request passes the gateway's own parser and router, so the answer is \
      what a gateway with this file does. For example:

        sluice explain sluice.yaml GET '/orders/7?full=1' -H 'Host: api.example.com'
      """)

  @Argument(
    help: "The configuration: of Sluice, Kong or nginx; - is standard input.",
    completion: .file())
  var file: String

  @Argument(help: "The request's method.")
  var method: String

  @Argument(help: "/path or http://host:port/path, with a query if there is one.")
  var url: String

  @Option(name: [.customShort("H"), .long], help: "A header of the request, 'name: value'.")
  var header: [String] = []

  @Option(help: "The listener it arrives on; else the one with the URL's port, or the first.")
  var listener: String?

  @Option(help: "The address it comes from.")
  var from = "127.0.0.1"

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var options: SourceOptions

  func run() throws {
    let source = ConfigurationFile(file, overrides: options.overrides)
    guard let configuration = source.readOrComplain() else { throw ExitCode(1) }
    do {
      let request = try ExplainedURL.request(
        method: method, url: url, headers: header, listener: listener, address: from,
        in: configuration)
      let report = ExplanationReport(
        try RouteExplanation.explain(request, in: configuration), url: url, in: configuration)
      Console.print(json ? report.json() : report.text())
    } catch let mistake as ExplainedURL.Mistake {
      Console.complain(mistake.description)
      throw ExitCode.validationFailure
    } catch let error as Gateway.StartError {
      Console.complain(error.text)
      throw ExitCode(1)
    }
  }
}
