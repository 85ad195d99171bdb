import Testing

@testable import SluiceGateway

/// In which order responses go out that wait together (RFC 9218).
@Suite struct HTTP2PriorityTests {
  /// Requests with these priorities, all answered before anything is sent; the streams of their DATA.
  private func order(
    _ priorities: [String?], bytes: Int = 100, then frames: [HTTP2Frame] = []
  ) throws -> [Int] {
    let memory = HTTP2Memory()
    let ids = priorities.indices.map { $0 * 2 + 1 }
    for (id, priority) in zip(ids, priorities) {
      let fields = priority.map { [("priority", $0)] } ?? []
      memory.send(.headers(id, HTTP2Frame.request("GET", "/", fields)))
    }
    for frame in frames { memory.send(frame) }
    for id in ids {
      let stream = try #require(memory.stream(Int32(id)))
      memory.respond(Int32(id), 200)
      memory.session.append([UInt8](repeating: 7, count: bytes).span, to: stream)
      memory.session.end(stream)
    }
    memory.flush()
    return memory.received.frames.filter { $0.kind == HTTP2Frame.Kind.data }.map(\.stream)
  }

  @Test func urgencyDecides() throws {
    #expect(try order(["u=7", "u=0", nil, "u=5"]) == [3, 5, 7, 1])
  }

  @Test func whatIsNotUnderstoodIsTheDefault() throws {
    #expect(try order(["u=4", "u=99", "\"", "u=2"]) == [7, 3, 5, 1])
  }

  @Test func callersMayChangeTheirMind() throws {
    let update = HTTP2Frame(
      kind: 0x10, payload: HTTP2Frame.number(1, 4) + Array("u=1".utf8))
    #expect(try order(["u=7", "u=3"], then: [update]) == [1, 3])
  }

  /// A script is of use when it is whole, an image's parts at once.
  @Test func incrementalOnesTakeTurns() throws {
    #expect(try order([nil, nil], bytes: 30_000) == [1, 1, 3, 3])
    #expect(try order(["i", "i"], bytes: 30_000) == [1, 3, 1, 3])
  }
}
