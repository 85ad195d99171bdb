import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// Calls of gRPC, frame by frame; with real programs in Tests/Clients.
  @Suite struct GRPC {
    private static let type: HTTP2Frame.Field = ("content-type", "application/grpc")
    /// Five bytes of a frame's head, and "hello".
    private static let message: [UInt8] = [0, 0, 0, 0, 5] + Array("hello".utf8)

    private func fixture(
      to upstream: ScriptedUpstream, _ edit: (inout Configuration) -> Void = { _ in }
    ) throws -> Fixture {
      try Fixture(to: upstream) {
        $0.service.protocol = .http2
        edit(&$0)
      }
    }

    private func call(
      _ client: HTTP2Client, _ path: String = "/demo.Echo/Unary", _ fields: [HTTP2Frame.Field] = []
    ) throws -> HTTP2Received.Stream {
      let id = try client.begin(
        "POST", path, [Self.type, ("te", "trailers")] + fields, end: false)
      try client.send(.data(id, Self.message, end: true))
      return try client.response(id)
    }

    @Test func aCallPassesWithItsTrailers() throws {
      let upstream = try ScriptedUpstream.http2 { peer in
        let request = try peer.request(1)
        #expect(request["te"] == "trailers")
        #expect(request["content-type"] == "application/grpc+proto")
        #expect(request["content-length"] == nil)
        // What is left of it, where connecting has taken its time: seconds, in microseconds.
        let timeout = request["grpc-timeout"] ?? ""
        #expect(timeout == "10S" || timeout.hasSuffix("u") && timeout.count == 8)
        #expect(request.body == Self.message)
        try peer.send(
          .headers(1, [(":status", "200"), Self.type], end: false), .data(1, Self.message),
          .headers(1, [("grpc-status", "0"), ("grpc-message", "fine")]))
        try peer.readToEnd()
      }
      let fixture = try self.fixture(to: upstream)
      let client = try fixture.http2()
      let id = try client.begin(
        "POST", "/demo.Echo/Unary",
        [("content-type", "application/grpc+proto"), ("te", "trailers"), ("grpc-timeout", "10S")],
        end: false)
      try client.send(.data(id, Self.message, end: true))
      let response = try client.response(id)
      #expect(response.heads.count == 2)
      #expect(response.body == Self.message)
      #expect(response.heads.last?.map(\.name) == ["grpc-status", "grpc-message"])
    }

    @Test func errorsOfTheGatewayAreStatuses() throws {
      let upstream = try ScriptedUpstream.echoingHTTP2()
      let fixture = try self.fixture(to: upstream) {
        $0.all.match.prefix = "/demo.Echo/"
        $0.all.maxBodySize = ByteCount(4)
      }
      let client = try fixture.http2()
      let none = try call(client, "/demo.Other/Unary")
      #expect(none.status == 200 && none["grpc-status"] == "12" && none.body.isEmpty)
      #expect(none["content-type"] == "application/grpc")
      #expect(none["grpc-message"] == "No route matches this request. (no-route)")
      let large = try call(client)
      #expect(large.status == 200 && large["grpc-status"] == "8")
      // Who does not speak it is told as ever.
      #expect(try client.get("/other").status == 404)
    }

    @Test func theCallersTimeBoundsTheCall() throws {
      let upstream = try ScriptedUpstream.http2 { peer in
        try peer.read { $0[1].resetCode != nil }
        #expect(peer.received[1].resetCode == 8)
        try peer.readToEnd()
      }
      let fixture = try self.fixture(to: upstream)
      let client = try fixture.http2()
      let late = try call(client, "/demo.Echo/Wait", [("grpc-timeout", "50m")])
      #expect(late.status == 200)
      #expect(late["grpc-status"] == "4")
      #expect(late["grpc-message"]?.hasSuffix("(exchange-timeout)") == true)
    }

    @Test func aCallThatIsCutWithinItsAnswerEndsWithAStatus() throws {
      let upstream = try ScriptedUpstream.http2 { peer in
        try peer.request(1)
        try peer.send(
          .headers(1, [(":status", "200"), Self.type], end: false), .data(1, Self.message))
        try peer.readToEnd()
      }
      let fixture = try self.fixture(to: upstream) {
        $0.service.timeouts.total = .milliseconds(100)
      }
      let client = try fixture.http2()
      let cut = try call(client)
      #expect(cut.body == Self.message)
      #expect(cut.isEnded && cut.resetCode == nil)
      #expect(cut["grpc-status"] == "4")
    }

    @Test func someStatusesAreTriedAgain() throws {
      let upstream = try ScriptedUpstream.http2 { peer in
        for (turn, id) in [1, 3, 5, 7].enumerated() {
          let request = try peer.request(id)
          #expect(request.body == Self.message)
          let status = turn == 3 ? "5" : turn == 2 ? "0" : "14"
          try peer.send(.headers(id, [(":status", "200"), Self.type, ("grpc-status", status)]))
        }
        try peer.readToEnd()
      }
      let fixture = try self.fixture(to: upstream) {
        $0.service.retries.grpc = [.unavailable]
        $0.service.retries.grpcAttempts = 2
        $0.service.retries.budgetPercent = 100
      }
      let client = try fixture.http2()
      #expect(try call(client)["grpc-status"] == "0")
      // NOT_FOUND is an answer.
      #expect(try call(client)["grpc-status"] == "5")
    }

    @Test func whatIsNotTriedAgainIsPassedOn() throws {
      let upstream = try ScriptedUpstream.http2 { peer in
        var id = 1
        while true {
          try peer.request(id)
          try peer.send(.headers(id, [(":status", "200"), Self.type, ("grpc-status", "14")]))
          id += 2
        }
      }
      let fixture = try self.fixture(to: upstream) {
        $0.service.retries.grpc = [.unavailable]
        $0.service.retries.budgetPercent = 100
      }
      let client = try fixture.http2()
      #expect(try call(client)["grpc-status"] == "14")
    }

    // MARK: Servers that leave

    /// Answers the first call with this status and nothing else, after it has said that it leaves.
    private func leaving(status: String, saysSo: Bool = true) throws -> ScriptedUpstream {
      try ScriptedUpstream.http2 { peer in
        try peer.request(1)
        if peer.index > 0 {
          try peer.send(.headers(1, [(":status", "200"), Self.type, ("grpc-status", "0")]))
        } else {
          if saysSo { try peer.send(.goAway(last: 0x7FFF_FFFF)) }
          try peer.send(
            .headers(
              1,
              [
                (":status", "200"), Self.type, ("grpc-status", status),
                ("grpc-message", "CANCELLED"),
              ]))
        }
        try peer.readToEnd()
      }
    }

    @Test func whoLeavesCancelsNothing() throws {
      let fixture = try self.fixture(to: leaving(status: "1"))
      let client = try fixture.http2()
      let forsaken = try call(client)
      #expect(forsaken["grpc-status"] == "14")
      #expect(forsaken["grpc-message"] == "The target is shutting down. (upstream-refused)")
      // The next call's answer is its own.
      let next = try call(client)
      #expect(next["grpc-status"] == "0" && next["grpc-message"] == nil)
    }

    @Test func whatALeavingServerCancelsIsTriedAgainAsUnavailable() throws {
      let fixture = try self.fixture(to: leaving(status: "1")) {
        $0.service.retries.grpc = [.unavailable]
        $0.service.retries.budgetPercent = 100
      }
      #expect(try call(fixture.http2())["grpc-status"] == "0")
    }

    @Test(arguments: [("1", false), ("5", true)])
    func otherStatusesAreTheServersAffair(status: String, saysSo: Bool) throws {
      let fixture = try self.fixture(to: leaving(status: status, saysSo: saysSo)) {
        $0.service.retries.grpc = [.unavailable]
      }
      let answer = try call(fixture.http2())
      #expect(answer["grpc-status"] == status && answer["grpc-message"] == "CANCELLED")
    }

    // MARK: gRPC-Web

    private func webFixture() throws -> Fixture {
      let upstream = try ScriptedUpstream.http2 { peer in
        var id = 1
        while true {
          let request = try peer.request(id)
          #expect(request["content-type"] == "application/grpc+proto")
          #expect(request["te"] == "trailers")
          if request[":path"] == "/demo.Echo/Fail" {
            try peer.send(
              .headers(
                id,
                [(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "7")]))
          } else {
            try peer.send(
              .headers(
                id, [(":status", "200"), ("content-type", "application/grpc+proto")], end: false),
              .data(id, request.body), .headers(id, [("grpc-status", "0"), ("x-last", "1")]))
          }
          id += 2
        }
      }
      return try fixture(to: upstream) { $0.all.policies.set(Configuration.GRPCWeb()) }
    }

    private static let trailers = "grpc-status: 0\r\nx-last: 1\r\n"

    private func post(
      _ client: TestClient, _ path: String, type: String, _ body: [UInt8], piece: Int = .max
    ) throws -> Message {
      try client.send(
        "POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Type: \(type)\r\nContent-Length: \(body.count)"
          + "\r\nX-Grpc-Web: 1\r\n\r\n")
      var rest = body[...]
      while !rest.isEmpty {
        try client.socket.send(Array(rest.prefix(piece)))
        rest = rest.dropFirst(piece)
      }
      return try client.reader.readResponse(to: "POST")
    }

    @Test func pagesCallByHTTP1() throws {
      let fixture = try webFixture()
      let client = try fixture.client()
      let response = try post(
        client, "/demo.Echo/Unary", type: "application/grpc-web+proto", Self.message)
      #expect(response.status == 200)
      #expect(response["Content-Type"] == "application/grpc-web+proto")
      let length = UInt8(Self.trailers.utf8.count)
      #expect(
        response.body
          == Self.message + [0x80, 0, 0, 0, length] + Array(Self.trailers.utf8))
      #expect(response.trailers.isEmpty)
      let failed = try post(
        client, "/demo.Echo/Fail", type: "application/grpc-web+proto", Self.message)
      #expect(failed["Grpc-Status"] == "7")
      #expect(failed["Content-Type"] == "application/grpc-web")
    }

    @Test(arguments: [1, 3, Int.max])
    func theyMayDoSoInText(piece: Int) throws {
      let fixture = try webFixture()
      let client = try fixture.client()
      // Two encoded pieces, each with its padding.
      let text =
        Data(Self.message[..<4]).base64EncodedString()
        + Data(Self.message[4...]).base64EncodedString()
      let response = try post(
        client, "/demo.Echo/Unary", type: "application/grpc-web-text+proto", Array(text.utf8),
        piece: piece)
      #expect(response["Content-Type"] == "application/grpc-web-text+proto")
      var decoded: [UInt8] = []
      // Pieces end at their padding.
      for part in response.text.replacingOccurrences(of: "=A", with: "=\nA")
        .replacingOccurrences(of: "=g", with: "=\ng").split(separator: "\n")
      { decoded += Data(base64Encoded: String(part)) ?? Data() }
      #expect(decoded.starts(with: Self.message))
      #expect(String(decoding: decoded, as: UTF8.self).hasSuffix(Self.trailers))
    }

    @Test func textThatIsNoneIsRefused() throws {
      let fixture = try webFixture()
      let client = try fixture.client()
      let response = try post(
        client, "/demo.Echo/Unary", type: "application/grpc-web-text+proto", Array("!!!!".utf8))
      #expect(response["Grpc-Status"] == "3")
      #expect(response["Content-Type"] == "application/grpc-web-text")
    }
  }
}
