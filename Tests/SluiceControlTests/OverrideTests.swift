import SluiceConfiguration
import SluiceControl
import Testing

/// `--resolve` and `--listen`.
@Suite struct OverrideTests {
  private static let text = """
    version: 1
    listeners:
      web: {address: "0.0.0.0:80"}
      other: {address: "[::1]:8443"}
    hosts: {time.internal: [10.0.0.1]}
    services:
      one: {targets: ["http://Time.internal:8080", "http://10.0.0.7"]}
    routes:
      one: {service: one}
    """

  private func read(resolve: [String] = [], listen: [String] = []) throws -> ReadResult {
    ConfigurationFile.read(
      text: Self.text, file: "a.yaml",
      overrides: try ConfigurationOverrides(resolve: resolve, listen: listen))
  }

  /// nginx starts such a file, and with one of the two elsewhere the gateway does.
  @Test func listenersOfOnePortAreMovedApart() throws {
    let text = """
      server { listen 18495; listen 127.0.0.1:18495; location / { proxy_pass http://127.0.0.1:9000; } }
      """
    let result = ConfigurationFile.read(
      text: text, file: "a.conf",
      overrides: try ConfigurationOverrides(
        resolve: [], listen: ["127.0.0.1:18495=127.0.0.1:18496"]))
    let configuration = try #require(result.configuration, "\(result.diagnostics)")
    #expect(
      configuration.listeners.values.map(\.address).sorted() == [
        "0.0.0.0:18495", "127.0.0.1:18496",
      ])
    let found = result.diagnostics.filter { $0.message.contains("stands for all addresses") }
    #expect(found.map(\.severity) == [.warning])
  }

  @Test func namesLeadElsewhere() throws {
    let result = try read(resolve: [
      "TIME.internal:8080=127.0.0.1:9000", "10.0.0.7:80=[::1]:9001",
      "time.internal:8080=127.0.0.1:9002",
    ])
    #expect(
      result.configuration?.hosts == [
        "time.internal": ["10.0.0.1"],
        "time.internal:8080": ["127.0.0.1:9000", "127.0.0.1:9002"], "10.0.0.7:80": ["[::1]:9001"],
      ])
  }

  @Test(arguments: [
    ("time.internal:80=127.0.0.1:9000", "no target is at time.internal:80"),
    ("tme.internal:8080=127.0.0.1:9000", "no target is at tme.internal:8080"),
  ])
  func anUnknownNameIsAnError(option: String, message: String) throws {
    let result = try read(resolve: [option])
    #expect(result.configuration == nil)
    #expect(result.diagnostics.map(\.message) == ["--resolve \(option): \(message)"])
  }

  @Test(arguments: [
    "time.internal=127.0.0.1:9000", "time.internal:8080", "time.internal:8080=127.0.0.1",
    "time.internal:8080=localhost:80", "time.internal:0=127.0.0.1:1", ":80=127.0.0.1:1",
    "a:80=127.0.0.1:0", "a:80=unix:/x", "a:99999=127.0.0.1:1",
  ])
  func aWrongNameIsNone(option: String) {
    #expect(throws: ConfigurationOverrides.Mistake.self) {
      try ConfigurationOverrides(resolve: [option], listen: [])
    }
  }

  @Test(arguments: [
    ("web=127.0.0.1:8080", "127.0.0.1:8080", "[::1]:8443"),
    (":80=:8080", "0.0.0.0:8080", "[::1]:8443"),
    ("0.0.0.0:80=unix:/run/a.sock", "unix:/run/a.sock", "[::1]:8443"),
    ("[::1]:8443=:443", "0.0.0.0:80", "[::1]:443"),
  ])
  func listenersMove(option: String, web: String, other: String) throws {
    let listeners = try #require(try read(listen: [option]).configuration?.listeners)
    #expect(listeners["web"]?.address == web)
    #expect(listeners["other"]?.address == other)
  }

  @Test func movesAreOfWhatTheFileSays() throws {
    let listeners = try #require(
      try read(listen: [":80=:8443", ":8443=:80"]).configuration?.listeners)
    #expect(listeners["web"]?.address == "0.0.0.0:8443")
    #expect(listeners["other"]?.address == "[::1]:80")
  }

  @Test(arguments: [
    (":81=:8080", "there is no such listener"),
    ("127.0.0.1:8080", "more than one listener is meant"),
  ])
  func aListenerThatIsNotMeantIsAnError(option: String, message: String) throws {
    let result = try read(listen: [option])
    #expect(result.configuration == nil)
    #expect(result.diagnostics.map(\.message) == ["--listen \(option): \(message)"])
  }

  @Test(arguments: ["web=localhost:80", "web=", "", "8080", ":80=8080"])
  func aWrongAddressIsNone(option: String) {
    #expect(throws: ConfigurationOverrides.Mistake.self) {
      try ConfigurationOverrides(resolve: [], listen: [option])
    }
  }
}
