import ArgumentParser
import Glibc
import SluiceControl

struct Connections: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "The live WebSocket sessions of a running gateway.",
    subcommands: [List.self, Show.self, Close.self, Tap.self], defaultSubcommand: List.self)
}

extension Connections {
  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List sessions.")

    @OptionGroup var filter: FilterOptions

    @Option(
      help: "id, opened, active, messages, bytes, backlog or rtt; with - in front descending.")
    var sort: String?

    @Option(help: "Sessions to print at most.")
    var limit = 100

    @Flag(help: "Print only how many there are.")
    var count = false

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var admin: AdminOptions

    func validate() throws {
      if limit < 1 { throw ValidationError("--limit is at least 1.") }
    }

    func run() throws {
      if count {
        let count = try admin.ask { (client) throws(AdminClient.Failure) in
          try client.sessionCount(matching: filter.parameters)
        }
        return Console.print(json ? CommandOutput.json(["count": count]) : "\(count)\n")
      }
      let sessions = try admin.ask { (client) throws(AdminClient.Failure) in
        try client.sessions(matching: filter.parameters, sort: sort, limit: limit)
      }
      Console.print(json ? CommandOutput.json(sessions) : CommandOutput.table(sessions))
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show all that is known of a session.",
      discussion: """
        With connection.flightRecorder on its route also the latest frames. Those of a session that \
        ended abnormally are shown for ten minutes after its end.
        """)

    @Argument(help: "The session's id.")
    var id: String

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var admin: AdminOptions

    func run() throws {
      let session = try admin.ask { (client) throws(AdminClient.Failure) in
        try client.shownSession(id)
      }
      Console.print(json ? CommandOutput.json(session) : CommandOutput.details(session))
    }
  }

  struct Tap: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print a line for each frame of a session, until it ends.",
      discussion: """
        When this command is too slow for the session, frames are missing, and a line says how many. \
        The session waits for nothing.
        """)

    @Argument(help: "The session's id.")
    var id: String

    @Flag(help: "Print what frames carry, as far as admin.tapPayloads allows it.")
    var payloads = false

    @Flag(help: "Print JSON, an object a line.")
    var json = false

    @OptionGroup var admin: AdminOptions

    func run() throws {
      let hasEnded = try admin.ask { (client) throws(AdminClient.Failure) in
        try client.tap(id, payloads: payloads, isJSON: json) { Console.print($0) }
      }
      if hasEnded { return }
      Console.complain("the gateway went away before the session ended")
      throw ExitCode(1)
    }
  }

  struct Close: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Close sessions: by id, or all that match the filters.",
      discussion: """
        The caller gets a close frame; the cause is admin. With filters the command waits until \
        all are closed; Ctrl-C leaves the gateway to go on.
        """)

    @Argument(help: "Ids of sessions.")
    var ids: [String] = []

    @OptionGroup var filter: FilterOptions

    @Flag(help: "Every session, when there is no filter.")
    var all = false

    @Option(help: "The close code for the caller; 1001 unless given.")
    var code: Int?

    @Option(help: "The reason in the close frame, 123 bytes at most.")
    var reason: String?

    @Option(help: "With filters: sessions per second; 100 unless given.")
    var rate: Int?

    @OptionGroup var admin: AdminOptions

    func validate() throws {
      if !ids.isEmpty && (all || !filter.parameters.isEmpty || rate != nil) {
        throw ValidationError("Either ids, or filters with --rate.")
      }
      if all && !filter.parameters.isEmpty {
        throw ValidationError("Either --all, or filters.")
      }
      if ids.isEmpty && !all && filter.parameters.isEmpty {
        throw ValidationError("Which sessions? Give ids, filters, or --all.")
      }
    }

    private var ending: [(String, String)] {
      [("code", code.map(String.init)), ("reason", reason)].compactMap { name, value in
        value.map { (name, $0) }
      }
    }

    func run() throws {
      if ids.isEmpty { return try closeMatching() }
      for id in ids {
        _ = try admin.ask { (client) throws(AdminClient.Failure) in
          try client.closeSession(id, ending)
        }
        Console.print("\(id) closes\n")
      }
    }

    private func closeMatching() throws {
      var settings = ending
      if let rate { settings.append(("rate", String(rate))) }
      if all { settings.append(("all", "true")) }
      let job = try admin.ask { (client) throws(AdminClient.Failure) in
        try client.closeSessions(matching: filter.parameters, settings)
      }
      while true {
        let (text, isRunning) = try admin.ask { (client) throws(AdminClient.Failure) in
          try client.job(job)
        }
        if !isRunning { return Console.print("\(text)\n") }
        usleep(200_000)
      }
    }
  }
}
