import Foundation
import SluiceConfiguration
import SluiceControl
import SluiceGateway
import Testing

extension Scenarios {
  /// The example for WebSockets before nginx and before this gateway.
  @Suite struct NginxWebSocketTests {
    private static let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../../examples/nginx/websocket-nginx.conf").standardized

    private struct Pair {
      let upstream: ScriptedUpstream
      let nginx: NginxProcess
      let gateway: Fixture

      init(_ text: String, script: @escaping ScriptedUpstream.Script) throws {
        upstream = try ScriptedUpstream(script)
        let port = try unusedPort()
        let target = "127.0.0.1:\(upstream.port)"
        // nginx has no `--resolve`.
        var inner = text.replacingOccurrences(of: "websocket-service.internal:9000", with: target)
          .replacingOccurrences(of: "listen 80", with: "listen 127.0.0.1:\(port)")
        let start = try #require(inner.range(of: "http {"))
        let end = try #require(inner.range(of: "}", options: .backwards))
        inner = String(inner[start.upperBound..<end.lowerBound])
        nginx = try NginxProcess(http: inner, port: port)
        let result = ConfigurationFile.read(
          text: text, file: "websocket-nginx.conf",
          overrides: try ConfigurationOverrides(
            resolve: ["websocket-service.internal:9000=\(target)"], listen: []))
        var configuration = try #require(result.configuration, "\(result.diagnostics)")
        configuration.workers = .count(1)
        configuration.accessLog.format = .off
        configuration.shutdown.timeout = .milliseconds(50)
        let listener = try #require(configuration.listeners.values.first)
        configuration.listeners = ["web": listener]
        configuration.web.address = "127.0.0.1:0"
        gateway = try Fixture(configuration)
      }

      /// What happens to one session, seen from both ends.
      func session(on port: UInt16) throws -> [String] {
        let seen = upstream.requests.count
        let peer = try TestClient(port: port).open("X-Custom: 1", path: "/stocks/all?a=b")
        var lines: [String] = []
        try peer.send(text: "hello")
        lines.append(try peer.text() ?? "end")
        try peer.send(binary: [UInt8](repeating: 7, count: 100_000))
        lines.append("\(try peer.read()?.payload.count ?? 0)")
        try peer.send(WebSocketPeer.Frame(opcode: 9, payload: [1, 2]))
        lines.append(try peer.read()?.line ?? "end")
        try peer.sendClose(1000, "bye")
        lines.append(try peer.read()?.line ?? "end")
        let request = try #require(upstream.requests.dropFirst(seen).first)
        let unlike: Set<String> = ["connection", "sluice-connection-id"]
        lines.append("\(request.method) \(request.target)")
        lines += request.fields.filter { !unlike.contains($0.name.lowercased()) }
          .map { "\($0.name.lowercased()): \($0.value)" }.sorted()
        return lines
      }
    }

    @Test func theExampleIsTheSame() throws {
      let text = try String(contentsOf: Self.file, encoding: .utf8)
      let pair = try Pair(text) { try $0.accept().echo() }
      let before = try pair.session(on: pair.nginx.port)
      #expect(before.first == "hello")
      #expect(try pair.session(on: pair.gateway.port) == before)
    }

    /// A map for Connection instead of a constant.
    @Test func aMapIsTheSame() throws {
      let text = """
        http {
          map $http_upgrade $connection_upgrade { default upgrade; '' close; }
          server { listen 80; location / { proxy_pass http://websocket-service.internal:9000; proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; proxy_set_header Host $host; } }
        }
        """
      let pair = try Pair(text) { try $0.accept().echo() }
      let before = try pair.session(on: pair.nginx.port)
      #expect(before.first == "hello")
      #expect(try pair.session(on: pair.gateway.port) == before)
    }

