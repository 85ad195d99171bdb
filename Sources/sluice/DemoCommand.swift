import ArgumentParser
import SluiceConfiguration
import SluiceControl
import SluiceGateway
import SluiceReactor

struct Demo: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run the gateway in front of two sample services, ready to try.",
    discussion: """
      Runs examples/quickstart/sluice.yaml, a time service on 127.0.0.1:8081 and a stocks service \
      on 127.0.0.1:8082 in one process, until Ctrl-C.
      """)

  func run() throws {
    let signals = GatewayProcess.holdSignals()
    let result = ConfigurationFile.read(text: Quickstart.text, file: Quickstart.path)
    Console.report(result.diagnostics)
    guard result.configuration != nil else { throw ExitCode(1) }
    let (samples, process) = try start(result)
    Console.print(Self.welcome)
    process.run(signals)
    samples.stop()
  }

  private func start(_ result: ReadResult) throws -> (SampleServices, GatewayProcess) {
    let samples: SampleServices
    do throws(SampleServices.StartError) {
      samples = try SampleServices(
        time: SocketAddress("127.0.0.1:8081")!, stocks: SocketAddress("127.0.0.1:8082")!)
    } catch {
      Console.complain(error.description)
      throw ExitCode(1)
    }
    do throws(Gateway.StartError) {
      return (samples, try GatewayProcess(result, logger: Console.makeLogger()))
    } catch {
      samples.stop()
      Console.complain(error.text)
      throw ExitCode(1)
    }
  }

  private static let welcome = """

    The gateway is on http://127.0.0.1:8080. Try, in another terminal:

      curl -i http://127.0.0.1:8080/time

      curl -i -N --max-time 5 --http1.1 http://127.0.0.1:8080/stocks \\
        -H 'Connection: Upgrade' -H 'Upgrade: websocket' \\
        -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='

      curl http://127.0.0.1:9901/readyz

    Its configuration is examples/quickstart/sluice.yaml. Ctrl-C ends it.


    """
}
