import Foundation
import SluiceConfiguration
import SluiceGateway
import SluiceReactor
import SluiceWire
import Testing

extension Scenarios {
  /// Every case of Tests/Corpus/frames.txt on a session of its own, transparent and inspected, all
  /// through one gateway: what the other end gets, and what the sender hears.
  @Suite struct FrameCorpus {
    /// What one end got until its connection ended.
    private struct Seen {
      var frames: [WebSocketPeer.Frame] = []
      /// The same as it came.
      var bytes: [UInt8] = []

      var messages: [WebSocketPeer.Frame] { frames.filter { $0.opcode < 8 } }
      var pongs: [[UInt8]] { frames.filter { $0.opcode == 10 }.map(\.payload) }
      var closes: [[UInt8]] { frames.filter { $0.opcode == 8 }.map(\.payload) }
    }

    private static let deflate = "Sec-WebSocket-Extensions: permessage-deflate"

    /// Plays the case's sender: all its bytes, then its end, unless it waits for a close frame's
    /// answer.
    private static func offend(_ socket: WebSocketPeer, _ sample: CorpusCase) -> Seen {
      try? socket.socket.send(sample.bytes)
      let setting = setting(of: sample, isInspected: false)
      if closes(WebSocketModel.outcome(sample.bytes, setting, inspects: true)).isEmpty {
        socket.socket.finishWriting()
      }
      return watch(socket, answers: false)
    }

    /// Reads to the end and answers a close frame.
    private static func watch(_ socket: WebSocketPeer, answers: Bool) -> Seen {
      var seen = Seen()
      let start = socket.reader.transcript.count - socket.reader.buffer.count
      while let frame = try? socket.read() {
        seen.frames.append(frame)
        if frame.opcode == 8, answers {
          try? socket.send(.init(opcode: 8, payload: frame.payload))
          socket.socket.finishWriting()
        }
      }
      seen.bytes = Array(socket.reader.transcript[start...])
      return seen
    }

    private static func setting(of sample: CorpusCase, isInspected: Bool) -> WebSocketSetting {
      var setting = WebSocketSetting(
        sender: sample.subject.hasPrefix("client") ? .client : .server)
      // Where messages are inspected, compression is not negotiated.
      setting.allowsRSV1 = sample.subject.hasSuffix("+deflate") && !isInspected
      return setting
    }

    private static func closes(_ outcome: WebSocketOutcome) -> [[UInt8]] {
      outcome.events.compactMap { event in
        if case .control(.close, let payload) = event { payload } else { nil }
      }
    }

    private static func configuration(_ url: String) -> Configuration {
      ScenarioTests.configuration(targets: [url]) {
        for mode in ["transparent", "inspected"] {
          var route = Configuration.Route()
          route.kind = .websocket
          route.service = "service"
          route.match.prefix = "/\(mode)"
          var messages = Configuration.MessageSettings()
          messages.inspect = mode == "inspected"
          messages.maxSize = ByteCount(WebSocketSetting(sender: .client).maxSize)
          messages.maxSizeFromUpstream = messages.maxSize
          // Floods are another matter.
          messages.maxControlFrames = 65_535
          route.messages = messages
          $0.routes[mode] = route
        }
        $0.routes["all"] = nil
      }
    }

