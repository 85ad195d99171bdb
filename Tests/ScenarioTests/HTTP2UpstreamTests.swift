import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// Targets that speak HTTP/2.
  @Suite struct HTTP2Upstreams {
    // MARK: Requests and responses

    @Test func requestsPassByPriorKnowledge() throws {
      let seen = Counter()
      let upstream = try ScriptedUpstream.http2 { peer in
        let request = try peer.request(1)
        #expect(request[":method"] == "GET")
        #expect(request[":scheme"] == "http")
        #expect(request[":authority"] == "gateway.test")
        #expect(request[":path"] == "/b?c=d")
        #expect(request["x-one"] == "1")
        #expect(request["cookie"] == "a=1")
        #expect(request["x-forwarded-for"] == "127.0.0.1")
        for name in ["host", "connection", "te", "transfer-encoding", "keep-alive"] {
          #expect(request[name] == nil, "\(name)")
        }
        // Nothing that begins with a colon comes behind anything else.
        let names = request.heads[0].map(\.name)
        #expect(names.prefix(4).allSatisfy { $0.hasPrefix(":") })
        #expect(names.dropFirst(4).allSatisfy { !$0.hasPrefix(":") && $0 == $0.lowercased() })
        seen.add(1)
        try peer.answer(1, "hello", [("x-two", "2"), ("content-length", "5")])
        try peer.readToEnd()
      }
      let fixture = try Fixture.http2(to: upstream)
      let response = try fixture.get(
        "/a/../b?c=d", "X-One: 1", "Cookie: a=1", "Connection: keep-alive", "TE: trailers")
      #expect(response.status == 200)
      #expect(response.text == "hello")
      #expect(response["X-Two"] == "2")
      #expect(response["Content-Length"] == "5")
      #expect(seen.value == 1)
    }

    @Test func oneConnectionCarriesManyExchangesAtOnce() throws {
      let gate = Gate()
      let upstream = try ScriptedUpstream.http2 { peer in
        try peer.read { received in (0..<20).allSatisfy { received[1 + 2 * $0].isOver } }
        gate.wait()
        // The last one first.
        for id in stride(from: 39, through: 1, by: -2) {
          try peer.answer(id, peer.received[id][":path"] ?? "")
        }
        try peer.readToEnd()
      }
      let fixture = try Fixture.http2(to: upstream)
      let client = try fixture.http2()
      let ids = try (0..<20).map { try client.begin("GET", "/\($0)") }
      gate.open()
      for (index, id) in ids.enumerated() {
        #expect(try client.response(id).text == "/\(index)")
      }
      #expect(upstream.connectionCount == 1)
    }

    @Test func noMoreStreamsThanTheTargetTakes() throws {
      let upstream = try ScriptedUpstream.http2(settings: .settings((3, 2))) { peer in
        var next = 1
        while true {
          try peer.request(next)
          try peer.request(next + 2)
          // A third one would have come with these.
          #expect(peer.received[next + 4].heads.isEmpty)
          try peer.answer(next, "a")
          try peer.answer(next + 2, "b")
          next += 4
        }
      }
      let fixture = try Fixture.http2(to: upstream) { $0.service.connections.maxPerTarget = 1 }
      let client = try fixture.http2()
      let ids = try (0..<10).map { try client.begin("GET", "/\($0)") }
      for id in ids { #expect(try client.response(id).status == 200) }
      #expect(upstream.connectionCount == 1)
    }

    @Test func bodiesAndTrailersPassBothWays() throws {
      let upstream = try ScriptedUpstream.http2 { peer in
        let request = try peer.request(1)
        #expect(request["x-sum"] == "11")
        try peer.send(
          .headers(1, [(":status", "200")], end: false),
          .data(1, request.body + [0x21]),
          .headers(1, [("x-count", "\(request.body.count)"), ("location", "/")]))
        try peer.readToEnd()
      }
      let fixture = try Fixture.http2(to: upstream)
      let client = try fixture.client()
      let response = try client.exchange(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
          + "6\r\nhello \r\n5\r\nworld\r\n0\r\nX-Sum: 11\r\n\r\n")
      #expect(response.text == "hello world!")
      #expect(response.trailers.map(\.name) == ["x-count"])
    }

    @Test func responsesWithoutBodies() throws {
      let upstream = try ScriptedUpstream.http2 { peer in
        try peer.request(1)
        try peer.send(.headers(1, [(":status", "200"), ("content-length", "500")]))
        try peer.request(3)
        try peer.send(.headers(3, [(":status", "204")], end: false), .data(3, [], end: true))
        try peer.request(5)
        try peer.send(.headers(5, [(":status", "304"), ("etag", "\"a\"")]))
        try peer.request(7)
        try peer.send(.headers(7, [(":status", "200")]))
        try peer.readToEnd()
      }
      let fixture = try Fixture.http2(to: upstream)
      let client = try fixture.client()
      let head = try client.exchange("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(head.status == 200 && head["Content-Length"] == "500")
      let empty = try client.get("/")
      #expect(empty.status == 204 && empty["Content-Length"] == nil)
      #expect(try client.get("/").status == 304)
      let none = try client.get("/")
      #expect(none.status == 200 && none.body.isEmpty && none["Content-Length"] == "0")
    }

    @Test func hintsPassBeforeTheResponse() throws {
      let upstream = try ScriptedUpstream.http2 { peer in
        try peer.request(1)
        try peer.send(.headers(1, [(":status", "103"), ("link", "</a>; rel=preload")], end: false))
        try peer.answer(1, "done")
        try peer.readToEnd()
      }
      let fixture = try Fixture.http2(to: upstream)
      let client = try fixture.http2()
      let response = try client.get("/")
      #expect(response.statuses == [103, 200])
      #expect(response.text == "done")
    }

    // MARK: Flow

    @Test func largeBodiesPassBothWaysThroughWindows() throws {
      let size = 3_000_000
      let upstream = try ScriptedUpstream.http2 { peer in
        var taken = 0
        try peer.head(1)
        while !peer.received[1].isOver {
          try peer.step()
          let more = peer.received[1].body.count - taken
          if more > 0 {
            taken += more
            try peer.send(.windowUpdate(0, more), .windowUpdate(1, more))
          }
        }
        #expect(Pattern.matches(peer.received[1].body, seed: 3))
        try peer.send(.headers(1, [(":status", "200")], end: false))
        // No more than the windows that the gateway has opened.
        var sent = 0
        let body = Pattern.bytes(size, seed: 3)
        while sent < size {
          let window = 65_535 + min(peer.received[1].window, peer.received[0].window)
          let count = min(16_384, min(window - sent, size - sent))
          if count <= 0 {
            try peer.step()
            continue
          }
          sent += count
          try peer.send(.data(1, Array(body[(sent - count)..<sent]), end: sent == size))
        }
        try peer.readToEnd()
      }
      let fixture = try Fixture.http2(to: upstream)
      let client = try fixture.client()
      try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(size)\r\n\r\n")
      let socket = client.socket
      Thread.detachNewThread { try? socket.send(Pattern.bytes(size, seed: 3)) }
      #expect(try client.reader.readResponse(to: "POST").isPattern(size, seed: 3))
    }

    @Test func aCallerThatDoesNotReadStopsItsStreamAlone() throws {
      let upstream = try ScriptedUpstream.http2 { peer in
        try peer.head(1)
        try peer.send(.headers(1, [(":status", "200")], end: false))
        // All that the stream's window takes.
        for _ in 0..<3 { try peer.send(.data(1, [UInt8](repeating: 1, count: 16_384))) }
        try peer.send(.data(1, [UInt8](repeating: 1, count: 16_383)))
        try peer.request(3)
        try peer.answer(3, "other")
        try peer.readToEnd()
      }
      let fixture = try Fixture.http2(to: upstream)
      let slow = try fixture.http2(window: 0)
      let id = try slow.begin("GET", "/slow")
      try slow.read { !$0[id].heads.isEmpty }
      #expect(try fixture.get("/other").text == "other")
      #expect(slow.received[id].body.isEmpty)
      try slow.send(.windowUpdate(id, 1 << 20))
      try slow.read { $0[id].body.count == 65_535 }
    }

    @Test func aWholeResponseOutlivesItsConnectionUntilItIsRead() throws {
      let upstream = try ScriptedUpstream.http2 { peer in
        try peer.request(1)
        try peer.send(.headers(1, [(":status", "200")], end: false))
        for turn in 0..<3 {
          try peer.send(.data(1, [UInt8](repeating: 7, count: 16_384), end: turn == 2))
        }
        try peer.finish()
      }
      let fixture = try Fixture.http2(to: upstream)
      let slow = try fixture.http2(window: 10)
      let id = try slow.begin("GET", "/")
      try slow.read { $0[id].body.count == 10 }
      try waitUntil { upstream.endedCount == 1 }
      try slow.send(.windowUpdate(id, 1 << 20))
      #expect(try slow.response(id).body.count == 3 * 16_384)
      #expect(slow.received[id].isEnded)
    }

    @Test func aCallerThatLeavesCancelsItsStreamAndNoOther() throws {
      let (asked, cancelled) = (Gate(), Gate())
      let upstream = try ScriptedUpstream.http2 { peer in
        try peer.request(1)
        asked.open()
        try peer.read { $0[1].resetCode != nil }
        #expect(peer.received[1].resetCode == 8)
        cancelled.open()
        try peer.request(3)
        try peer.answer(3, "next")
        try peer.readToEnd()
      }
      let fixture = try Fixture.http2(to: upstream)
      let client = try fixture.http2()
      let id = try client.begin("GET", "/")
      asked.wait()
      try client.send(.reset(id, 8))
      cancelled.wait()
      let next = try fixture.get("/")
      #expect(next.text == "next", "\(next)")
      #expect(upstream.connectionCount == 1)
    }

    // MARK: Ends and retries

    @Test func whatGoAwayRefusesIsSentAgainWithItsBody() throws {
      let upstream = try ScriptedUpstream.http2 { peer in
        let request = try peer.request(1)
        if peer.index == 0 {
          try peer.send(.goAway(last: 0))
          return try peer.finish()
        }
        try peer.answer(1, String(decoding: request.body, as: UTF8.self))
        try peer.readToEnd()
      }
      let fixture = try Fixture.http2(to: upstream)
      let response = try fixture.client().exchange(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody")
      #expect(response.text == "body")
      #expect(upstream.connectionCount == 2)
    }

    @Test func afterGoAwayExchangesUnderWayGoOnAndNewOnesGoElsewhere() throws {
      let gate = Gate()
      let upstream = try ScriptedUpstream.http2 { peer in
        try peer.request(1)
        if peer.index == 0 {
          try peer.send(.goAway(last: 1))
          gate.wait()
        }
        try peer.answer(1, "\(peer.index)")
        try peer.readToEnd()
      }
      let fixture = try Fixture.http2(to: upstream)
      let client = try fixture.http2()
      let first = try client.begin("GET", "/")
      try waitUntil { upstream.connectionCount == 1 }
      // Also when the gateway has not seen it yet: then it is refused there.
      #expect(try client.get("/").text == "1")
      gate.open()
      #expect(try client.response(first).text == "0")
    }

    @Test func aRefusedStreamIsTriedElsewhere() throws {
      let busy = try ScriptedUpstream.http2 { peer in
        var next = 1
        while true {
          try peer.request(next)
          try peer.send(.reset(next, 7))
          next += 2
        }
      }
      let free = try ScriptedUpstream.echoingHTTP2()
      let fixture = try Fixture(
        configuration(targets: [busy.url, free.url]) { $0.service.protocol = .http2 })
      fixture.upstream = free
      for turn in 0..<6 { #expect(try fixture.get("/\(turn)").text == "/\(turn) 0") }
      let alone = try Fixture.http2(to: busy)
      let refused = try alone.get("/")
      #expect(refused.status == 503)
      #expect(refused.code == "upstream-refused")
    }

    @Test func aConnectionThatBreaksIsTheTargetsFailure() throws {
      let upstream = try ScriptedUpstream.http2 { peer in
        try peer.request(1)
        if peer.index == 0 { return }
        try peer.send(.headers(1, [(":status", "200")], end: false), .data(1, [1, 2, 3]))
        try peer.finish()
      }
      let fixture = try Fixture.http2(to: upstream)
      let before = try fixture.get("/")
      #expect(before.status == 502)
      #expect(before.code == "upstream-reset")
      let within = try fixture.get("/")
      #expect(within.status == 200)
      #expect(within.isTruncated)
    }

    @Test func aTargetThatIsSilentTimesOutAndIsNotAskedAgainOnThatConnection() throws {
      let upstream = try ScriptedUpstream.http2 { peer in
        try peer.request(1)
        if peer.index > 0 { try peer.answer(1, "here") }
        try peer.readToEnd()
      }
      let fixture = try Fixture.http2(to: upstream) {
        $0.service.timeouts.response = .milliseconds(100)
      }
      let late = try fixture.get("/")
      #expect(late.status == 504)
      #expect(late.code == "upstream-response-timeout")
      #expect(try fixture.get("/").text == "here")
    }

    // MARK: Who does not speak it

    @Test func aTargetOfHTTP1IsTold() throws {
      let upstream = try ScriptedUpstream { peer in
        _ = try peer.socket.receive()
        try peer.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
      }
      let fixture = try Fixture.http2(to: upstream)
      let response = try fixture.get("/")
      #expect(response.status == 502)
      #expect(response.code == "upstream-malformed")
    }

    /// As one does that is about to stop: it has seen no request, so others may get it.
    @Test func aTargetThatHangsUpAtOnceHasNotBeenReached() throws {
      let upstream = try ScriptedUpstream { _ in }
      let fixture = try Fixture.http2(to: upstream) { $0.service.retries.connect = 0 }
      #expect(try fixture.get("/").code == "upstream-refused")
    }

    @Test func aTargetThatNeverBeginsIsNotConnected() throws {
      let upstream = try ScriptedUpstream { peer in while try !peer.socket.receive().isEmpty {} }
      let fixture = try Fixture.http2(to: upstream) {
        $0.service.timeouts.connect = .milliseconds(100)
        $0.service.retries.connect = 0
      }
      let response = try fixture.get("/")
      #expect(response.status == 504)
      #expect(response.code == "upstream-connect-timeout")
    }

    // MARK: What is malformed

    /// Fields with `|` between them.
    @Test(arguments: [
      ":status=200|:status=200", "x-a=1|:status=200", "x-a=1", ":status=200|connection=close",
      ":status=99", ":status=2000", ":status=200|:path=/", ":status=200|X-Upper=1",
      ":status=200|transfer-encoding=chunked", ":status=101", ":status=200|x-a=1\r\nx-b: 2",
      ":status=200|x a=1", ":status=200|content-length=1|content-length=2",
      ":status=200|content-length=5", ":status=600", ":status=099", ":status=100",
    ])
    func responsesThatAreNotHTTP(text: String) throws {
      let upstream = try ScriptedUpstream.http2 { peer in
        try peer.request(1)
        let fields = text.split(separator: "|").map { field -> HTTP2Frame.Field in
          let parts = field.split(separator: "=", maxSplits: 1)
          return (String(parts[0]), String(parts[1]))
        }
        try peer.send(.headers(1, fields))
        try peer.readToEnd()
      }
      let response = try Fixture.http2(to: upstream).get("/")
      #expect(response.status == 502)
      #expect(response.code == "upstream-malformed")
    }

    @Test func lengthsThatDoNotAgreeCutTheResponse() throws {
      let upstream = try ScriptedUpstream.http2 { peer in
        try peer.request(1)
        try peer.send(
          .headers(1, [(":status", "200"), ("content-length", "5")], end: false),
          .data(1, [1, 2, 3], end: true))
        try peer.request(3)
        try peer.send(
          .headers(3, [(":status", "200"), ("content-length", "2")], end: false),
          .data(3, [1, 2, 3], end: true))
        try peer.readToEnd()
      }
      let fixture = try Fixture.http2(to: upstream)
      for _ in 0..<2 { #expect(try fixture.get("/").isTruncated) }
    }

    @Test func aBodyWhereNoneMayBeIsRefused() throws {
      let upstream = try ScriptedUpstream.http2 { peer in
        try peer.request(1)
        try peer.send(.headers(1, [(":status", "200")], end: false), .data(1, [1], end: true))
        try peer.read { $0[1].resetCode != nil }
        try peer.readToEnd()
      }
      let fixture = try Fixture.http2(to: upstream)
      let client = try fixture.client()
      let head = try client.exchange("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(head.body.isEmpty)
    }

    // MARK: Floods

    private static let floods: [String: @Sendable (Int) -> HTTP2Frame] = [
      "settings": { _ in .settings((4, 70_000)) }, "ping": { _ in .ping() },
      "empty": { _ in .data(1, []) },
      "priority": { _ in
        HTTP2Frame(kind: HTTP2Frame.Kind.priority, stream: 1, payload: [0, 0, 0, 0, 0])
      },
      "window": { _ in .windowUpdate(1, 1) },
    ]

    @Test(arguments: ["settings", "ping", "empty", "priority", "window"])
    func floodsOfFramesEndTheConnection(kind: String) throws {
      let upstream = try ScriptedUpstream.http2 { peer in
        try peer.request(1)
        if peer.index > 0 {
          try peer.answer(1, "well")
          return try peer.readToEnd()
        }
        guard let make = Self.floods[kind] else { return }
        try peer.send(.headers(1, [(":status", "200")], end: false))
        let bytes = (0..<100).flatMap { make($0).bytes }
        do { for _ in 0..<10_000 { try peer.socket.send(bytes) } } catch {}
      }
      let fixture = try Fixture.http2(to: upstream)
      let response = try fixture.get("/")
      // The flood is seen before what arrived with it.
      #expect(response.isTruncated || response.status == 502)
      #expect(try fixture.get("/").text == "well")
    }

    @Test func headsWithoutEndEndTheConnection() throws {
      let upstream = try ScriptedUpstream.http2 { peer in
        try peer.request(1)
        try peer.send(.headers(1, [(":status", "200")], end: false, isWhole: false))
        let more = HTTP2Frame(
          kind: HTTP2Frame.Kind.continuation, stream: 1,
          payload: HTTP2Frame.block([("x-a", "1")]))
        do { for _ in 0..<10_000 { try peer.send(more) } } catch {}
      }
      let response = try Fixture.http2(to: upstream).get("/")
      #expect(response.status == 502)
    }

    @Test func aBombOfHPACKEndsTheConnection() throws {
      let upstream = try ScriptedUpstream.http2 { peer in
        try peer.request(1)
        // One field of 3,000 bytes into the table, and then its number, a byte each.
        var block = HTTP2Frame.block([(":status", "200")])
        block +=
          [0x40] + HTTP2Frame.block([("x-bomb", String(repeating: "a", count: 3_000))]).dropFirst()
        block += [UInt8](repeating: 0xBE, count: 10_000)
        try peer.send(
          HTTP2Frame(
            kind: HTTP2Frame.Kind.headers, flags: HTTP2Frame.Flag.endHeaders | HTTP2Frame.Flag.end,
            stream: 1, payload: block))
        try peer.readToEnd()
      }
      let response = try Fixture.http2(to: upstream).get("/")
      #expect(response.status == 502)
    }
  }
}
