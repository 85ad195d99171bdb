import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// Callers that read more slowly than their targets send.
  @Suite struct SlowConsumers {
    private static func message(_ number: Int, size: Int) -> String {
      let start = "\(number) "
      return start + String(repeating: ".", count: size - start.utf8.count)
    }

    private static func number(_ text: String) -> Int { Int(text.prefix { $0 != " " }) ?? -1 }

    /// More than the kernel keeps for a caller that does not read.
    private static let flood = 120
    private static let floodSize = 64 * 1_024

    private static func sendFlood(_ socket: WebSocketPeer) throws {
      for number in 0..<flood { try socket.send(text: message(number, size: floodSize)) }
    }

    /// The numbers of the messages that a caller gets that begins to read when all were sent.
    private func numbers(
      _ action: Configuration.SlowConsumerAction, maxBacklog: ByteCount
    ) async throws -> (numbers: [Int], dropped: UInt64) {
      let fixture = try SessionFixture(
        { peer in
          let socket = try peer.accept()
          try Self.sendFlood(socket)
          try socket.echo()
        },
        connection: {
          $0.slowConsumer = action
          $0.maxBacklog = maxBacklog
        })
      let socket = try fixture.open(receiveBuffer: 65_536)
      try await eventually("all messages") {
        let report = await fixture.report()
        // One message, or what the kernel did not take of one, is beyond the bound.
        #expect((report?.backlog ?? 0) <= maxBacklog.bytes + 2 * Self.floodSize)
        return report?.messagesFromUpstream == UInt64(Self.flood)
      }
      let dropped = await fixture.dropped(.slowConsumer)
      var numbers: [Int] = []
      for _ in 0..<(UInt64(Self.flood) - dropped) {
        let text = try #require(try socket.text())
        #expect(text.utf8.count == Self.floodSize)
        numbers.append(Self.number(text))
      }
      // That was all.
      try socket.send(text: "end")
      #expect(try socket.text() == "end")
      #expect(await fixture.dropped(.slowConsumer) == dropped)
      return (numbers, dropped)
    }

    @Test func theOldestMessagesGiveWay() async throws {
      let backlog = ByteCount(5 * (Self.floodSize + 100))
      let (numbers, dropped) = try await numbers(.dropOldest, maxBacklog: backlog)
      #expect(numbers == numbers.sorted())
      #expect(Set(numbers).count == numbers.count)
      #expect(dropped > 0)
      #expect(numbers.last == Self.flood - 1)
    }

    @Test func theNewestMessagesAreLeftOut() async throws {
      let backlog = ByteCount(5 * (Self.floodSize + 100))
      let (numbers, dropped) = try await numbers(.dropNewest, maxBacklog: backlog)
      #expect(numbers == numbers.sorted())
      #expect(numbers.first == 0)
      #expect(numbers.last ?? 0 < Self.flood - 1)
      #expect(dropped > 0)
    }

    /// One message always has room.
    @Test func aMessageMayBeLargerThanTheBacklog() async throws {
      let (numbers, dropped) = try await numbers(.dropOldest, maxBacklog: .kibibytes(4))
      #expect(numbers.last == Self.flood - 1)
      #expect(dropped > 0)
    }

    @Test func slowCallersLoseTheSessionIfTheyStaySlow() async throws {
      for inspects in [false, true] {
        let fixture = try SessionFixture(
          { peer in
            let socket = try peer.accept()
            while true { try socket.send(binary: [UInt8](repeating: 7, count: 65_536)) }
          },
          connection: {
            $0.slowConsumer = .close
            $0.slowConsumerTimeout = .milliseconds(50)
            $0.closeTimeout = .milliseconds(50)
          }, messages: { $0.inspect = inspects })
        let socket = try fixture.open(receiveBuffer: 65_536)
        try await fixture.cause(is: .slowConsumer)
        try waitUntil { fixture.upstream.endedCount == 1 }
        withExtendedLifetime(socket) {}
      }
    }

    @Test func aSlowCallerThatReadsOnHearsWhy() async throws {
      let log = Log()
      let fixture = try SessionFixture(
        { peer in
          let socket = try peer.accept()
          let writer = Thread { try? Self.sendFlood(socket) }
          writer.start()
          while let frame = try socket.read() { log.add(frame.line) }
        },
        connection: {
          $0.slowConsumer = .close
          $0.slowConsumerTimeout = .milliseconds(20)
          $0.closeTimeout = .seconds(30)
        })
      let socket = try fixture.open(receiveBuffer: 65_536)
      try waitUntil { log.lines == ["close 1001"] }
      var frame = try socket.read()
      while frame?.opcode == 1 { frame = try socket.read() }
      #expect(frame?.closeCode == 1_008)
      socket.socket.close()
      try await fixture.cause(is: .slowConsumer)
    }

    @Test func aRouteMayAllowALargerBacklog() async throws {
      let gate = Gate()
      let fixture = try SessionFixture(
        { peer in
          let socket = try peer.accept()
          try Self.sendFlood(socket)
          gate.wait()
        }, connection: { $0.maxBacklog = .mebibytes(1) })
      let socket = try fixture.open(receiveBuffer: 65_536)
      try await eventually("a large backlog") { await fixture.report()?.backlog ?? 0 > 1_048_576 }
      // Reading stopped with the read that passed the bound.
      #expect(await fixture.report()?.backlog ?? 0 <= 1_048_576 + 256 * 1_024)
      gate.open()
      for number in 0..<Self.flood { #expect(try Self.number(socket.text() ?? "") == number) }
    }

    // MARK: Conflation

    private static func tick(_ symbol: String, _ price: Int) -> String {
      #"{"symbol": "\#(symbol)", "price": \#(price)}"#
    }

    private func conflating(
      maxKeys: Int = 1_024, _ script: @escaping ScriptedUpstream.Script
    ) throws -> SessionFixture {
      try SessionFixture(
        script, connection: { $0.maxBacklog = .mebibytes(64) },
        messages: {
          var settings = Configuration.Conflation()
          settings.key = "$.symbol"
          settings.maxKeys = maxKeys
          $0.conflate = settings
        })
    }

    @Test func onlyTheNewestMessageOfAKeyWaits() async throws {
      let (flooded, ticked) = (Gate(), Gate())
      let fixture = try conflating { peer in
        let socket = try peer.accept()
        try Self.sendFlood(socket)
        flooded.wait()
        for price in 0..<1_000 {
          try socket.send(text: Self.tick("AAPL", price))
          try socket.send(text: Self.tick("GOOG", -price))
          if price == 500 { try socket.send(text: "a note") }
        }
        ticked.wait()
        for price in 2_000..<2_005 {
          try socket.send(text: Self.tick("AAPL", price))
          _ = try socket.text()
        }
        _ = try socket.lines()
      }
      let socket = try fixture.open(receiveBuffer: 65_536)
      let count = UInt64(Self.flood)
      try await eventually { await fixture.report()?.messagesFromUpstream == count }
      let before = try #require(await fixture.report()?.backlog)
      flooded.open()
      try await eventually { await fixture.report()?.messagesFromUpstream == count + 2_001 }
      // Two prices and a note are all that was added.
      let after = try #require(await fixture.report()?.backlog)
      #expect(after - before <= 3 * 64)
      #expect(await fixture.dropped(.conflated) == 1_998)
      #expect(await fixture.dropped(.slowConsumer) == 0)
      for number in 0..<Self.flood { #expect(try Self.number(socket.text() ?? "") == number) }
      #expect(try socket.text() == Self.tick("AAPL", 999))
      #expect(try socket.text() == Self.tick("GOOG", -999))
      #expect(try socket.text() == "a note")
      // Who keeps up gets everything.
      ticked.open()
      for price in 2_000..<2_005 {
        #expect(try socket.text() == Self.tick("AAPL", price))
        try socket.send(text: "next")
      }
      #expect(await fixture.dropped(.conflated) == 1_998)
    }

    /// However reading and sending fall together, nothing goes backwards and the last value is right.
    @Test func theLastValueOfEverySymbolArrives() async throws {
      let count = 4_000
      let padding = String(repeating: " ", count: 500)
      let fixture = try conflating { peer in
        let socket = try peer.accept()
        for price in 0..<count {
          try socket.send(text: Self.tick(price % 2 == 0 ? "AAPL" : "GOOG", price) + padding)
        }
        _ = try socket.lines()
      }
      let socket = try fixture.open(receiveBuffer: 65_536)
      var last: [String: Int] = [:]
      var received = 0
      while last["AAPL"] != count - 2 || last["GOOG"] != count - 1 {
        let text = try #require(try socket.text())
        received += 1
        let symbol = text.contains("AAPL") ? "AAPL" : "GOOG"
        let price = try #require(Int(text.filter(\.isNumber)))
        #expect(price > last[symbol] ?? -1)
        last[symbol] = price
      }
      #expect(await fixture.dropped(.conflated) == UInt64(count - received))
    }

    @Test func moreKeysThanMayWaitHoldTheTargetBack() async throws {
      let fixture = try conflating(maxKeys: 2) { peer in
        let socket = try peer.accept()
        try Self.sendFlood(socket)
        for symbol in ["A", "A", "B", "C", "D", "A"] {
          try socket.send(text: Self.tick(symbol, 1))
        }
        _ = try socket.lines()
      }
      let socket = try fixture.open(receiveBuffer: 65_536)
      let count = UInt64(Self.flood) + 3
      try await eventually { await fixture.report()?.messagesFromUpstream == count }
      #expect(await fixture.dropped(.conflated) == 1)
      #expect(await fixture.report()?.messagesFromUpstream == count)
      for _ in 0..<Self.flood { _ = try socket.text() }
      for symbol in ["A", "B", "C", "D", "A"] {
        #expect(try socket.text() == Self.tick(symbol, 1))
      }
      #expect(await fixture.dropped(.conflated) == 1)
    }

    /// What waits goes out in front of the close frame.
    @Test func aCloseFrameComesBehindWhatWaits() async throws {
      let fixture = try conflating { peer in
        let socket = try peer.accept()
        try Self.sendFlood(socket)
        try socket.send(text: Self.tick("AAPL", 1))
        try socket.send(text: Self.tick("AAPL", 2))
        try socket.sendClose(1_000)
        _ = try socket.lines()
      }
      let socket = try fixture.open(receiveBuffer: 65_536)
      let count = UInt64(Self.flood) + 2
      try await eventually { await fixture.report()?.messagesFromUpstream == count }
      for _ in 0..<Self.flood { _ = try socket.text() }
      #expect(try socket.text() == Self.tick("AAPL", 2))
      #expect(try socket.read()?.closeCode == 1_000)
      try socket.sendClose(1_000)
      try await fixture.cause(is: .upstream)
      #expect(await fixture.report()?.backlog == 0)
    }
  }
}
