import Foundation
import SluiceGateway
import Testing

@testable import SluiceControl

/// Frames of live sessions through the admin API: the flight recorder and taps.
@Suite struct AdminTapTests {
  /// Transparent and inspected, with a flight recorder. The samples' quotes come now and then, so
  /// tests look at what the caller sends.
  private static let routes = [
    "  plain: {kind: websocket, match: {path: /plain}, service: stocks, path: {replacePrefix: /stocks}, connection: {flightRecorder: {frames: 200}}, messages: {maxSize: 10KiB}}",
    "  seen: {kind: websocket, match: {path: /seen}, service: stocks, path: {replacePrefix: /stocks}, connection: {flightRecorder: {frames: 200}}, messages: {inspect: true, maxSize: 10KiB}}",
  ].joined(separator: "\n")

  private func fixture(adminRest: String = "") throws -> AdminFixture {
    try AdminFixture(routes: Self.routes, adminRest: adminRest)
  }

  /// The next frame from the caller that is no pong.
  private func next(_ reader: EventReader) throws -> [String: Any] {
    while true {
      let (name, data) = try reader.next()
      if name == "frame", data["direction"] as? String != "from-client" { continue }
      if data["opcode"] as? String == "pong" { continue }
      return data.merging(["event": name]) { $1 }
    }
  }

