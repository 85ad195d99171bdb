import Foundation
import SluiceGateway
import Testing

extension Scenarios {
  /// What browsers can send to say who they are is in no log, no list of sessions and no event.
  @Suite struct Secrets {
    @Test func keysOfHandshakesAreShownNowhere() throws {
      let upstream = try ScriptedUpstream { try $0.accept().echo() }
      let child = try GatewayChild {
        """
        version: 1
        workers: 1
        accessLog: {output: "\($0.logPath)"}
        admin: {address: "127.0.0.1:\($0.adminPort)", tapPayloads: 1KiB}
        listeners: {web: {address: "127.0.0.1:\($0.port)"}}
        services: {service: {targets: ["\(upstream.url)"]}}
        consumers: {alice: {credentials: [{key-auth: s3cr3t-alice}]}}
        routes:
          all:
            kind: websocket
            service: service
            connection: {flightRecorder: {frames: 8}}
            policies:
              key-auth: {query: true, cookie: true, subprotocol: true, firstMessage: {}}
        """
      }
      let events = try child.admin()
      try events.send("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
      #expect(try events.reader.readHead()?.status == 200)
      var count = 0
      for key in ["s3cr3t-alice", "s3cr3t-wrong"] {
        for (path, field, message) in [
          ("/socket?apikey=\(key)", "X-None: 1", "hello"),
          ("/socket", "Cookie: apikey=\(key)", "hello"),
          ("/socket", "Sec-WebSocket-Protocol: v1, apikey.\(key)", "hello"),
          ("/socket", "apikey: \(key)", "hello"), ("/socket", "X-None: 1", key),
        ] {
          let client = try child.client()
          try client.send(WebSocketPeer.handshake(field, path: path))
          guard try client.reader.readHead()?.status == 101 else { continue }
          let socket = WebSocketPeer(client.socket, client.reader, masks: true)
          try socket.send(text: message)
          if message == key { try socket.send(text: "hello") }
          guard let frame = try socket.read(), frame.text == "hello" else { continue }
          count += 1
          let shown = try child.ask("GET", "/connections").text
          #expect(shown.contains("alice") && !shown.contains("s3cr3t"))
          // Abnormal, so that its frames are told, too.
          socket.socket.reset()
          try waitUntil("the end") {
            child.logLines(containing: "session-closed").count == count
          }
        }
      }
      #expect(count == 5)
      #expect(!child.logLines(containing: "session-opened").isEmpty)
      #expect(child.logLines(containing: "s3cr3t").isEmpty)
      func told() -> String { String(decoding: events.reader.transcript, as: UTF8.self) }
      while told().ranges(of: "event: session-closed").count < count {
        try #require(try events.reader.fill())
      }
      #expect(!told().contains("s3cr3t"))
    }
  }
}
