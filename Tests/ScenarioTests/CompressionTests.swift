import Foundation
import SluiceConfiguration
import SluiceGateway
import SluiceReactor
import Testing

extension Scenarios {
  /// Responses that become smaller on their way, and those that must not.
  @Suite struct CompressionTests {
    private static let text =
      "[" + (0..<4_000).map { "{\"id\": \($0), \"name\": \"n\($0 % 7)\"}" }.joined(separator: ",")
      + "]"
    private static let json = "Content-Type: application/json; charset=utf-8"

    private func fixture(
      to upstream: ScriptedUpstream, _ edit: (inout Configuration.Compression) -> Void = { _ in },
      rest: (inout Configuration) -> Void = { _ in }
    ) throws -> Fixture {
      try Fixture(to: upstream) { configuration in
        var compression = Configuration.Compression()
        edit(&compression)
        configuration.all.policies[Configuration.Compression.self] = compression
        rest(&configuration)
      }
    }

    /// Answers with `response`, the same for all.
    private func answer(
      _ response: String, accept: String = "Accept-Encoding: gzip", method: String = "GET",
      _ edit: (inout Configuration.Compression) -> Void = { _ in }
    ) throws -> Message {
      let upstream = try ScriptedUpstream.answering { _ in response }
      let fixture = try fixture(to: upstream, edit)
      return try fixture.client().exchange(
        "\(method) / HTTP/1.1\r\nHost: a\r\n\(accept)\r\n\r\n")
    }

    @Test(arguments: ["gzip", "br", "zstd"], [1, 5, 9])
    func bodiesArriveWhole(coding: String, level: Int) throws {
      let chunked =
        "HTTP/1.1 200 OK\r\n\(Self.json)\r\nTransfer-Encoding: chunked\r\n\r\n"
        + stride(from: 0, to: Self.text.utf8.count, by: 997).map { start in
          let piece = Self.text.utf8.dropFirst(start).prefix(997)
          return String(piece.count, radix: 16) + "\r\n" + String(decoding: piece, as: UTF8.self)
            + "\r\n"
        }.joined() + "0\r\n\r\n"
      let upstream = try ScriptedUpstream.answering {
        $0.target == "/chunked"
          ? chunked
          : ok(Self.text, Self.json, "ETag: \"v1\"", "Accept-Ranges: bytes", "Vary: Origin")
      }
      let fixture = try fixture(to: upstream) { $0.level = level }
      let client = try fixture.client()
      // Again and again, so that compressors are used a second time.
      for _ in 0..<3 {
        let response = try client.get("/", "Accept-Encoding: \(coding)")
        #expect(response["Content-Encoding"] == coding)
        #expect(response["Content-Length"] == nil)
        #expect(response["ETag"] == "W/\"v1\"")
        #expect(response["Accept-Ranges"] == nil)
        #expect(response.values("Vary") == ["Origin", "Accept-Encoding"])
        #expect(response.body.count * 4 < Self.text.utf8.count)
        #expect(Decoding.decode(response.body, coding) == Array(Self.text.utf8))
        let pieces = try client.get("/chunked", "Accept-Encoding: \(coding)")
        #expect(pieces["Content-Encoding"] == coding)
        #expect(Decoding.decode(pieces.body, coding) == Array(Self.text.utf8))
      }
      let plain = try client.get("/")
      #expect(plain.text == Self.text)
      #expect(plain["ETag"] == "\"v1\"")
      #expect(plain.values("Vary") == ["Origin", "Accept-Encoding"])
      #expect(upstream.connectionCount == 1)
    }

    @Test func theCallersWishesCount() throws {
      let response = ok(Self.text, Self.json)
      func coding(_ accept: String) throws -> String? {
        try answer(response, accept: accept)["Content-Encoding"]
      }
      #expect(try coding("Accept-Encoding: gzip, deflate, br, zstd") == "zstd")
      #expect(try coding("Accept-Encoding: gzip, br;q=0.9") == "gzip")
      #expect(try coding("Accept-Encoding: br\r\nAccept-Encoding: gzip;q=0.1") == "br")
      #expect(try coding("Accept-Encoding: gzip;q=0") == nil)
      #expect(try coding("Accept-Encoding: identity, gzip;q=0.5") == nil)
      #expect(try coding("Accept-Encoding: gzip;q=x") == nil)
      #expect(try coding("X-A: b") == nil)
      #expect(try coding("Accept-Encoding: gzip\r\nCache-Control: no-transform") == nil)
      let offered = try answer(response, accept: "Accept-Encoding: gzip, br, zstd") {
        $0.encodings = [.br]
      }
      #expect(offered["Content-Encoding"] == "br")
    }

    @Test func someAreLeftAsTheyAre() throws {
      let (text, json) = (Self.text, Self.json)
      let responses = [
        ok("short", json), ok(text, "Content-Type: image/png"), ok(text),
        ok(text, json, "Content-Encoding: br"), ok(text, json, "Cache-Control: no-transform"),
        ok(text, json, "Content-Digest: sha-256=:abc:"), ok(text, json, "Digest: sha-256=abc"),
        ok(text, "Content-Type: text/event-stream"), ok(text, "Content-Type: application/jsonl"),
        "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1999/9999\r\n"
          + "Content-Length: 2000\r\n\(json)\r\n\r\n" + text.prefix(2_000),
        "HTTP/1.1 204 No Content\r\n\(json)\r\n\r\n",
      ]
      let upstream = try ScriptedUpstream.answering {
        responses[Int($0.target.dropFirst()) ?? 0]
      }
      let fixture = try fixture(to: upstream)
      let client = try fixture.client()
      for (index, response) in responses.enumerated() {
        let message = try client.get("/\(index)", "Accept-Encoding: gzip")
        #expect(message["Content-Encoding"] != "gzip", "\(index)")
        #expect(message["Content-Length"] != nil || message.status == 204, "\(index)")
        let body = response.firstRange(of: "\r\n\r\n").map { response[$0.upperBound...] } ?? ""
        let isSame = message.text == body
        #expect(isSame, "\(index)")
        #expect(message["Vary"] == nil, "\(index)")
      }
    }

