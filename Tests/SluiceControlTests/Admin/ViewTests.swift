import Testing

@testable import SluiceControl

/// What the commands print.
@Suite struct ViewTests {
  @Test(arguments: [
    (0, "0ms"), (0.25, "250ms"), (1, "1s"), (59.9, "59s"), (185, "3m05s"), (7_800, "2h10m"),
    (356_400, "4d3h"),
  ])
  func times(seconds: Double, text: String) { #expect(Readable.time(seconds) == text) }

  @Test(arguments: [
    (0, "0", "0B"), (812, "812", "812B"), (1_240, "1.2k", "1.2KiB"), (35_000, "35k", "34KiB"),
    (4_000_000, "4.0M", "3.8MiB"),
  ])
  func counts(value: Double, count: String, bytes: String) {
    #expect(Readable.count(value) == count)
    #expect(Readable.bytes(value) == bytes)
  }

  @Test func latencies() {
    #expect(Readable.latency(nil) == "-")
    #expect(Readable.latency(0.00044) == "0.4ms")
    #expect(Readable.latency(0.0214) == "21ms")
  }

  /// A user agent is a stranger's text.
  @Test func strangersDoNotSteerTheTerminal() {
    #expect(Readable.safe("a\u{1B}[2Jb\nc\u{202E}d") == "a\u{FFFD}[2Jb\u{FFFD}c\u{FFFD}d")
    var session = SessionContent.example
    session.userAgent = "\u{1B}]0;x\u{7}"
    #expect(!SessionView.details(session).contains("\u{1B}"))
  }

  @Test func columnsAreAsWideAsTheirTexts() {
    var table = TextTable(columns: [.init("NAME"), .init("N", isRight: true)])
    table.rows = [["a", "1"], ["longer", "100"]]
    #expect(table.text() == "NAME      N\na         1\nlonger  100\n")
  }

  @Test func aPlanIsPrintedByKind() {
    var plan = PlanContent.example
    plan.refusals = ["workers can't change while the gateway runs"]
    #expect(
      PlanView.text(plan) == """
        routes
          + new
          - old  (3 sessions closed)
        services
          ~ stocks-service  timeouts.connect
        settings
          ~ policies.request-id.header
        sessions: 120 kept, 0 re-checked, 3 closed
        refused: workers can't change while the gateway runs

        """)
  }

  // MARK: top

  private func route(_ name: String, requests: UInt64, sessions: Int = 0) -> RouteContent {
    var route = RouteContent.example
    route.name = name
    route.requests = requests
    route.sessions.open = sessions
    return route
  }

  private func sample(_ seconds: Double, _ routes: [RouteContent]) -> TopScreen.Sample {
    TopScreen.Sample(
      seconds: seconds, routes: routes, sessions: [.example], sessionCount: 1, state: "serving")
  }

  private func names(_ screen: TopScreen) -> [String] {
    screen.lines(width: 200, height: 50).dropFirst(3).prefix { !$0.isEmpty }.map {
      String($0.prefix { $0 != " " })
    }
  }

  @Test func ratesComeFromTwoSamples() {
    var screen = TopScreen()
    screen.add(sample(10, [route("a", requests: 100), route("b", requests: 10)]))
    #expect(screen.lines(width: 200, height: 50)[0].contains("requests 110 in all"))
    #expect(names(screen) == ["a", "b"])
    screen.add(sample(12, [route("a", requests: 104), route("b", requests: 50)]))
    #expect(screen.lines(width: 200, height: 50)[0].contains("requests 22/s"))
    // By what happens now, not by what was.
    #expect(names(screen) == ["b", "a"])
  }

  @Test func aRestartedGatewayHasNoNegativeRates() {
    var screen = TopScreen()
    screen.add(sample(1, [route("a", requests: 100)]))
    screen.add(sample(2, [route("a", requests: 3)]))
    #expect(screen.lines(width: 200, height: 50)[0].contains("requests 0/s"))
  }

  @Test func keysChangeViewAndOrder() {
    var screen = TopScreen()
    screen.add(
      sample(1, [route("a", requests: 9), route("b", requests: 1, sessions: 5)]))
    #expect(names(screen) == ["a", "b"])
    var goesOn = true
    for _ in 0..<2 { goesOn = screen.key(UInt8(ascii: "s")) && goesOn }
    #expect(names(screen) == ["b", "a"])
    goesOn = screen.key(0x09) && goesOn
    #expect(screen.view == .sessions)
    #expect(names(screen) == [SessionContent.example.id])
    let order = screen.sessionOrder
    goesOn = screen.key(UInt8(ascii: "s")) && goesOn
    #expect(screen.sessionOrder != order)
    #expect(goesOn)
    for byte in [UInt8(ascii: "q"), 0x03, 0x1B] {
      let ends = !screen.key(byte)
      #expect(ends)
    }
  }

  @Test func itFitsTheTerminal() {
    var screen = TopScreen()
    screen.add(sample(1, (0..<100).map { route("route\($0)", requests: UInt64($0)) }))
    let lines = screen.lines(width: 30, height: 12)
    #expect(lines.count == 12)
    #expect(lines.allSatisfy { $0.count <= 30 })
    #expect(lines.last?.hasPrefix("q quit") == true)
  }

  // MARK: The client

  @Test(arguments: [
    ("http://127.0.0.1:9901", "127.0.0.1:9901"), ("http://[::1]:1/", "[::1]:1"),
    ("http://gateway.test", "gateway.test:80"), ("unix:/run/a.sock", "localhost"),
  ])
  func addresses(text: String, host: String) { #expect(AdminAddress(text)?.host == host) }

  @Test(arguments: [
    "", "127.0.0.1:9901", "https://a", "http://", "http://a:x", "http://a/b", "unix:a",
    "http://u@h",
  ])
  func noAddresses(text: String) { #expect(AdminAddress(text) == nil) }

  @Test func queriesAreEscaped() {
    #expect(AdminClient.encoded("a b&c=d/é~") == "a%20b%26c%3Dd%2F%C3%A9~")
  }

  @Test(arguments: [
    (0, "1970-01-01T00:00:00.000Z"), (1_769_860_800_250, "2026-01-31T12:00:00.250Z"),
  ])
  func timestamps(milliseconds: Int64, text: String) {
    #expect(Timestamp(milliseconds: milliseconds).text == text)
  }
}