    /// Handshakes whose path is another one when they come to their location.
    @Test(arguments: [
      "rewrite ^/stocks/(.*)$ /inner/$1 last; location /inner { PASS }",
      "location /stocks { rewrite ^/stocks/(.*)$ /inner/$1 last; return 404; } location /inner { PASS }",
      "location /stocks { rewrite ^/stocks/(.*)$ /inner/$1 break; PASS }",
      "location /stocks { if ($request_method = POST) { return 405; } PASS }",
      "if ($http_upgrade = h2c) { return 400; } location / { PASS }",
    ])
    func rewrittenPathsAreTheSame(server: String) throws {
      let pass = """
        proxy_pass http://websocket-service.internal:9000; proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; proxy_set_header Host $host;
        """
      let text = "http { server { listen 80; \(server.replacing("PASS", with: pass)) } }"
      let pair = try Pair(text) { try $0.accept().echo() }
      let before = try pair.session(on: pair.nginx.port)
      #expect(before.first == "hello")
      #expect(try pair.session(on: pair.gateway.port) == before)
    }

    /// The subprotocol that the target picks, a frame that comes behind the handshake at once, and one behind
    /// the answer to it.
    @Test func subprotocolsAndEarlyFrames() throws {
      let text = try String(contentsOf: Self.file, encoding: .utf8)
      let pair = try Pair(text) { peer in
        let request = try peer.readRequest()
        let socket = WebSocketPeer(peer.socket, peer.reader, masks: false)
        let first = socket.bytes(WebSocketPeer.Frame(opcode: 1, payload: Array("first".utf8)))
        let answer = WebSocketPeer.accept(
          request?["Sec-WebSocket-Key"], "Sec-WebSocket-Protocol: v2", "X-Told: yes")
        try peer.socket.send(Array(answer.utf8) + first)
        try socket.echo()
      }
      for port in [pair.nginx.port, pair.gateway.port] {
        let client = try TestClient(port: port)
        let socket = WebSocketPeer(client.socket, client.reader, masks: true)
        let early = socket.bytes(WebSocketPeer.Frame(opcode: 1, payload: Array("early".utf8)))
        let handshake = WebSocketPeer.handshake(
          "Sec-WebSocket-Protocol: v1, v2", path: "/stocks")
        try client.socket.send(Array(handshake.utf8) + early)
        let head = try #require(try client.reader.readHead())
        #expect(head.status == 101)
        #expect(head["Sec-WebSocket-Protocol"] == "v2" && head["X-Told"] == "yes")
        #expect(try socket.text() == "first")
        #expect(try socket.text() == "early")
        try socket.sendClose(1000)
        #expect(try socket.read()?.line == "close 1000")
      }
      #expect(pair.upstream.requests.map { $0["Sec-WebSocket-Protocol"] } == ["v1, v2", "v1, v2"])
    }

    /// What the target pushes comes through, and what it refuses is refused.
    @Test func pushesAndRefusals() throws {
      let text = try String(contentsOf: Self.file, encoding: .utf8)
      let pair = try Pair(text) { peer in
        let request = try peer.readRequest()
        if request?.target == "/stocks/no" {
          return try peer.send("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno")
        }
        try peer.send(WebSocketPeer.accept(request?["Sec-WebSocket-Key"]))
        let socket = WebSocketPeer(peer.socket, peer.reader, masks: false)
        for line in [
          #"{"symbol": "AAPL", "price": 170.50}"#, #"{"symbol": "GOOG", "price": 95.20}"#,
        ] {
          try socket.send(text: line)
        }
        try socket.sendClose(1001)
        _ = try socket.read()
      }
      for port in [pair.nginx.port, pair.gateway.port] {
        let socket = try TestClient(port: port).open(path: "/stocks")
        #expect(try socket.text() == #"{"symbol": "AAPL", "price": 170.50}"#)
        #expect(try socket.text() == #"{"symbol": "GOOG", "price": 95.20}"#)
        #expect(try socket.read()?.line == "close 1001")
        let refused = try TestClient(port: port).exchange(
          WebSocketPeer.handshake(path: "/stocks/no"))
        #expect(refused.status == 403)
        #expect(refused.text == "no")
      }
    }
  }
}
