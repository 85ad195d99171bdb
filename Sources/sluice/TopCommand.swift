import ArgumentParser
import SluiceControl

struct Top: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Routes and sessions of a running gateway, live.",
    discussion: """
      Tab changes between routes and connections, s the order, q ends it. Without a terminal it \
      prints once and ends.
      """)

  @Option(help: "Seconds between two looks.")
  var interval = 1.0

  @Flag(help: "Print once and end.")
  var once = false

  @OptionGroup var admin: AdminOptions

  func validate() throws {
    if !(0.1...3_600).contains(interval) { throw ValidationError("--interval is 0.1 to 3600.") }
  }

  func run() throws {
    var top = TopTerminal(admin.client, intervalMilliseconds: Int32(interval * 1_000))
    do throws(AdminClient.Failure) {
      if once || !TopTerminal.isInteractive { return Console.print(try top.once()) }
      try top.run()
    } catch {
      Console.complain(error.description)
      throw ExitCode(1)
    }
  }
}
