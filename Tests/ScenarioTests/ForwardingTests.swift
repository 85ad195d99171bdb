import SluiceConfiguration
import Testing

extension Scenarios {
  /// What passes through when nothing goes wrong (RFC 9110, RFC 9112).
  @Suite struct Forwarding {
    @Test func getPassesAndTheConnectionsAreKept() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client()
      for turn in 0..<3 {
        let response = try client.get("/turn/\(turn)?q=\(turn)")
        #expect(response.status == 200)
        #expect(response.text == "/turn/\(turn)?q=\(turn)")
        #expect(response["Connection"] == nil)
      }
      #expect(upstream.connectionCount == 1)
    }

    @Test func headHasTheLengthAndNoBody() throws {
      let upstream = try ScriptedUpstream.answering { _ in
        "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n"
      }
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client()
      for _ in 0..<2 {
        let response = try client.exchange("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(response.status == 200)
        #expect(response["Content-Length"] == "1234")
      }
      #expect(upstream.connectionCount == 1)
    }

    @Test func headOfAnErrorHasNoBodyEither() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) { $0.all.match.path = "/only" }
      let client = try fixture.client()
      let head = try client.exchange("HEAD /other HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(head.status == 404)
      #expect(head["Content-Length"] != nil)
      // A body would be read as the next response.
      #expect(try client.get("/only").text == "/only")
    }

