import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// Sessions whose messages are inspected, without a policy that changes anything.
  @Suite struct Inspection {
    private func fixture(
      _ script: @escaping ScriptedUpstream.Script,
      _ edit: (inout Configuration.MessageSettings) -> Void = { _ in }
    ) throws -> SessionFixture {
      try SessionFixture(
        script,
        messages: {
          $0.inspect = true
          edit(&$0)
        })
    }

    @Test func messagesPassBothWays() async throws {
      let fixture = try fixture { try $0.accept().echo() }
      let socket = try fixture.open()
      let sizes = [0, 1, 125, 126, 127, 65_535, 65_536, 300_000, 10, 1_000_000]
      let writer = Thread {
        for size in sizes {
          try? socket.send(binary: [UInt8](repeating: UInt8(size & 255), count: size))
        }
      }
      writer.start()
      for size in sizes {
        let frame = try #require(try socket.read())
        #expect(frame.opcode == 2)
        #expect(frame.payload.count == size)
        #expect(frame.payload.allSatisfy { $0 == UInt8(size & 255) })
      }
      let report = try #require(await fixture.report())
      #expect(report.messagesFromClient == UInt64(sizes.count))
      #expect(report.bytesFromClient == UInt64(sizes.reduce(0, +)))
      #expect(report.messagesFromUpstream == UInt64(sizes.count))
      #expect(report.bytesFromUpstream == UInt64(sizes.reduce(0, +)))
    }

    /// A frame that came whole is not masked anew.
    @Test func aWholeFramePassesAsItIs() throws {
      let gate = Gate()
      let seen = Log()
      let fixture = try fixture { peer in
        let socket = try peer.accept()
        while socket.reader.buffer.count < 11 { try socket.reader.fill() }
        seen.add("\(Array(socket.reader.buffer))")
        gate.open()
        try socket.echo()
      }
      let socket = try fixture.open()
      let frame = socket.bytes(.init(opcode: 1, payload: Array("hello".utf8)))
      try socket.socket.send(frame)
      gate.wait()
      #expect(seen.lines == ["\(frame)"])
    }

    @Test func fragmentsAreJoinedAndControlFramesBetweenThemAnswered() throws {
      let fixture = try fixture { peer in
        let socket = try peer.accept()
        while let frame = try socket.read() {
          try socket.send(text: "\(frame.opcode) \(frame.isFinal) \(frame.text)")
        }
      }
      let socket = try fixture.open()
      try socket.send(.init(opcode: 1, payload: Array("frag".utf8), isFinal: false))
      try socket.send(.init(opcode: 9, payload: Array("mine".utf8)))
      try socket.send(.init(opcode: 0, payload: [], isFinal: false))
      try socket.send(.init(opcode: 10, payload: Array("nobody asked".utf8)))
      try socket.send(.init(opcode: 0, payload: Array("ments".utf8)))
      #expect(try socket.read()?.line == "pong mine")
      #expect(try socket.text() == "1 true fragments")
    }

    @Test func pingsOfTheTargetAreAnsweredByTheGateway() throws {
      let log = Log()
      let fixture = try fixture { peer in
        let socket = try peer.accept()
        try socket.send(.init(opcode: 9, payload: Array("who".utf8)))
        let pong = try socket.read()
        log.add("\(pong?.line ?? "") \(pong?.isMasked ?? false)")
        try socket.send(text: "done")
        _ = try socket.read()
      }
      let socket = try fixture.open()
      // The ping is not passed on.
      #expect(try socket.text() == "done")
      #expect(log.lines == ["pong who true"])
    }

    @Test func pingsOfTheGatewayAreAnsweredForItAlone() async throws {
      let fixture = try SessionFixture(
        { try $0.accept().echo() },
        connection: {
          $0.ping = .milliseconds(20)
          $0.pongTimeout = .seconds(30)
        }, messages: { $0.inspect = true })
      let socket = try fixture.open()
      for _ in 0..<2 {
        let ping = try #require(try socket.read())
        #expect(ping.opcode == 9)
        try socket.send(.init(opcode: 10, payload: ping.payload))
      }
      try socket.send(text: "end")
      while let frame = try socket.read(), frame.text != "end" {}
      let report = try #require(await fixture.report())
      #expect(report.roundTrips.reduce(0, +) >= 2)
    }

    @Test func everySplitIsTheSame() throws {
      let fixture = try fixture { try $0.accept().echo() }
      let socket = try fixture.open()
      let frames: [WebSocketPeer.Frame] = [
        .init(opcode: 1, payload: Array("grün".utf8)),
        .init(opcode: 2, payload: [UInt8](repeating: 3, count: 200), isFinal: false),
        .init(opcode: 0, payload: [4]), .init(opcode: 2, payload: []),
      ]
      let stream = frames.flatMap { socket.bytes($0) }
      for piece in [1, 2, 3, 7, 50, stream.count] {
        var rest = stream[...]
        while !rest.isEmpty {
          try socket.socket.send(rest.prefix(piece))
          rest = rest.dropFirst(piece)
        }
        #expect(try socket.text() == "grün")
        #expect(try socket.read()?.payload == [UInt8](repeating: 3, count: 200) + [4])
        #expect(try socket.read()?.payload == [])
      }
    }

    @Test func manyMessagesInOneSegment() async throws {
      let fixture = try fixture { try $0.accept().echo() }
      let socket = try fixture.open()
      let one = socket.bytes(.init(opcode: 1, payload: Array("x".utf8)))
      try socket.socket.send((0..<1_000).flatMap { _ in one })
      for _ in 0..<1_000 { #expect(try socket.text() == "x") }
      #expect(await fixture.report()?.messagesFromClient == 1_000)
    }

    @Test func textThatIsNoTextEndsTheSession() async throws {
      let log = Log()
      let fixture = try fixture { try $0.accept().lines().forEach(log.add) }
      let socket = try fixture.open()
      try socket.send(text: "good")
      // As soon as it can be known: the frame is not complete.
      let bad = socket.bytes(.init(opcode: 1, payload: Array("bad".utf8) + [0xFF, 0x20, 0x20]))
      try socket.socket.send(bad.dropLast(2))
      #expect(try socket.lines() == ["close 1007"])
      socket.socket.close()
      try await fixture.cause(is: .protocolError)
      try waitUntil { fixture.upstream.endedCount == 1 }
      #expect(log.lines == ["good", "close 1001"])
    }

    @Test func tooManyFragmentsAreAMessageThatIsTooBig() async throws {
      let fixture = try fixture({ try $0.accept().echo() }, { $0.maxFragments = 3 })
      let socket = try fixture.open()
      for index in 0..<4 {
        try socket.send(.init(opcode: index == 0 ? 1 : 0, payload: [65], isFinal: false))
      }
      #expect(try socket.lines() == ["close 1009"])
      socket.socket.close()
      try await fixture.cause(is: .messageTooBig)
    }

    /// What is compressed could not be looked at.
    @Test func compressionIsNotNegotiated() throws {
      let fixture = try fixture { try $0.accept().echo() }
      let client = try fixture.fixture.client()
      let socket = try client.open("Sec-WebSocket-Extensions: permessage-deflate")
      let request = try #require(fixture.upstream.requests.first)
      #expect(request["Sec-WebSocket-Extensions"] == nil)
      try socket.send(text: "plain")
      #expect(try socket.text() == "plain")
      try socket.socket.send([0xC1, 0x80, 0, 0, 0, 0])
      #expect(try socket.lines() == ["close 1002"])
    }

    @Test func closeFramesPassFromEndToEnd() async throws {
      let log = Log()
      let fixture = try fixture { peer in
        let socket = try peer.accept()
        log.add(try socket.read()?.line ?? "")
        log.add(try socket.read()?.line ?? "")
        try socket.sendClose(3_001)
      }
      let socket = try fixture.open()
      try socket.send(text: "last")
      try socket.sendClose(4_000, "bye")
      // The answer is to what was said; the target's own code is not the reason of the end.
      #expect(try socket.lines() == ["close 4000"])
      try await fixture.cause(is: .client)
      #expect(log.lines == ["last", "close 4000"])
    }
  }
}
