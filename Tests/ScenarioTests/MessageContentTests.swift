import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// Policies for bodies that look into the messages of sessions, too.
  @Suite struct MessageContents {
    private func fixture(
      _ edit: (inout Configuration) -> Void
    ) throws -> Fixture {
      let upstream = try ScriptedUpstream { try $0.accept().echo() }
      return try Fixture(to: upstream) {
        $0.consumers["alice"] = .init(keys: ["alice-1"], groups: ["traders"])
        $0.consumers["bob"] = .init(keys: ["bob-1"])
        $0.all.kind = .websocket
        $0.all.policies[Configuration.KeyAuth.self] = Configuration.KeyAuth()
        edit(&$0)
      }
    }

    // MARK: json-schema

    private static let unreadable =
      #"{"type":"error","code":"message-invalid","title":"Messages have to be JSON that names nothing twice, and not too large."}"#

    private func invalid(_ pointer: String, _ keyword: String) -> String {
      #"{"type":"error","code":"message-invalid","title":"The message is not what is asked for.","pointer":""#
        + pointer + #"","keyword":""# + keyword + #""}"#
    }

    private func schema(
      _ action: Configuration.RefusalAction = .refuse, maximum: Int = 10
    ) -> Configuration.JSONSchema {
      var settings = Configuration.JSONSchema()
      settings.schema =
        #"{"type":"object","required":["n"],"properties":{"n":{"type":"integer","maximum":\#(maximum)},"a/b":{"items":{"type":"string"}}}}"#
      settings.maxBodySize = .kibibytes(1)
      settings.messages = Configuration.MessageValidation()
      settings.messages?.action = action
      return settings
    }

    @Test func whatTheSchemaAsksForPassesAndTheRestIsTold() async throws {
      let fixture = try fixture {
        $0.all.policies[Configuration.JSONSchema.self] = schema()
      }
      let socket = try fixture.client().open("apikey: alice-1")
      for text in [#"{"n":10}"#, #"{ "n" : 1, "a/b": ["x"] }"#] {
        try socket.send(text: text)
        #expect(try socket.text() == text)
        try socket.send(binary: Array(text.utf8))
        #expect(try socket.read()?.payload == Array(text.utf8))
      }
      for (text, answer) in [
        (#"{"n":11}"#, invalid("/n", "maximum")), ("{}", invalid("", "required")),
        (#"{"n":1,"a/b":["x",2]}"#, invalid("/a~1b/1", "type")), ("no JSON", Self.unreadable),
        (#"{"n":1,"n":2}"#, Self.unreadable), (#"{"n":1} {"n":2}"#, Self.unreadable),
        ("", Self.unreadable),
        (#"{"n":1,"x":""# + String(repeating: "x", count: 1_024) + "\"}", Self.unreadable),
      ] {
        try socket.send(text: text)
        #expect(try socket.text() == answer)
        try socket.send(binary: Array(text.utf8))
        #expect(try socket.text() == answer)
      }
      // No UTF-8, which only a binary message can be.
      try socket.send(binary: Array(#"{"n":1,"x":""#.utf8) + [0xFF] + Array("\"}".utf8))
      #expect(try socket.text() == Self.unreadable)
      let gateway = fixture.gateway
      let report = await gateway.reports().flatMap(\.routes).first { $0.name == "all" }
      #expect(report?.sessions?.dropped(.invalid) == 17)
    }

    @Test func theSessionEndsWhereTheSettingSaysSo() async throws {
      let fixture = try fixture {
        $0.all.policies[Configuration.JSONSchema.self] = schema(.close)
      }
      let socket = try fixture.client().open("apikey: alice-1")
      try socket.send(text: #"{"n":"1"}"#)
      let close = try #require(try socket.read())
      #expect(close.closeCode == 1_008)
      #expect(
        String(decoding: close.payload.dropFirst(2), as: UTF8.self)
          == "message-invalid: type at /n")
      try socket.sendClose(1_008)
      let gateway = fixture.gateway
      try await eventually { await gateway.sessions().closed == [.policy: 1] }
    }

    /// A pointer of a caller's making can't be longer than a close frame.
    @Test func aLongPointerDoesNotBreakTheCloseFrame() throws {
      let fixture = try fixture {
        var settings = schema(.close)
        settings.schema = #"{"additionalProperties":{"type":"integer"}}"#
        $0.all.policies[Configuration.JSONSchema.self] = settings
      }
      let socket = try fixture.client().open("apikey: alice-1")
      try socket.send(text: "{\"" + String(repeating: "é", count: 200) + "\":\"\"}")
      let close = try #require(try socket.read())
      #expect(close.closeCode == 1_008)
      #expect(String(decoding: close.payload.dropFirst(2), as: UTF8.self) == "message-invalid")
    }

    /// The most specific place decides, and a reload for the next message.
    @Test func aGroupMayHaveItsOwnSchemaAndAReloadAnother() throws {
      let fixture = try fixture {
        $0.all.policies[Configuration.JSONSchema.self] = schema(maximum: 1)
        var traders = Configuration.Policies()
        traders[Configuration.JSONSchema.self] = schema(maximum: 5)
        $0.groups["traders"] = Configuration.Group(policies: traders)
      }
      let alice = try fixture.client().open("apikey: alice-1")
      let bob = try fixture.client().open("apikey: bob-1")
      try alice.send(text: #"{"n":5}"#)
      #expect(try alice.text() == #"{"n":5}"#)
      try bob.send(text: #"{"n":5}"#)
      #expect(try bob.text() == invalid("/n", "maximum"))
      var next = fixture.gateway.configuration
      next.groups["traders"]?.policies[Configuration.JSONSchema.self] = schema(maximum: 4)
      try fixture.gateway.reload(next)
      try alice.send(text: #"{"n":5}"#)
      #expect(try alice.text() == invalid("/n", "maximum"))
      next.all.policies[Configuration.JSONSchema.self] = nil
      next.groups["traders"]?.policies[Configuration.JSONSchema.self] = nil
      try fixture.gateway.reload(next)
      try alice.send(text: "anything")
      #expect(try alice.text() == "anything")
    }

    /// The target echoes; what it may not send, its caller does not get, and nobody is told.
    @Test func whatTargetsSendIsCheckedBySchemasOfTheirOwn() async throws {
      let fixture = try fixture {
        var settings = schema()
        settings.messages = nil
        settings.messagesFromUpstream = Configuration.UpstreamMessageValidation()
        settings.messagesFromUpstream?.schema = #"{"required":["price"]}"#
        $0.all.policies[Configuration.JSONSchema.self] = settings
      }
      let socket = try fixture.client().open("apikey: alice-1")
      for text in ["{}", "no JSON", #"{"price":1,"price":2}"#, #"{"n":1}"#] {
        try socket.send(text: text)
        try socket.send(binary: Array(text.utf8))
      }
      try socket.send(text: #"{"price":1}"#)
      #expect(try socket.text() == #"{"price":1}"#)
      let gateway = fixture.gateway
      let report = await gateway.reports().flatMap(\.routes).first { $0.name == "all" }
      #expect(report?.sessions?.dropped(.invalid) == 8)
      // Without one of their own it is that of the policy, and both ends may be asked.
      var next = fixture.gateway.configuration
      var settings = schema(maximum: 5)
      settings.messagesFromUpstream = Configuration.UpstreamMessageValidation()
      next.all.policies[Configuration.JSONSchema.self] = settings
      try fixture.gateway.reload(next)
      try socket.send(text: #"{"n":6}"#)
      #expect(try socket.text() == invalid("/n", "maximum"))
      try socket.send(text: #"{"n":5}"#)
      #expect(try socket.text() == #"{"n":5}"#)
    }

    /// A target that sends what it may not has failed; it hears why.
    @Test func aTargetsWrongMessageMayEndTheSession() async throws {
      let heard = Log()
      let upstream = try ScriptedUpstream { peer in
        let socket = try peer.accept()
        while let frame = try socket.read() {
          if frame.opcode == 8 { heard.add(frame.line) }
          try socket.send(frame)
        }
      }
      let fixture = try Fixture(to: upstream) {
        $0.all.kind = .websocket
        var settings = schema()
        settings.messages = nil
        settings.messagesFromUpstream = Configuration.UpstreamMessageValidation()
        settings.messagesFromUpstream?.action = .close
        $0.all.policies[Configuration.JSONSchema.self] = settings
      }
      let socket = try fixture.client().open()
      try socket.send(text: #"{"n":11}"#)
      #expect(try socket.read()?.closeCode == 1_011)
      try socket.sendClose(1_011)
      let gateway = fixture.gateway
      try await eventually { await gateway.sessions().closed == [.policy: 1] }
      #expect(heard.lines == ["close 1008"])
    }

    /// Callers are promised what the schema says, whoever sends. Other policies do not look at what an
    /// operator sends.
    @Test func whatIsPushedIsCheckedLikeWhatTargetsSend() async throws {
      let fixture = try fixture {
        var settings = schema(.close)
        settings.messagesFromUpstream = Configuration.UpstreamMessageValidation()
        settings.messagesFromUpstream?.schema =
          #"{"required":["price"],"properties":{"a/b":{"items":{"type":"string"}}}}"#
        settings.messagesFromUpstream?.action = .close
        $0.all.policies[Configuration.JSONSchema.self] = settings
        var transform = Configuration.ResponseTransform()
        transform.add.body = ["$.n": "1"]
        transform.messages = Configuration.MessageTransformation()
        $0.all.policies[Configuration.ResponseTransform.self] = transform
        $0.all.messages = Configuration.MessageSettings()
        $0.all.messages?.rateLimitFromUpstream = Configuration.MessageRateLimit()
        $0.all.messages?.rateLimitFromUpstream?.limit = 1
        $0.all.messages?.rateLimitFromUpstream?.window = .seconds(3_600)
        $0.all.messages?.rateLimitFromUpstream?.action = .close
      }
      let socket = try fixture.client().open("apikey: alice-1")
      let id = try #require(
        fixture.upstream?.requests.first?["Sluice-Connection-Id"].flatMap { SessionID($0) })
      func push(_ text: String, isText: Bool = true) async -> SessionPushOutcome {
        await fixture.gateway.push(SessionMessage(isText: isText, bytes: Array(text.utf8)), to: id)
      }
      #expect(await push("{}") == .invalid(pointer: "", keyword: "required"))
      #expect(
        await push(#"{"price":1,"a/b":["x",2]}"#, isText: false)
          == .invalid(pointer: "/a~1b/1", keyword: "type"))
      let large = #"{"price":1,"x":""# + String(repeating: "x", count: 1_024) + "\"}"
      for text in ["no JSON", "", #"{"price":1,"price":2}"#, large] {
        #expect(await push(text) == .invalid(pointer: "", keyword: nil), "\(text)")
      }
      for number in 1...3 {
        #expect(await push("{\"price\":\(number)}") == .accepted(backlog: 0))
        #expect(try socket.text() == "{\"price\":\(number)}")
      }
      // Without the setting nothing is asked of it.
      var next = fixture.gateway.configuration
      next.all.policies[Configuration.JSONSchema.self] = schema()
      try fixture.gateway.reload(next)
      #expect(await push("anything") == .accepted(backlog: 0))
      #expect(try socket.text() == "anything")
    }

    @Test func aSchemaOfTargetsThatIsNoneIsAMistake() {
      var configuration = configuration(targets: ["http://127.0.0.1:1"])
      configuration.all.kind = .websocket
      var settings = schema()
      settings.messagesFromUpstream = Configuration.UpstreamMessageValidation()
      settings.messagesFromUpstream?.schema = #"{"type":"nothing"}"#
      configuration.all.policies[Configuration.JSONSchema.self] = settings
      #expect {
        try Gateway.check(configuration)
      } throws: {
        "\($0)".contains("messagesFromUpstream.schema")
      }
    }

    @Test func withoutTheSettingMessagesAreNotLookedAt() throws {
      let fixture = try fixture {
        var settings = schema()
        settings.messages = nil
        $0.all.policies[Configuration.JSONSchema.self] = settings
      }
      let socket = try fixture.client().open("apikey: alice-1")
      try socket.send(text: "anything")
      #expect(try socket.text() == "anything")
    }

    // MARK: Transforms

    @Test func messagesOfCallersAreChanged() throws {
      let fixture = try fixture {
        var transform = Configuration.RequestTransform()
        transform.remove.body = ["$.secret"]
        transform.rename.body = ["$.old": "new"]
        transform.replace.body = ["$.n": "2"]
        transform.add.body = [
          "$.meta.user": "${consumer.name}", "$.meta.groups": "${consumer.groups}",
          "$.meta.from": "${client.address}", "$.meta.on": "${connection.listener}",
        ]
        transform.append.body = ["$.tags": "x"]
        transform.messages = Configuration.MessageTransformation()
        $0.all.policies[Configuration.RequestTransform.self] = transform
      }
      let socket = try fixture.client().open("apikey: alice-1")
      let text = #"{"n":1,"secret":"s","old":true,"tags":["a"]}"#
      let changed =
        #"{"n":2,"new":true,"tags":["a","x"],"meta":{"from":"127.0.0.1","groups":"traders","on":"web","user":"alice"}}"#
      try socket.send(text: text)
      #expect(try socket.text() == changed)
      try socket.send(binary: Array(text.utf8))
      let frame = try #require(try socket.read())
      #expect(frame.opcode == 2 && frame.payload == Array(changed.utf8))
      // In pieces, and larger than the gateway's buffer.
      let long = String(repeating: "y", count: 200_000)
      try socket.send(text: #"{"secret":1,"long":""# + long + "\"}")
      let answer = try socket.text() ?? ""
      #expect(answer.hasPrefix(#"{"long":"yyy"#) && answer.count > 200_000)
      #expect(!answer.contains("secret"))
    }

    @Test func messagesOfTargetsAreChanged() throws {
      let fixture = try fixture {
        var transform = Configuration.ResponseTransform()
        transform.remove.body = ["$.internal"]
        transform.add.body = ["$.session": "${connection.id}"]
        transform.messages = Configuration.MessageTransformation()
        $0.all.policies[Configuration.ResponseTransform.self] = transform
      }
      let socket = try fixture.client().open("apikey: alice-1")
      try socket.send(text: #"{"a":1,"internal":{"x":[1,2]}}"#)
      let text = try socket.text() ?? ""
      #expect(text.wholeMatch(of: #/\{"a":1,"session":"[A-Za-z0-9_-]{22}"\}/#) != nil, "\(text)")
      // What can't be changed does not get through to the caller.
      try socket.send(text: "no JSON")
      try socket.send(text: #"{"internal":1,"internal":2}"#)
      try socket.send(text: #"{"internal":1,"b":2}"#)
      #expect((try socket.text() ?? "").hasPrefix(#"{"b":2,"session""#))
    }

    @Test(arguments: Configuration.UnusableMessageAction.allCases)
    func whatIsNoJSONIsWhatTheSettingSays(action: Configuration.UnusableMessageAction) throws {
      let fixture = try fixture {
        var transform = Configuration.RequestTransform()
        transform.add.body = ["$.user": "${consumer.name}"]
        transform.messages = Configuration.MessageTransformation()
        transform.messages?.unusable = action
        $0.all.policies[Configuration.RequestTransform.self] = transform
      }
      let socket = try fixture.client().open("apikey: alice-1")
      try socket.send(text: "no JSON")
      switch action {
      case .pass: #expect(try socket.text() == "no JSON")
      case .refuse: #expect(try socket.text() == Self.unreadable)
      case .close:
        #expect(try socket.read()?.closeCode == 1_008)
        return
      }
      // One that others read differently could carry a user of its own.
      try socket.send(text: #"{"user":"root","user":"root"}"#)
      #expect(try socket.text() == Self.unreadable)
      // What is there is not added, what is not JSON inside a text stays inside.
      try socket.send(text: #"{"a":"\"user\":"}"#)
      #expect(try socket.text() == #"{"a":"\"user\":","user":"alice"}"#)
    }

    /// Checked as it came, changed for the target.
    @Test func theSchemaComesBeforeTheChange() throws {
      let fixture = try fixture {
        var settings = schema()
        settings.schema = #"{"additionalProperties":false,"properties":{"n":{}}}"#
        $0.all.policies[Configuration.JSONSchema.self] = settings
        var transform = Configuration.RequestTransform()
        transform.add.body = ["$.user": "${consumer.name}"]
        transform.messages = Configuration.MessageTransformation()
        $0.all.policies[Configuration.RequestTransform.self] = transform
      }
      let socket = try fixture.client().open("apikey: alice-1")
      try socket.send(text: #"{"n":1}"#)
      #expect(try socket.text() == #"{"n":1,"user":"alice"}"#)
      try socket.send(text: #"{"n":1,"user":"root"}"#)
      #expect(try socket.text() == invalid("/user", "additionalProperties"))
    }

    // MARK: bandwidth-limit

    /// Whoever sent too much is not read for a while: what it sends arrives whole, and late.
    @Test func bytesOfMessagesCountForTheCallersRate() async throws {
      let fixture = try fixture {
        var limit = Configuration.BandwidthLimit()
        limit.request = .kibibytes(1_024)
        limit.burst = .kibibytes(64)
        limit.messages = true
        $0.all.policies[Configuration.BandwidthLimit.self] = limit
      }
      let first = try fixture.client().open("apikey: alice-1")
      let second = try fixture.client().open("apikey: alice-1")
      let stranger = try fixture.client().open("apikey: bob-1")
      let began = ContinuousClock.now
      let large = String(repeating: "x", count: 256 * 1_024)
      try first.send(text: large)
      #expect(try first.text() == large)
      // 192 KiB over: the same caller's other session may send one, which is over the rate, and then waits.
      try second.send(text: "a")
      #expect(try second.text() == "a")
      try second.send(text: "b")
      for index in 0..<100 {
        try stranger.send(text: "\(index)")
        #expect(try stranger.text() == "\(index)")
      }
      #expect(try second.text() == "b")
      // 1 MiB in a second: they can't have been made up for sooner.
      #expect(ContinuousClock.now - began >= .milliseconds(187))
    }

    @Test func eachSessionMayHaveTheWholeRate() throws {
      let fixture = try fixture {
        var limit = Configuration.BandwidthLimit()
        limit.response = .kibibytes(1_024)
        limit.burst = .kibibytes(64)
        limit.by = .request
        limit.messages = true
        $0.all.policies[Configuration.BandwidthLimit.self] = limit
      }
      let first = try fixture.client().open("apikey: alice-1")
      let began = ContinuousClock.now
      for _ in 0..<4 {
        let large = String(repeating: "x", count: 64 * 1_024)
        try first.send(text: large)
        #expect(try first.text() == large)
      }
      try first.send(text: "last")
      #expect(try first.text() == "last")
      #expect(ContinuousClock.now - began >= .milliseconds(187))
      let second = try fixture.client().open("apikey: alice-1")
      try second.send(text: "free")
      #expect(try second.text() == "free")
    }
  }
}
