import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// Messages that neither end of a session sent.
  @Suite struct Pushes {
    /// The target sends the first part of a message, and the rest when the gate opens.
    private func scene(
      _ first: @escaping @Sendable (WebSocketPeer) -> [UInt8],
      _ rest: @escaping @Sendable (WebSocketPeer) -> [UInt8], _ gate: Gate,
      _ edit: (inout Configuration.ConnectionSettings) -> Void = { _ in }
    ) throws -> SessionFixture {
      try SessionFixture(
        { peer in
          let socket = try peer.accept()
          try socket.socket.send(first(socket))
          gate.wait()
          try socket.socket.send(rest(socket))
          _ = try socket.read()
        }, connection: edit)
    }

    private func push(_ text: String, _ scene: SessionFixture) async throws -> SessionPushOutcome {
      let id = try #require(
        scene.upstream.requests.first?["Sluice-Connection-Id"].flatMap { SessionID($0) })
      return await scene.gateway.push(SessionMessage(isText: true, bytes: Array(text.utf8)), to: id)
    }

    private static func begin(_ text: String) -> WebSocketPeer.Frame {
      .init(opcode: 1, payload: Array(text.utf8), isFinal: false)
    }

    private static func next(_ text: String, isLast: Bool = false) -> WebSocketPeer.Frame {
      .init(opcode: 0, payload: Array(text.utf8), isFinal: isLast)
    }

    @Test(arguments: [false, true])
    func aPushWaitsForTheEndOfTheTargetsMessage(isWithinFrame: Bool) async throws {
      let gate = Gate()
      let cut = isWithinFrame ? 5 : 7
      let whole: @Sendable (WebSocketPeer) -> [UInt8] = {
        $0.bytes(Self.begin("first")) + $0.bytes(.init(opcode: 9, payload: Array("ping".utf8)))
          + $0.bytes(Self.next("second")) + $0.bytes(Self.next("third", isLast: true))
          + $0.bytes(.init(opcode: 1, payload: Array("other".utf8)))
      }
      let scene = try scene({ Array(whole($0)[..<cut]) }, { Array(whole($0)[cut...]) }, gate)
      let client = try scene.open()
      while client.reader.buffer.count < cut { try #require(try client.reader.fill()) }
      #expect(try await push("one", scene) == .accepted(backlog: 5))
      #expect(try await push("two", scene) == .accepted(backlog: 10))
      #expect(await scene.report()?.backlog == 10)
      gate.open()
      var lines: [String] = []
      while lines.count < 7, let frame = try client.read() { lines.append(frame.line) }
      #expect(lines == ["first", "ping ping", "second", "third", "one", "two", "other"])
      #expect(await scene.report()?.backlog == 0)
      #expect(try await push("three", scene) == .accepted(backlog: 0))
      #expect(try client.text() == "three")
    }

    @Test func whatWaitsForAMessageIsBounded() async throws {
      let gate = Gate()
      let scene = try scene(
        { $0.bytes(Self.begin("begin")) }, { $0.bytes(Self.next("end", isLast: true)) }, gate,
        { $0.maxBacklog = .kibibytes(4) })
      let client = try scene.open()
      #expect(try client.read()?.text == "begin")
      let large = String(repeating: "x", count: 4_093)
      #expect(try await push(large, scene) == .accepted(backlog: 4_097))
      #expect(try await push("more", scene) == .backlogFull(backlog: 4_097))
      // The target is not held back by what waits for it.
      gate.open()
      #expect(try client.read()?.text == "end")
      #expect(try client.read()?.text == large)
      #expect(try await push("more", scene) == .accepted(backlog: 0))
      #expect(try client.text() == "more")
    }

    /// Frames of two messages don't mix, so what waited is lost when the session ends before.
    @Test func anEndBeforeTheTargetsMessageIsWholeEndsWhatWaits() async throws {
      let gate = Gate()
      let scene = try scene(
        { $0.bytes(Self.begin("begin")) }, { $0.bytes(Self.next("end", isLast: true)) }, gate)
      let client = try scene.open()
      #expect(try client.read()?.text == "begin")
      #expect(try await push("never", scene) == .accepted(backlog: 7))
      try client.sendClose(1_000)
      try await eventually("the close frame") {
        await scene.gateway.count(SessionFilter()) == 0
      }
      #expect(try client.lines().allSatisfy { $0.hasPrefix("close") || $0 == "end" })
      #expect(await scene.report()?.backlog == 0)
      gate.open()
    }

    /// There the caller gets whole messages only.
    @Test func inspectedMessagesHoldNoPushUp() async throws {
      let gate = Gate()
      let scene = try SessionFixture(
        { peer in
          let socket = try peer.accept()
          try socket.send(Self.begin("first"))
          try socket.send(.init(opcode: 9, payload: Array("ping".utf8)))
          _ = try socket.read()
          gate.wait()
          try socket.send(Self.next("last", isLast: true))
          _ = try socket.read()
        }, messages: { $0.inspect = true })
      let client = try scene.open()
      // The ping behind the fragment was answered, so the gateway has both.
      try client.send(text: "x")
      #expect(try await push("now", scene) == .accepted(backlog: 0))
      #expect(try client.text() == "now")
      gate.open()
      #expect(try client.text() == "firstlast")
    }
  }
}
