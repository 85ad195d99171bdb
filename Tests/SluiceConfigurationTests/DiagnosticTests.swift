import Testing

@testable import SluiceConfiguration

@Suite struct DiagnosticTests {
  @Test func fiveMistakesGiveFiveDiagnostics() {
    let text = """
      version: 1
      listeners:
        web:
          adress: "127.0.0.1:8080"
          address: "127.0.0.1:80800"
      services:
        time:
          targets: ["http://time.internal"]
          timeouts: {connect: 5}
      routes:
        time:
          match: {path: time}
          service: tyme
      """
    let result = ConfigurationReader.read(contentsOf: text, file: "conf/sluice.yaml")
    #expect(result.configuration == nil)
    #expect(
      result.diagnostics.map(\.description).joined(separator: "\n") == """
        conf/sluice.yaml:4:5: error: unknown key 'adress' in listeners.web
          hint: did you mean 'address'?
        conf/sluice.yaml:5:14: error: listeners.web.address: '127.0.0.1:80800' is not a \
        listener address: \
        it needs a port from 0 to 65535 at its end
          hint: write it like 0.0.0.0:8080
        conf/sluice.yaml:9:25: error: services.time.timeouts.connect: '5' is not a length of time
          hint: units are ms, s, m and h, as in 250ms, 7s or 1m30s
        conf/sluice.yaml:12:19: error: routes.time.match.path: 'time' is not a path: it must \
        start with /
        conf/sluice.yaml:13:14: error: routes.time.service: no service is named 'tyme'
          hint: did you mean 'time'?
        """)
  }

  @Test func jsonHasPlacesToo() {
    let text = """
      {
      \t"version": 1,
      \t"listeners": {"web": {"address": "127.0.0.1:8080", "limits": {"fields":"7"}}},
      \t"routes": {"time": {"match": {"path": "/ä"}, "service": "time", "kind": "rets"}}
      }
      """
    #expect(
      diagnostics(text) == [
        """
        3:73: error: listeners.web.limits.fields must be a whole number, not the text '7'
          hint: remove the quotes
        """,
        "4:40: error: routes.time.match.path: '/ä' is not a path: it has a character that stands "
          + "percent-encoded in a path",
        "4:58: error: routes.time.service: no service is named 'time'",
        """
        4:74: error: routes.time.kind: 'rets' is not one of rest, http, websocket
          hint: did you mean 'rest'?
        """,
      ])
  }

  @Test(arguments: [
    ("", "1:1: error: the file is empty"),
    ("# only a comment\n", "1:1: error: the file is empty"),
    ("hello", "1:1: error: the file must be a map, not 'hello'"),
    ("[1]", "1:1: error: the file must be a map, not a list"),
    ("a: b: c", "1:5: error: not valid YAML: mapping values are not allowed in this context"),
    ("a: 1\nä: \u{1}", "2:4: error: not valid YAML: control characters are not allowed"),
    ("version: 1\n---\nversion: 1", "2:1: error: a second document in one file"),
    ("a: *x", "1:4: error: no anchor '&x' stands before this alias"),
    ("a: &x [*x]", "1:8: error: no anchor '&x' stands before this alias"),
    ("version: 1\n\tlisteners: 1", "2:1: error: not valid YAML: found a tab character"),
    ("a: [1, 2\n", "2:1: error: not valid YAML: did not find expected ',' or ']'"),
  ])
  func textThatIsNoConfiguration(text: String, first: String) throws {
    let found = diagnostics(text)
    #expect(found.count == 1)
    #expect(try #require(found.first).hasPrefix(first), "\(found)")
  }

  @Test func duplicateKeysDoNotHideTheRest() {
    let text = file(
      rest: "workers: 3\nworkers: 4\nadmin: {address: unix:/a, address: unix:/b}\nx: 1")
    #expect(
      diagnostics(text).map { $0.prefix { $0 != "\n" } } == [
        "6:1: error: duplicate key 'workers'; it is already on line 5",
        "7:27: error: duplicate key 'address'; it is already on line 7",
        "8:1: error: unknown key 'x'",
      ])
  }

  @Test func missingKeysAreReportedAtTheirOwner() {
    let text = """
      services:
        api: {}
      routes:
        a:
          match: {}
      """
    #expect(
      diagnostics(text).map { $0.prefix { $0 != "\n" } } == [
        "1:1: error: the file needs 'version'", "1:1: error: the file needs 'listeners'",
        "2:3: error: services.api needs 'targets'", "4:3: error: routes.a needs 'service'",
      ])
  }

  @Test func cleanFileHasNone() {
    #expect(diagnostics(file()) == [])
    #expect(read(file()).configuration?.routes["a"]?.match.path == "/a")
  }

  @Test func byteOrderMarksAndCarriageReturnsAreNothingToSpeakOf() {
    #expect(diagnostics("\u{FEFF}" + file()) == [])
    #expect(diagnostics(file().replacing("\n", with: "\r\n")) == [])
    #expect(
      diagnostics(file(rest: "workers: 0").replacing("\n", with: "\r\n")).map { $0.prefix(5) }
        == ["5:10:"])
  }

  @Test func warningsDoNotRefuseTheFile() {
    let result = read(
      file(
        route:
          "kind: websocket, match: {methods: [POST]}, timeouts: {response: 1s, idle: 1s, total: "
          + "1s}, "
          + "maxBodySize: 1"))
    #expect(result.configuration != nil)
    #expect(
      result.diagnostics.map(\.message) == [
        "routes.a.match.methods: a WebSocket handshake is a GET, so this route never matches",
        "routes.a.timeouts.response is for requests and has no effect on a websocket route",
        "routes.a.timeouts.idle is for requests and has no effect on a websocket route",
        "routes.a.timeouts.total is for requests and has no effect on a websocket route",
        "routes.a.maxBodySize is for requests and has no effect on a websocket route",
      ])
    #expect(result.diagnostics.allSatisfy { $0.severity == .warning })
  }
}
