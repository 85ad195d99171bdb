import Testing

@testable import SluiceConfiguration

/// Which fields a service that is asked may be given, and give.
@Suite struct ForwardAuthSettingTests {
  private func problems(_ settings: String) -> [String] {
    diagnostics(file(route: "policies: {forward-auth: {service: api, \(settings)}}"))
  }

  @Test(arguments: [
    "Content-Length", "transfer-encoding", "Host", "Upgrade", "Sec-WebSocket-Key",
    "Sec-WebSocket-Accept", "Sluice-Connection-Id",
  ])
  func whatIsTheGatewaysOwnComesFromNobodyElse(name: String) {
    for settings in [
      "responseHeaders: [\(name)]", "targetHeaders: {\(name): X-A}", "callerHeaders: [\(name)]",
      "set: {\(name): a}",
    ] {
      #expect(
        problems(settings).contains { $0.contains("\(name) is the gateway's own") }, "\(settings)")
    }
  }

  @Test func callersAreToldOfTheTargetsBodyByTheTarget() {
    for name in ["Content-Encoding", "Content-Range", "Age", "Cache-Status"] {
      #expect(problems("callerHeaders: [\(name)]").contains { $0.contains("gateway's own") })
    }
    #expect(problems("callerHeaders: [Set-Cookie], responseHeaders: [X-User]").isEmpty)
  }
}
