import Foundation
import Testing

@testable import SluiceControl

/// `sluice connections`, `plan` and `top` against a running gateway.
@Suite struct AdminCommandTests {
  private func run(
    _ fixture: AdminFixture, _ arguments: String..., input: String? = nil,
    environment: [String: String] = [:]
  ) throws -> (status: Int32, output: String, errors: String) {
    let command = try Command(
      arguments, input: input,
      environment: ["SLUICE_ADMIN": fixture.url].merging(environment) { $1 })
    let (status, errors) = command.finish()
    return (status, command.output, errors)
  }

  @Test func connectionsAreListedShownAndClosed() throws {
    let fixture = try AdminFixture()
    let client = try fixture.open()
    let id = try #require(try fixture.sessions(1).first?.id)
    let list = try run(fixture, "connections", "list")
    #expect(list.status == 0 && list.errors == "")
    #expect(list.output.split(separator: "\n").count == 2)
    #expect(list.output.contains(id) && list.output.contains("stocks"))
    let json = try run(fixture, "connections", "--route", "stocks", "--json").output
    let sessions = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [[String: Any]]
    #expect(sessions?.map { $0["id"] as? String } == [id])
    #expect(try run(fixture, "connections", "list", "--count", "--route", "more").output == "0\n")
    let show = try run(fixture, "connections", "show", id)
    #expect(show.status == 0 && show.output.hasPrefix("id             \(id)\n"))
    let close = try run(
      fixture, "connections", "close", id, "--code", "4000", "--reason", "maintenance")
    #expect(close.status == 0 && close.output == "\(id) closes\n")
    #expect(try client.close() == (4_000, "maintenance"))
    client.sendClose()
    try fixture.sessions(0)
    let missing = try run(fixture, "connections", "show", id)
    #expect(missing.status == 1)
    #expect(missing.errors == "sluice: the gateway refused: No open session has this id.\n")
  }

  @Test(arguments: ["show", "close", "tap"])
  func whatIsNoSessionIsSaid(command: String) throws {
    let fixture = try AdminFixture()
    for id in ["AAAAAAAAAAAAAAAAAAAAAA", "nobody", "a/b", ".."] {
      let (status, output, errors) = try run(fixture, "connections", command, id)
      #expect(status == 1 && output == "", "\(id)")
      #expect(errors.hasPrefix("sluice: the gateway refused: "), "\(id)")
      #expect(errors.contains("No open session has this id.") || id.contains { "/.".contains($0) })
    }
    #expect(try run(fixture, "connections", command).status == 64)
  }

  @Test(arguments: [
    ["connections", "show", "AAAAAAAAAAAAAAAAAAAAAA"],
    ["connections", "close", "AAAAAAAAAAAAAAAAAAAAAA"],
    ["connections", "tap", "AAAAAAAAAAAAAAAAAAAAAA"], ["top", "--once"],
  ])
  func withoutItsTokenNobodyIsTold(arguments: [String]) throws {
    let fixture = try AdminFixture(token: "0123456789abcdef")
    for token in ["", "0123456789abcdeg"] {
      let command = try Command(
        arguments, environment: ["SLUICE_ADMIN": fixture.url, "SLUICE_ADMIN_TOKEN": token])
      let (status, errors) = command.finish()
      #expect(status == 1 && command.output == "")
      #expect(errors.contains("SLUICE_ADMIN_TOKEN") && !errors.contains("0123456789"))
    }
  }