  private func open(_ fixture: AdminFixture, _ path: String) throws -> (SessionClient, String) {
    let client = try fixture.open(path)
    return (client, try #require(try fixture.sessions(1).first?.id))
  }

  @Test(arguments: ["/plain", "/seen"]) func aTapShowsFramesUntilTheEnd(path: String) throws {
    let fixture = try fixture()
    let (client, id) = try open(fixture, path)
    let tap = try EventReader(fixture, path: "/connections/\(id)/tap")
    client.send(1, Array("secret".utf8))
    client.send(2, [UInt8](repeating: 0, count: 300))
    let text = try next(tap)
    #expect(text["opcode"] as? String == "text" && text["size"] as? Int == 6)
    #expect(text["decision"] as? String == "passed")
    #expect(text["text"] == nil && text["base64"] == nil)
    #expect(abs(try #require(text["time"] as? Double) - Date().timeIntervalSince1970) < 60)
    let binary = try next(tap)
    #expect(binary["opcode"] as? String == "binary" && binary["size"] as? Int == 300)
    client.sendClose()
    let close = try next(tap)
    #expect(close["opcode"] as? String == "close" && close["decision"] as? String == "closed")
    let end = try next(tap)
    #expect(end["event"] as? String == "closed" && end["cause"] as? String == "client")
    #expect(end["code"] as? Int == 1_005 && end["side"] as? String == "client")
    #expect(try tap.isAtEnd())
  }

  @Test(arguments: ["/plain", "/seen"]) func payloadsAreShownIfAllowed(path: String) throws {
    let fixture = try fixture(adminRest: ", tapPayloads: 8B")
    let (client, id) = try open(fixture, path)
    let tap = try EventReader(fixture, path: "/connections/\(id)/tap", query: "?payloads=true")
    let plain = try EventReader(fixture, path: "/connections/\(id)/tap")
    client.send(1, Array("grün".utf8))
    client.send(1, Array("1234567😀".utf8))
    client.send(2, [0, 1, 2])
    client.send(9, [7])
    #expect(try next(tap)["text"] as? String == "grün")
    let cut = try next(tap)
    #expect(cut["text"] as? String == "1234567" && cut["truncated"] as? Bool == true)
    #expect(cut["size"] as? Int == 11)
    let binary = try next(tap)
    #expect(binary["base64"] as? String == "AAEC" && binary["truncated"] == nil)
    #expect(try next(tap)["base64"] as? String == "Bw==")
    for _ in 0..<4 {
      let frame = try next(plain)
      #expect(frame["text"] == nil && frame["base64"] == nil)
    }
    // The payload of a frame that comes in pieces; the caller leaves before all of it is there.
    let bytes = SessionClient.bytes(1, Array("piecemeal".utf8))
    for byte in bytes.dropLast(4) { client.peer.send([byte]) }
    if path == "/plain" {
      client.peer.finish()
      let part = try next(tap)
      #expect(part["text"] as? String == "piece" && part["truncated"] as? Bool == true)
      #expect(part["size"] as? Int == 9)
    } else {
      for byte in bytes.suffix(4) { client.peer.send([byte]) }
      let whole = try next(tap)
      #expect(whole["text"] as? String == "piecemea" && whole["truncated"] as? Bool == true)
    }
  }

  @Test func payloadsAreNotShownUnlessAllowed() throws {
    let fixture = try fixture()
    let (client, id) = try open(fixture, "/plain")
    let answer = try Peer.get("/connections/\(id)/tap?payloads=true", from: fixture.admin)
    #expect(answer.hasPrefix("HTTP/1.1 403 ") && answer.contains("\"payloads-not-allowed\""))
    withExtendedLifetime(client) {}
  }

  @Test(arguments: ["frames", "tap"]) func nobodysFramesAreMissing(what: String) throws {
    let fixture = try fixture()
    for id in ["x", "AbCdEfGhIjKlMnOpQrStUv"] {
      #expect(try fixture.ask("GET", "/connections/\(id)/\(what)").status == 404)
    }
    // More often than there are places, which all come back.
    for _ in 0..<TapStreams.maxTaps * 2 {
      #expect(try fixture.ask("GET", "/connections/x/tap").status == 404)
      #expect(try fixture.ask("GET", "/connections/AbCdEfGhIjKlMnOpQrStUv/tap").status == 404)
    }
  }

  @Test func tapsAreBoundedAndGiveTheirPlacesBack() throws {
    let fixture = try fixture()
    let (client, id) = try open(fixture, "/plain")
    let path = "/connections/\(id)/tap"
    do {
      let taps = try (0..<TapStreams.maxTaps).map { _ in try EventReader(fixture, path: path) }
      let answer = try Peer.get(path, from: fixture.admin)
      #expect(answer.hasPrefix("HTTP/1.1 429 ") && answer.contains("\"too-many-streams\""))
      client.send(1, [65])
      for tap in taps { #expect(try next(tap)["size"] as? Int == 1) }
    }
    // All their readers are gone; the session goes on, and one more may come.
    var tap: EventReader?
    try fixture.waitUntil("a place") {
      tap = try? EventReader(fixture, path: path)
      return tap != nil
    }
    client.send(1, [65, 66])
    #expect(try next(try #require(tap))["size"] as? Int == 2)
  }

  /// The session carries on at its own speed, and the reader hears what it missed.
  @Test func aSlowReaderLosesFrames() throws {
    let fixture = try fixture(adminRest: ", tapPayloads: 8KiB")
    let (client, id) = try open(fixture, "/plain")
    let tap = try EventReader(fixture, path: "/connections/\(id)/tap", query: "?payloads=true")
    let payload = [UInt8](repeating: 0, count: 8_000)
    let sent = 2_500
    for _ in 0..<sent { client.send(2, payload) }
    try fixture.waitUntil("all frames at the target") {
      try fixture.client().session(id).fromClient.messages == UInt64(sent)
    }
    client.sendClose()
    try fixture.sessions(0)
    var (seen, dropped) = (0, 0)
    while true {
      let (name, data) = try tap.next()
      switch name {
      case "frame": seen += 1
      case "dropped": dropped += try #require(data["frames"] as? Int)
      default:
        #expect(name == "closed")
        #expect(dropped > 0 && seen > 0)
        // Its own messages and a close frame each way, beside quotes, pings and their answers.
        #expect(seen + dropped >= sent + 2)
        return
      }
    }
  }

  // MARK: The flight recorder

  @Test func framesOfALiveSessionAndOfOneThatFailed() throws {
    let fixture = try fixture()
    let events = try EventReader(fixture, query: "?type=session-closed")
    let (client, id) = try open(fixture, "/plain")
    client.send(1, [65])
    client.send(9, [1, 2])
    // Its answer came, so both were seen.
    _ = try client.frame { opcode, _ in opcode == 10 }
    let live = try fixture.client().get("/connections/\(id)/frames", as: RecordingContent.self)
    #expect(live.id == id && live.state == "open" && live.cause == nil)
    let own = live.frames.filter { $0.direction == "from-client" && $0.opcode != "pong" }
    #expect(own.map(\.opcode) == ["text", "ping"] && own.map(\.size) == [1, 2])
    client.send(2, [UInt8](repeating: 0, count: 10_241))
    #expect(try client.close().code == 1_009)
    client.sendClose()
    let (_, data) = try events.next()
    #expect(data["cause"] as? String == "message-too-big")
    let told = try #require(data["frames"] as? [[String: Any]])
    #expect(told.contains { $0["decision"] as? String == "closed" && $0["size"] as? Int == 10_241 })
    let ended = try fixture.client().get("/connections/\(id)/frames", as: RecordingContent.self)
    #expect(ended.state == "ended" && ended.cause == "message-too-big" && ended.code == 1_009)
    #expect(ended.side == "client" && ended.endedAt != nil)
    #expect(ended.frames.count { $0.decision == "closed" && $0.size == 10_241 } == 1)
    #expect(try fixture.ask("GET", "/connections/\(id)").status == 404)
  }

  @Test func withoutARecorderThereIsNothingToShow() throws {
    let fixture = try fixture()
    let (client, id) = try open(fixture, "/stocks")
    let answer = try Peer.get("/connections/\(id)/frames", from: fixture.admin)
    #expect(answer.hasPrefix("HTTP/1.1 409 ") && answer.contains("\"recorder-off\""))
    withExtendedLifetime(client) {}
  }

  // MARK: The commands

  private func command(_ fixture: AdminFixture, _ arguments: String...) throws -> Command {
    try Command(arguments, environment: ["SLUICE_ADMIN": fixture.url])
  }

  @Test func aTapIsPrintedUntilTheSessionEnds() throws {
    let fixture = try fixture(adminRest: ", tapPayloads: 100B")
    let (client, id) = try open(fixture, "/seen")
    let command = try command(fixture, "connections", "tap", id, "--payloads")
    // When it listens is not to be seen from here: it prints what comes then.
    try fixture.waitUntil("its first line") {
      client.send(1, Array("x\u{1B}[2J".utf8))
      return command.output.contains("  x\u{FFFD}[2J\n")
    }
    client.send(2, [1, 2, 3])
    client.sendClose()
    let (status, errors) = command.finish()
    #expect(status == 0 && errors == "")
    let lines = command.output.split(separator: "\n")
    #expect(lines.last == "closed: client, code 1005, by client")
    #expect(
      lines.contains { $0.hasSuffix("Z  from-client   binary       3       passed  base64 AQID") })
    #expect(!command.output.contains("\u{1B}"))
  }

  @Test func aTapIsPrintedAsJSON() throws {
    let fixture = try fixture()
    let (client, id) = try open(fixture, "/plain")
    let command = try command(fixture, "connections", "tap", id, "--json")
    try fixture.waitUntil("its first line") {
      client.send(1, [65])
      return command.output.contains("from-client")
    }
    client.sendClose()
    #expect(command.finish().status == 0)
    let lines = try command.output.split(separator: "\n").map {
      try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }
    #expect(lines.dropLast().allSatisfy { $0["event"] as? String == "frame" })
    #expect(lines.last?["event"] as? String == "closed")
  }

  @Test func whyThereIsNoTapIsSaid() throws {
    let fixture = try fixture()
    let (client, id) = try open(fixture, "/plain")
    for (arguments, message) in [
      ([id, "--payloads"], "Payloads are shown only if admin.tapPayloads says how much of them."),
      (["nobody"], "No open session has this id."),
    ] {
      let command = try Command(
        ["connections", "tap"] + arguments, environment: ["SLUICE_ADMIN": fixture.url])
      let (status, errors) = command.finish()
      #expect(status == 1 && errors == "sluice: the gateway refused: \(message)\n")
    }
    withExtendedLifetime(client) {}
  }

  @Test func showHasTheRecordersFrames() throws {
    let fixture = try fixture()
    let (client, id) = try open(fixture, "/plain")
    client.send(1, [65])
    client.send(9, [1, 2])
    _ = try client.frame { opcode, _ in opcode == 10 }
    let live = try command(fixture, "connections", "show", id)
    #expect(live.finish().status == 0)
    #expect(live.output.hasPrefix("id ") && live.output.contains("\nlatest frames: "))
    #expect(live.output.contains("Z  from-client   text         1       passed\n"))
    let json = try command(fixture, "connections", "show", id, "--json")
    #expect(json.finish().status == 0)
    let shown = try #require(
      try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
    #expect(shown["id"] as? String == id && shown["route"] as? String == "plain")
    #expect((shown["frames"] as? [Any])?.isEmpty == false)
    client.send(3, [])
    #expect(try client.close().code == 1_002)
    client.sendClose()
    try fixture.sessions(0)
    let ended = try command(fixture, "connections", "show", id)
    #expect(ended.finish().status == 0)
    #expect(ended.output.hasPrefix("\(id) ended at "))
    #expect(ended.output.contains("closed: protocol-error, code 1002, by client, \"A frame has"))
    #expect(ended.output.contains("Z  from-client   unknown      0       closed\n"))
  }
}

extension SessionClient {
  static func bytes(_ opcode: UInt8, _ payload: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = [0x80 | opcode]
    if payload.count < 126 {
      bytes.append(0x80 | UInt8(payload.count))
    } else {
      bytes += [0x80 | 126, UInt8(payload.count >> 8), UInt8(payload.count & 255)]
    }
    let mask: [UInt8] = [1, 2, 3, 4]
    return bytes + mask + payload.enumerated().map { $1 ^ mask[$0 & 3] }
  }

  /// One masked frame of less than 64 KiB.
  fileprivate func send(_ opcode: UInt8, _ payload: [UInt8]) {
    peer.send(Self.bytes(opcode, payload))
  }
}

extension EventReader {
  /// The stream ended as it should.
  fileprivate func isAtEnd() throws -> Bool { try lastChunkSize() == 0 }
}
