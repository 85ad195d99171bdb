import ArgumentParser
import Foundation
import SluiceControl

/// How a command reaches the running gateway.
struct AdminOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The admin API: http://host:port or unix:/path.",
      discussion:
        "Default: SLUICE_ADMIN, or \(AdminClient.defaultAddress). The token is SLUICE_ADMIN_TOKEN.")
  )
  var admin: String?

  func validate() throws {
    guard let admin, let problem = AdminClient.problem(withAddress: admin) else { return }
    throw ValidationError("--admin: \(problem)")
  }

  var client: AdminClient {
    let environment = ProcessInfo.processInfo.environment
    return AdminClient(
      address: admin ?? environment["SLUICE_ADMIN"] ?? AdminClient.defaultAddress,
      token: environment["SLUICE_ADMIN_TOKEN"])
  }

  /// Asks the gateway; what fails is printed and ends the command with 1.
  func ask<Answer>(
    _ question: (AdminClient) throws(AdminClient.Failure) -> Answer
  ) throws -> Answer {
    do throws(AdminClient.Failure) {
      return try question(client)
    } catch {
      Console.complain(error.description)
      throw ExitCode(1)
    }
  }
}

/// Which sessions; all that are given must hold.
struct FilterOptions: ParsableArguments {
  @Option(help: "Sessions of this route.")
  var route: String?

  @Option(help: "Sessions to this service.")
  var service: String?

  @Option(help: "Sessions to this target.")
  var target: String?

  @Option(help: "Sessions of this consumer.")
  var consumer: String?

  @Option(help: "Sessions of callers from this address or range.")
  var address: String?

  @Option(help: "Sessions with this label, name:value.")
  var label: [String] = []

  @Option(help: "Sessions open at least so long, as 30s or 1h.")
  var minAge: String?

  @Option(help: "Sessions open at most so long.")
  var maxAge: String?

  @Option(help: "Sessions on which nothing passed for so long.")
  var idleFor: String?

  /// As the admin API takes them; it says what is wrong with one.
  var parameters: [(String, String)] {
    let single = [
      ("route", route), ("service", service), ("target", target), ("consumer", consumer),
      ("address", address), ("minAge", minAge), ("maxAge", maxAge), ("idleFor", idleFor),
    ]
    return single.compactMap { name, value in value.map { (name, $0) } }
      + label.map { ("label", $0) }
  }
}
