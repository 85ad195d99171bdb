import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// Which messages a caller may send.
  @Suite struct MessageAuthorization {
    private static let refused =
      #"{"type":"error","code":"message-forbidden","title":"This caller may not send this message."}"#

    private func fixture(
      _ action: Configuration.RefusalAction = .refuse, otherwise: [String] = []
    ) throws -> Fixture {
      let upstream = try ScriptedUpstream { try $0.accept().echo() }
      return try Fixture(to: upstream) {
        $0.consumers["alice"] = .init(keys: ["alice-1"], groups: ["traders"])
        $0.consumers["bob"] = .init(keys: ["bob-1"])
        $0.all.kind = .websocket
        $0.all.policies[Configuration.KeyAuth.self] = Configuration.KeyAuth()
        var settings = Configuration.MessageAuthorization()
        settings.key = "$.action"
        settings.allow = ["buy": ["traders"], "look": ["*"]]
        settings.otherwise = otherwise
        settings.action = action
        var messages = Configuration.MessageSettings()
        messages.authorize = settings
        $0.all.messages = messages
      }
    }

    @Test func groupsDecideByTheMessagesKey() async throws {
      let fixture = try fixture()
      let alice = try fixture.client().open("apikey: alice-1")
      let bob = try fixture.client().open("apikey: bob-1")
      let (buy, look) = (#"{"action":"buy","n":1}"#, #"{"n":[{}],"action":"look"}"#)
      for text in [buy, look, #"{"action":"b\u0075y"}"#] {
        try alice.send(text: text)
        #expect(try alice.text() == text)
      }
      try bob.send(text: buy)
      #expect(try bob.text() == Self.refused)
      try bob.send(text: look)
      #expect(try bob.text() == look)
      let gateway = fixture.gateway
      let report = await gateway.reports().flatMap(\.routes).first { $0.name == "all" }
      #expect(report?.sessions?.dropped(.forbidden) == 1)
    }

    /// However else a target may read it.
    @Test(arguments: [
      #"{"action":"sell"}"#, "{}", "[]", "buy", #"{"action":1}"#,
      #"{"action":"look","action":"buy"}"#,
      #"{"action":"look"} {"action":"buy"}"#, #"{"action":"buy""#, "", #"{"action":"Look"}"#,
      #"{"action":{"a":"look"}}"#, #"{"action":"lookandlookandlookandlook"}"#,
    ])
    func whatIsNotListedIsRefused(text: String) throws {
      let fixture = try fixture()
      let bob = try fixture.client().open("apikey: bob-1")
      try bob.send(text: text)
      #expect(try bob.text() == Self.refused)
      try bob.send(binary: Array(text.utf8))
      #expect(try bob.text() == Self.refused)
    }

    @Test func otherMessagesMayPassButNoneThatIsAmbiguous() throws {
      let fixture = try fixture(otherwise: ["*"])
      let bob = try fixture.client().open("apikey: bob-1")
      for text in [#"{"action":"sell"}"#, "{}", #"{"action":7}"#] {
        try bob.send(text: text)
        #expect(try bob.text() == text)
      }
      for text in [#"{"action":"look","action":"buy"}"#, "no JSON", #"{"action":"buy"}"#] {
        try bob.send(text: text)
        #expect(try bob.text() == Self.refused)
      }
      try bob.send(binary: Array(#"{"action":"buy"}"#.utf8))
      #expect(try bob.text() == Self.refused)
    }

    @Test func whoeverMayNotIsClosedWhereTheSettingSaysSo() async throws {
      let fixture = try fixture(.close)
      let bob = try fixture.client().open("apikey: bob-1")
      try bob.send(text: #"{"action":"buy"}"#)
      #expect(try bob.read()?.closeCode == 1_008)
      try bob.sendClose(1_008)
      let gateway = fixture.gateway
      try await eventually { await gateway.sessions().closed == [.policy: 1] }
    }

    /// Nobody has to connect again for a block to bite.
    @Test func aGroupThatIsTakenAwayDecidesTheNextMessage() throws {
      let fixture = try fixture()
      let alice = try fixture.client().open("apikey: alice-1")
      let buy = #"{"action":"buy"}"#
      try alice.send(text: buy)
      #expect(try alice.text() == buy)
      var next = fixture.gateway.configuration
      next.consumers["alice"]?.groups = []
      try fixture.gateway.reload(next)
      try alice.send(text: buy)
      #expect(try alice.text() == Self.refused)
      next.consumers["alice"]?.groups = ["traders"]
      try fixture.gateway.reload(next)
      try alice.send(text: buy)
      #expect(try alice.text() == buy)
    }
  }
}
