import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// Pongs that do not come at once.
  @Suite struct Pings {
    /// The target never sent a ping, so no pong is for it, however many pings went out meanwhile.
    @Test(arguments: [false, true])
    func aLatePongIsForTheGatewayAlone(isInspected: Bool) async throws {
      let log = Log()
      let scene = try SessionFixture(
        { peer in
          let socket = try peer.accept()
          while let frame = try socket.read() {
            log.add(frame.line)
            if frame.opcode == 1 { try socket.send(text: "answer") }
          }
        },
        connection: {
          $0.ping = .milliseconds(20)
          $0.pongTimeout = .seconds(5)
        }, messages: { $0.inspect = isInspected })
      let client = try scene.open()
      var pings: [[UInt8]] = []
      while pings.count < 3 {
        pings.append(try #require(try client.read()).payload)
        // Who shows no life gets no further ping.
        try client.send(text: "alive")
        while let frame = try client.read(), frame.text != "answer" {}
      }
      #expect(Set(pings).count == 3)
      for ping in pings { try client.send(.init(opcode: 10, payload: ping)) }
      // Once answered, a ping is not the gateway's any more: this is nobody's, as any pong unasked for.
      try client.send(.init(opcode: 10, payload: pings[1]))
      try client.send(text: "end")
      while let frame = try client.read(), frame.text != "answer" {}
      #expect(log.lines.last == "end")
      #expect(log.lines.count == pings.count + (isInspected ? 1 : 2))
    }

    /// However often pings go out: the wait for the first answer is not begun anew.
    @Test func silenceIsFoundWhenPingsAreMoreFrequentThanTheirTimeout() async throws {
      let scene = try SessionFixture(
        { peer in
          let socket = try peer.accept()
          while try socket.read() != nil {}
        },
        connection: {
          $0.ping = .milliseconds(10)
          $0.pongTimeout = .milliseconds(200)
        })
      let client = try scene.open()
      let ping = try #require(try client.read())
      #expect(ping.opcode == 9)
      try client.send(.init(opcode: 10, payload: ping.payload))
      // The next one is not answered, and there is none after it.
      #expect(try client.read()?.opcode == 9)
      let last = try client.read()
      #expect(last == nil || last?.opcode == 8)
    }

    /// That the caller lives was seen by its message, and the ping not waited for any more.
    @Test func aPongBehindAMessageIsForTheGatewayAlone() async throws {
      let log = Log()
      let scene = try SessionFixture(
        { peer in
          let socket = try peer.accept()
          while let frame = try socket.read() {
            log.add(frame.line)
            try socket.send(text: "answer")
          }
        },
        connection: {
          $0.ping = .milliseconds(30)
          $0.pongTimeout = .seconds(5)
        })
      let client = try scene.open()
      let ping = try #require(try client.read())
      try client.send(text: "alive")
      while let frame = try client.read(), frame.text != "answer" {}
      // Not before the next ping: the first one is settled then.
      #expect(try client.read()?.opcode == 9)
      try client.send(.init(opcode: 10, payload: ping.payload))
      try client.send(text: "end")
      while let frame = try client.read(), frame.text != "answer" {}
      #expect(log.lines == ["alive", "end"])
    }

    /// The kernel takes all of it at once, so nothing shows that it arrives, nor that it does not.
    @Test func aFrameThatTakesLongIsNoSilenceOfItsReader() async throws {
      let scene = try SessionFixture(
        { peer in
          let socket = try peer.accept()
          let frame = socket.bytes(.init(opcode: 2, payload: [UInt8](repeating: 7, count: 100)))
          try socket.socket.send(frame.prefix(50))
          Thread.sleep(forTimeInterval: 1)
          try socket.socket.send(frame.dropFirst(50))
          try socket.echo()
        },
        connection: {
          $0.ping = .milliseconds(50)
          $0.pongTimeout = .milliseconds(300)
        })
      let client = try scene.open()
      #expect(try client.read()?.payload.count == 100)
      try client.send(text: "here")
      #expect(try client.message() == "here")
      // And pings go on.
      try await scene.cause(is: .network)
    }
  }
}
