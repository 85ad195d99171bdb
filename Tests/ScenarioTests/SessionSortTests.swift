import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// Every order in which sessions are listed, over two workers.
  @Suite struct SessionSorts {
    @Test func everyKeyHasItsOrder() async throws {
      let upstream = try ScriptedUpstream { peer in
        let socket = try peer.accept()
        while let frame = try socket.read() {
          if frame.opcode == 8 { return }
          try socket.send(frame)
        }
      }
      let fixture = try Fixture(to: upstream) {
        $0.workers = .count(2)
        $0.all.kind = .websocket
      }
      // The first one says least often and most, the last one most often and least.
      let sockets = try (0..<4).map { _ in try fixture.client().open() }
      let texts = [["aaaaaaaaaaaaaaaaaaaa"], ["bbbbb", "b"], ["c", "c", "c"], ["", "", "d", ""]]
      for (socket, texts) in zip(sockets, texts) {
        for text in texts {
          try socket.send(text: text)
          #expect(try socket.text() == text)
        }
      }
      let gateway = fixture.gateway
      try await eventually("all counts") {
        await gateway.page(SessionQuery()).sessions.map(\.fromUpstream.messages).sorted()
          == [1, 2, 3, 4]
      }
      func list(_ sort: String, limit: Int = 10) async throws -> [UInt64] {
        var query = SessionQuery()
        query.sort = try #require(SessionSort(sort))
        query.limit = limit
        var found: [UInt64] = []
        repeat {
          let page = await gateway.page(query)
          found += page.sessions.map(\.fromClient.messages)
          query.cursor = page.next
        } while query.cursor != nil
        return found
      }
      for limit in [1, 3, 10] {
        #expect(try await list("messages", limit: limit) == [1, 2, 3, 4])
        #expect(try await list("-messages", limit: limit) == [4, 3, 2, 1])
        #expect(try await list("bytes", limit: limit) == [4, 3, 2, 1])
        #expect(try await list("opened", limit: limit) == [1, 2, 3, 4])
        // Who was heard of last comes last.
        #expect(try await list("active", limit: limit) == [1, 2, 3, 4])
        #expect(try await list("-active", limit: limit) == [4, 3, 2, 1])
      }
      for sort in ["id", "backlog", "-backlog", "rtt", "-rtt"] {
        #expect(try await list(sort, limit: 3).sorted() == [1, 2, 3, 4])
      }
      withExtendedLifetime(sockets) {}
    }
  }
}