  @Test func allConnectionsAreClosed() throws {
    let fixture = try AdminFixture()
    let clients = try (0..<3).map { _ in try fixture.open() }
    try fixture.sessions(3)
    #expect(try run(fixture, "connections", "close").status == 64)
    let close = try run(fixture, "connections", "close", "--all", "--rate", "1000")
    #expect(close.status == 0 && close.output == "3 of 3 sessions closed\n")
    for client in clients { #expect(try client.close().code == 1_001) }
  }

  @Test func wrongFiltersAreExplained() throws {
    let fixture = try AdminFixture()
    let (status, _, errors) = try run(fixture, "connections", "--address", "10.0.0.1/8")
    #expect(status == 1)
    #expect(errors.contains("address: write an address or a range as `10.0.0.0/8`."))
  }

  @Test func aTokenComesFromTheEnvironment() throws {
    let fixture = try AdminFixture(token: "0123456789abcdef")
    let without = try run(fixture, "connections")
    #expect(without.status == 1)
    #expect(without.errors.contains("hint: put the token into SLUICE_ADMIN_TOKEN"))
    let with = try run(
      fixture, "connections", "--count", environment: ["SLUICE_ADMIN_TOKEN": "0123456789abcdef"])
    #expect(with.status == 0 && with.output == "0\n")
  }

  @Test(arguments: [["connections"], ["top"], ["plan", "-"]])
  func aGatewayThatDoesNotRunIsSaid(arguments: [String]) throws {
    let command = try Command(
      arguments + ["--admin", "unix:/nowhere/sluice.sock"], input: "version: 1\n")
    let (status, errors) = command.finish()
    #expect(status == 1)
    #expect(
      errors.hasPrefix(
        "sluice: can't reach the admin API at unix:/nowhere/sluice.sock: No such file or directory\n"
      ))
    #expect(errors.contains("hint: is the gateway running"))
  }

  @Test func whatIsNoAddressIsSaid() throws {
    let command = try Command("connections", "--admin", "localhost:9901")
    let (status, errors) = command.finish()
    #expect(status == 64 && errors.contains("write http://127.0.0.1:9901 or unix:/path"))
  }

  @Test func topPrintsOnceWithoutATerminal() throws {
    let fixture = try AdminFixture()
    let client = try fixture.open()
    let id = try #require(try fixture.sessions(1).first?.id)
    let (status, output, errors) = try run(fixture, "top")
    #expect(status == 0 && errors == "")
    #expect(output.hasPrefix("sluice serving   3 routes   1 sessions"))
    #expect(output.contains(id) && output.contains("more"))
    #expect(!output.contains("\u{1B}"))
    withExtendedLifetime(client) {}
  }

  // MARK: plan

  @Test func aPlanIsPrinted() throws {
    let fixture = try AdminFixture()
    let same = try run(fixture, "plan", "-", input: fixture.text)
    #expect(same.status == 0)
    #expect(same.output == "Nothing changes.\nsessions: 0 kept, 0 re-checked, 0 closed\n")
    let file = try TemporaryFile(
      fixture.text.replacing("path: /time", with: "path: /now")
        .replacing("  more: {", with: "  other: {"))
    let changed = try run(fixture, "plan", file.path)
    #expect(changed.status == 0)
    #expect(changed.output.contains("  + other\n  - more\n  ~ time  match.path\n"))
    let refused = try run(
      fixture, "plan", "-", input: fixture.text.replacing("workers: 2", with: "workers: 1"))
    #expect(refused.status == 1)
    #expect(refused.output.hasSuffix("refused: workers can't change while the gateway runs\n"))
  }

  /// What the plan says is what the reload then does.
  @Test func aPlanCountsTheSessionsThatItTouches() throws {
    let fixture = try AdminFixture()
    let kept = try fixture.open()
    let closed = try fixture.open("/more")
    try fixture.sessions(2)
    let text = fixture.text.split(separator: "\n").filter { !$0.hasPrefix("  more: ") }
      .joined(separator: "\n")
    let plan = try run(fixture, "plan", "-", input: text)
    #expect(plan.status == 2)
    #expect(
      plan.output == """
        routes
          - more  (1 sessions closed)
        sessions: 1 kept, 0 re-checked, 1 closed

        """)
    _ = try fixture.client().request("POST", "/reload", body: Array(text.utf8))
    #expect(try closed.close().code == 1_012)
    closed.sendClose()
    #expect(try fixture.sessions(1).first?.route == "stocks")
    withExtendedLifetime(kept) {}
  }

  @Test func aPlanNamesTheFilesMistakes() throws {
    let fixture = try AdminFixture()
    let file = try TemporaryFile(fixture.text.replacing("path: /time", with: "path: time"))
    let (status, output, errors) = try run(fixture, "plan", file.path)
    #expect(status == 1 && output == "")
    #expect(errors.hasPrefix("\(file.path):8:"))
  }
}