    @Test func whatPassesAndWhatTheSenderHears() async throws {
      #expect(Corpus.frames.count >= 150)
      let results = Locked<[String: Seen]>([:])
      let upstream = try ScriptedUpstream { peer in
        let request = try peer.readRequest()
        let path = request?.target ?? ""
        let sample = Corpus.frames[Int(path.split(separator: "/").last ?? "") ?? 0]
        let hasDeflate = request?["Sec-WebSocket-Extensions"] != nil
        let answer = WebSocketPeer.accept(request?["Sec-WebSocket-Key"]).dropLast(1)
        try peer.send(answer + (hasDeflate ? Self.deflate + "\r\n\r\n" : "\r\n"))
        let socket = WebSocketPeer(peer.socket, peer.reader, masks: false)
        let seen =
          sample.subject.hasPrefix("server")
          ? Self.offend(socket, sample) : Self.watch(socket, answers: true)
        results.withLock { $0[path] = seen }
      }
      let fixture = try Fixture(Self.configuration(upstream.url))
      for mode in ["transparent", "inspected"] {
        for (index, sample) in Corpus.frames.enumerated() {
          let path = "/\(mode)/\(index)"
          let isDeflate = sample.subject.hasSuffix("+deflate")
          let client = try fixture.client()
          let socket = try client.open(isDeflate ? Self.deflate : "X-None: 1", path: path)
          let isClient = sample.subject.hasPrefix("client")
          let own =
            isClient ? Self.offend(socket, sample) : Self.watch(socket, answers: true)
          socket.socket.close()
          try waitUntil("\(path)") { results.withLock { $0[path] != nil } }
          let other = try #require(results.withLock { $0[path] })
          let (sender, receiver) = isClient ? (own, other) : (other, own)
          check(sample, isInspected: mode == "inspected", sender: sender, receiver: receiver)
        }
      }
    }

    private func check(
      _ sample: CorpusCase, isInspected: Bool, sender: Seen, receiver: Seen
    ) {
      let comment = Comment(rawValue: "line \(sample.line) inspected \(isInspected)")
      let isClient = sample.subject.hasPrefix("client")
      let setting = Self.setting(of: sample, isInspected: isInspected)
      let expected = WebSocketModel.outcome(sample.bytes, setting, inspects: isInspected)
      if isInspected {
        checkMessages(expected, sender, receiver, comment)
      } else {
        checkBytes(sample, expected, isClient: isClient, receiver, comment)
      }
      // The end of the session: a close frame that passes, an error, or just the sender's end.
      if let close = Self.closes(expected).first {
        #expect(receiver.closes == [close], comment)
        #expect(sender.closes == [close], comment)
        return
      }
      let code = isClient ? 1_001 : 1_011
      if expected.isAtFrameBoundary {
        #expect(receiver.frames.last?.closeCode == code, comment)
      } else {
        #expect(receiver.closes.isEmpty, comment)
      }
      if let error = expected.error {
        #expect(sender.frames.last?.closeCode == Int(error.closeCode.rawValue), comment)
      } else {
        #expect(sender.closes.isEmpty, comment)
      }
    }

    private func checkMessages(
      _ expected: WebSocketOutcome, _ sender: Seen, _ receiver: Seen, _ comment: Comment
    ) {
      var messages: [WebSocketPeer.Frame] = []
      var pings: [[UInt8]] = []
      for event in expected.events {
        switch event {
        case .message(let opcode, _, let bytes):
          messages.append(.init(opcode: opcode.rawValue, payload: bytes))
        case .control(.ping, let payload): pings.append(payload)
        default: break
        }
      }
      let received = receiver.messages.map {
        WebSocketPeer.Frame(opcode: $0.opcode, payload: $0.payload, isFinal: $0.isFinal)
      }
      #expect(received == messages, comment)
      #expect(receiver.frames.allSatisfy { $0.opcode < 9 }, comment)
      #expect(sender.pongs == pings, comment)
    }

    /// What passes is a prefix of what was sent, byte by byte.
    private func checkBytes(
      _ sample: CorpusCase, _ expected: WebSocketOutcome, isClient: Bool, _ receiver: Seen,
      _ comment: Comment
    ) {
      var length = 0
      for event in expected.events {
        switch event {
        case .passed(let bytes): length += bytes.count
        case .control(.close, _): break
        case .control(_, let payload): length += 2 + (isClient ? 4 : 0) + payload.count
        case .message: break
        }
      }
      #expect(receiver.bytes.starts(with: sample.bytes.prefix(length)), comment)
      let rest = receiver.bytes.count - length
      let close = receiver.closes.last.map { 2 + (isClient ? 4 : 0) + $0.count } ?? 0
      #expect(rest == close, comment)
    }
  }
}