    @Test func whatHasNoBodySaysWhatABodyWouldHave() throws {
      let head = try answer(
        "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\(Self.json)\r\nETag: \"a\"\r\n\r\n",
        method: "HEAD")
      #expect(head["Content-Encoding"] == "gzip")
      #expect(head["Content-Length"] == nil)
      #expect(head["ETag"] == "W/\"a\"")
      #expect(head["Vary"] == "Accept-Encoding")
      let unchanged = try answer("HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n")
      #expect(unchanged["Content-Encoding"] == nil)
      #expect(unchanged["ETag"] == "W/\"a\"")
      #expect(unchanged["Vary"] == "Accept-Encoding")
      let fixture = try fixture(
        to: ScriptedUpstream.answering { _ in ok(Self.text, Self.json) })
      let old = try fixture.client().exchange("GET / HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n")
      #expect(Decoding.decode(old.body, "gzip") == Array(Self.text.utf8))
    }

    /// A reader of events gets each when it is sent.
    @Test func eventsDoNotWait() throws {
      let gate = Gate()
      let upstream = try ScriptedUpstream { peer in
        guard try peer.readRequest() != nil else { return }
        try peer.send(
          "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "9\r\ndata: 1\n\n\r\n")
        gate.wait()
        try peer.send("9\r\ndata: 2\n\n\r\n0\r\n\r\n")
      }
      let fixture = try fixture(to: upstream) { $0.events = true }
      let client = try fixture.client()
      try client.send("GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")
      let head = try #require(try client.reader.readHead())
      #expect(head.values("Content-Encoding") == ["gzip"])
      // One chunk for what the target sent so far.
      while !client.reader.buffer.suffix(2).elementsEqual([13, 10]) { try client.reader.fill() }
      let line = client.reader.buffer.firstIndex(of: 13)!
      let first = Array(client.reader.buffer[(line + 2)...].dropLast(2))
      #expect(Decoding.beginning(ofGzip: first) == Array("data: 1\n\n".utf8))
      gate.open()
      while !client.reader.buffer.suffix(5).elementsEqual(Array("0\r\n\r\n".utf8)) {
        try client.reader.fill()
      }
    }

    /// What is stored is what the target sent; each caller gets it as it likes.
    @Test func theCacheStoresWhatTheTargetSent() throws {
      let upstream = try ScriptedUpstream.answering { _ in
        ok(Self.text, Self.json, "ETag: \"v1\"", "Cache-Control: max-age=60")
      }
      let fixture = try fixture(
        to: upstream,
        rest: { $0.all.policies[Configuration.Cache.self] = Configuration.Cache() })
      for coding in ["gzip", "zstd", "br", "gzip"] {
        let response = try fixture.get("/", "Accept-Encoding: \(coding)")
        #expect(response["Content-Encoding"] == coding)
        #expect(response["Vary"] == "Accept-Encoding")
        #expect(Decoding.decode(response.body, coding) == Array(Self.text.utf8))
      }
      #expect(try fixture.get("/").text == Self.text)
      let unchanged = try fixture.get(
        "/", "Accept-Encoding: gzip", "If-None-Match: W/\"v1\"")
      #expect(unchanged.status == 304)
      #expect(unchanged["ETag"] == "W/\"v1\"")
      #expect(upstream.requests.count == 1)
    }

    /// A body far larger than any buffer, from a target and from memory, at a slow caller's pace.
    @Test func largeBodiesPassInPieces() throws {
      var random = SystemRandomNumberGenerator()
      let noise = (0..<300_000).map { _ in String(random.next(), radix: 36) }.joined()
      let zeros = String(repeating: "0", count: 4 << 20)
      let upstream = try ScriptedUpstream.answering {
        ok($0.target == "/zeros" ? zeros : noise, Self.json, "Cache-Control: max-age=60")
      }
      let fixture = try fixture(
        to: upstream,
        rest: {
          var cache = Configuration.Cache()
          cache.maxObjectSize = .mebibytes(8)
          $0.cacheStore.maxBytes = .mebibytes(256)
          $0.all.policies[Configuration.Cache.self] = cache
        })
      let slow = try fixture.client(receiveBuffer: 4_096)
      for (target, body) in [("/noise", noise), ("/zeros", zeros), ("/noise", noise)] {
        for _ in 0..<2 {
          let response = try slow.get(target, "Accept-Encoding: gzip")
          #expect(Decoding.decode(response.body, "gzip").count == body.utf8.count)
        }
      }
      #expect(upstream.requests.count == 2)
    }

    /// A target that breaks off must not look like one that ended.
    @Test func whatIsCutShortStaysCutShort() throws {
      let upstream = try ScriptedUpstream { peer in
        _ = try peer.readRequest()
        try peer.send("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\(Self.json)\r\n\r\nabc")
      }
      let fixture = try fixture(to: upstream)
      let response = try fixture.get("/", "Accept-Encoding: gzip")
      #expect(response.isTruncated)
    }
  }
}
