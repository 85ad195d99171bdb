import Testing

@testable import SluiceConfiguration

@Suite struct FlightRecorderTests {
  private func route(_ settings: String) -> String {
    file(route: "kind: websocket, match: {path: /a}, connection: {\(settings)}")
  }

  @Test func isOffUnlessGiven() throws {
    let off = try #require(read(route("")).configuration?.routes["a"]?.connection)
    #expect(off.flightRecorder == nil)
    let on = try #require(read(route("flightRecorder: {}")).configuration?.routes["a"]?.connection)
    #expect(on.flightRecorder?.frames == 64)
  }

  @Test(arguments: ["frames: 1", "frames: 4096"]) func right(settings: String) {
    #expect(diagnostics(route("flightRecorder: {\(settings)}")) == [])
  }

  @Test(arguments: ["frames: 0", "frames: 4097", "frames: all", "size: 1"])
  func wrong(settings: String) {
    #expect(diagnostics(route("flightRecorder: {\(settings)}")) != [])
  }

  @Test(arguments: [("1B", true), ("64KiB", true), ("0B", false), ("65KiB", false)])
  func payloadsOfTaps(size: String, isRight: Bool) {
    let text = file(rest: "admin: {tapPayloads: \(size)}")
    #expect(diagnostics(text).isEmpty == isRight, "\(diagnostics(text))")
  }
}