    @Test func bodiesPassWithLengthAndChunked() throws {
      let upstream = try ScriptedUpstream.answering { ok("\($0.method) \($0.text)") }
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client()
      let sized = try client.exchange(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
      #expect(sized.text == "POST hello")
      let empty = try client.exchange("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
      #expect(empty.text == "POST ")
      let chunked = try client.exchange(
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
          + "5;name=value\r\nhello\r\n6\r\n world\r\n0\r\nX-Checksum: 9\r\n\r\n")
      #expect(chunked.text == "PUT hello world")
      let requests = upstream.requests
      #expect(requests.map { $0["Content-Length"] } == ["5", "0", nil])
      #expect(requests[2]["Transfer-Encoding"] == "chunked")
      #expect(requests[2].trailers == [Message.Field(name: "X-Checksum", value: "9")])
    }

    @Test func chunkedResponsesKeepTheirTrailers() throws {
      let upstream = try ScriptedUpstream.answering { _ in
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
          + "3;x=y\r\nabc\r\n0\r\nServer-Timing: a\r\n\r\n"
      }
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client()
      for _ in 0..<2 {
        let response = try client.get("/")
        #expect(response.text == "abc")
        #expect(response.trailers == [Message.Field(name: "Server-Timing", value: "a")])
        #expect(!response.isTruncated)
      }
    }

    @Test(arguments: [204, 304]) func statusesWithoutBody(status: Int) throws {
      let upstream = try ScriptedUpstream.answering { request in
        if request.target == "/plain" { return ok("plain") }
        return "HTTP/1.1 \(status) x\r\nETag: \"a\"\r\n"
          + (status == 304 ? "Content-Length: 99\r\n\r\n" : "Content-Length: 0\r\n\r\n")
      }
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client()
      let response = try client.get("/")
      #expect(response.status == status)
      #expect(response["ETag"] == "\"a\"")
      #expect(response["Content-Length"] == (status == 304 ? "99" : nil))
      #expect(try client.get("/plain").text == "plain")
      #expect(upstream.connectionCount == 1)
    }

    // MARK: HTTP/1.0

    @Test func oldClientsAreClosedUnlessTheyAskNotToBe() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client()
      for _ in 0..<2 {
        let kept = try client.exchange("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        #expect(kept.startLine == "HTTP/1.1 200 OK")
        #expect(kept["Connection"] == "keep-alive")
      }
      let last = try client.exchange("GET /b HTTP/1.0\r\n\r\n")
      #expect(last["Connection"] == "close")
      #expect(last.text == "/b")
      #expect(try client.isClosedByGateway())
    }

    @Test func oldClientsGetChunksWithoutTheirFraming() throws {
      let upstream = try ScriptedUpstream.answering { _ in
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
      }
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client()
      let response = try client.exchange("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
      #expect(response["Transfer-Encoding"] == nil)
      #expect(response["Connection"] == "close")
      #expect(response.text == "abcde")
      #expect(!response.wasReset)
    }

    @Test func oldTargetsAreKeptOnlyIfTheyAskTo() throws {
      let upstream = try ScriptedUpstream { peer in
        while let request = try peer.readRequest() {
          let keeps = request.target == "/keep"
          try peer.send(
            "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n"
              + (keeps ? "Connection: keep-alive\r\n" : "") + "\r\n\(peer.index)")
          if !keeps { return }
        }
      }
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client()
      #expect(try client.get("/keep").text == "0")
      #expect(try client.get("/keep").text == "0")
      let closing = try client.get("/close")
      #expect(closing.text == "0")
      // The target's connection ends, not the caller's.
      #expect(closing["Connection"] == nil)
      #expect(try client.get("/keep").text == "1")
    }

    @Test func bodiesUntilCloseAreFramedAnew() throws {
      let upstream = try ScriptedUpstream { peer in
        _ = try peer.readRequest()
        try peer.send("HTTP/1.1 200 OK\r\n\r\nall of it")
      }
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client()
      let new = try client.get("/")
      #expect(new["Transfer-Encoding"] == "chunked")
      #expect(new.text == "all of it")
      #expect(!new.isTruncated)
      let old = try client.exchange("GET / HTTP/1.0\r\n\r\n")
      #expect(old["Transfer-Encoding"] == nil)
      #expect(old.text == "all of it")
    }

    // MARK: Forms and methods

    @Test func absoluteFormAndAsterisk() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client()
      let absolute = try client.exchange("GET http://a.test/x?y HTTP/1.1\r\nHost: a.test\r\n\r\n")
      #expect(absolute.text == "/x?y")
      #expect(upstream.requests[0]["Host"] == "a.test")
      let asterisk = try client.exchange("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(asterisk.text == "*")
      let both = try client.exchange("OPTIONS http://a.test HTTP/1.1\r\nHost: a.test\r\n\r\n")
      #expect(both.text == "*")
    }

    @Test func connectIsRefused() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream)
      let response = try fixture.client().exchange(
        "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n")
      #expect(response.status == 405)
      #expect(response.code == "connect-refused")
      // RFC 9110 15.5.6: there has to be one; nothing is allowed.
      #expect(response["Allow"] == "")
      #expect(upstream.connectionCount == 0)
    }

    // MARK: 1xx

    @Test func continueComesFromTheTarget() throws {
      let upstream = try ScriptedUpstream { peer in
        guard var request = try peer.reader.readHead() else { return }
        #expect(request["Expect"] == "100-continue")
        try peer.send("HTTP/1.1 100 Continue\r\n\r\n")
        while peer.reader.buffer.count < 5 { try peer.reader.fill() }
        request.body = peer.reader.take(5)
        try peer.send(ok(request.text))
      }
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client()
      try client.send(
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
      #expect(try client.reader.readResponse().status == 100)
      try client.send("hello")
      #expect(try client.reader.readResponse().text == "hello")
    }

    @Test func aRefusalInsteadOfContinueEndsTheConnection() throws {
      let upstream = try ScriptedUpstream { peer in
        _ = try peer.reader.readHead()
        try peer.send("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno")
        _ = try peer.reader.readToEnd()
      }
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client()
      let response = try client.exchange(
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
      #expect(response.status == 403)
      #expect(response.text == "no")
      #expect(try client.isClosedByGateway())
    }

    @Test func earlyHintsPassAndUnaskedContinueDoesNot() throws {
      let upstream = try ScriptedUpstream.answering { _ in
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok("done")
      }
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client()
      let hints = try client.get("/")
      #expect(hints.status == 103)
      #expect(hints["Link"] == "</a>")
      #expect(try client.reader.readResponse().text == "done")
      let old = try client.exchange("GET / HTTP/1.0\r\n\r\n")
      #expect(old.text == "done")
    }

    // MARK: Pipelining

    @Test func pipelinedRequestsAreAnsweredInOrder() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) { $0.all.match.prefix = "/up" }
      let client = try fixture.client()
      var sent = ""
      for index in 0..<50 {
        switch index % 3 {
        case 0: sent += "GET /up/\(index) HTTP/1.1\r\nHost: a\r\n\r\n"
        case 1: sent += "GET /none/\(index) HTTP/1.1\r\nHost: a\r\n\r\n"
        default:
          sent += "POST /up/\(index) HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
        }
      }
      try client.send(sent)
      for index in 0..<50 {
        let response = try client.reader.readResponse()
        if index % 3 == 1 {
          #expect(response.status == 404)
        } else {
          #expect(response.text == "/up/\(index)")
        }
      }
      #expect(upstream.connectionCount == 1)
    }

    @Test func pipelinedRequestsBehindCloseAreDropped() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client()
      try client.send(
        "GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(try client.reader.readResponse()["Connection"] == "close")
      #expect(try client.isClosedByGateway())
      #expect(upstream.requests.map(\.target) == ["/1"])
    }

    @Test func requestsPerConnectionAreLimited() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) { $0.web.limits.requestsPerConnection = 2 }
      let client = try fixture.client()
      #expect(try client.get("/")["Connection"] == nil)
      #expect(try client.get("/")["Connection"] == "close")
      #expect(try client.isClosedByGateway())
    }
  }
}
