import Foundation
import SluiceConfiguration
import Testing

extension Scenarios {
  /// Where packets end must not matter.
  @Suite struct Splits {
    private static let requests = [
      "GET /a?b HTTP/1.1\r\nHost: a\r\n\r\n",
      "HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n",
      "\r\nGET /empty-line HTTP/1.1\r\nHost: a\r\n\r\n",
      "POST /sized HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world",
      "POST /chunked HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        + "5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nX-Trailer: 1\r\n\r\n",
      "GET /nowhere/at/all HTTP/1.1\r\nHost: none\r\n\r\n",
    ]

    private static let responses = [
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello",
      "HTTP/1.1 204 No Content\r\n\r\n",
      "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + "5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nX-Trailer: 1\r\n\r\n",
    ]

    /// What upstream and client see when both sides send in pieces of `size` bytes.
    private func transcript(pieces size: Int) throws -> [[String]] {
      let upstream = try ScriptedUpstream { peer in
        while let request = try peer.readRequest() {
          let index = Int(request["X-Response"] ?? "") ?? 0
          try peer.socket.send(
            Self.responses[index], inPiecesOf: size, isHead: request.method == "HEAD")
        }
      }
      let fixture = try Fixture(to: upstream)
      var seen: [[String]] = []
      let client = try fixture.client()
      for request in Self.requests {
        for index in Self.responses.indices {
          let end = request.firstRange(of: "Host:")!.lowerBound
          let text = request[..<end] + "X-Response: \(index)\r\n" + request[end...]
          try client.socket.send(String(text), inPiecesOf: size, isHead: false)
          let method = request.hasPrefix("HEAD") ? "HEAD" : "GET"
          var response = try client.reader.readResponse(to: method)
          if response.status == 103 {
            seen.append(response.comparable)
            response = try client.reader.readResponse(to: method)
          }
          seen.append(Self.joined(response))
        }
      }
      for request in upstream.requests {
        var request = request
        request.fields.removeAll { $0.name == "X-Forwarded-Port" }
        seen.append(Self.joined(request))
      }
      return seen
    }

    /// Chunks may be cut anew; their content may not.
    private static func joined(_ message: Message) -> [String] { message.comparable }

    @Test(arguments: [1, 2, 3, 7]) func piecesGiveTheSameAsWholes(size: Int) throws {
      let whole = try transcript(pieces: .max)
      #expect(whole.count == Self.requests.count * (2 * Self.responses.count + 1))
      #expect(try transcript(pieces: size) == whole)
    }
  }
}

extension RawSocket {
  fileprivate func send(_ text: String, inPiecesOf size: Int, isHead: Bool) throws {
    var bytes = Array(text.utf8)
    if isHead {
      // The answer to HEAD is the last head alone.
      let heads = text.components(separatedBy: "\r\n\r\n")
      let last = heads.lastIndex { $0.hasPrefix("HTTP/") } ?? 0
      bytes = Array((heads[...last].joined(separator: "\r\n\r\n") + "\r\n\r\n").utf8)
    }
    var start = 0
    while start < bytes.count {
      let end = size > bytes.count - start ? bytes.count : start + size
      try send(bytes[start..<end])
      start = end
    }
  }
}
