import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// What `request-transform` and `response-transform` make of JSON bodies.
  @Suite struct BodyTransformTests {
    private static let json = "Content-Type: application/json"

    private func fixture(
      to upstream: ScriptedUpstream,
      request: ((inout Configuration.RequestTransform) -> Void)? = nil,
      response: ((inout Configuration.ResponseTransform) -> Void)? = nil,
      rest: (inout Configuration) -> Void = { _ in }
    ) throws -> Fixture {
      try Fixture(to: upstream) { configuration in
        if let request {
          var transform = Configuration.RequestTransform()
          request(&transform)
          configuration.all.policies[Configuration.RequestTransform.self] = transform
        }
        if let response {
          var transform = Configuration.ResponseTransform()
          response(&transform)
          configuration.all.policies[Configuration.ResponseTransform.self] = transform
        }
        rest(&configuration)
      }
    }

    private func post(
      _ body: String, type: String = "application/json", _ fields: String = "",
      to fixture: Fixture
    ) throws -> Message {
      try fixture.client().exchange(
        "POST /orders?x=1 HTTP/1.1\r\nHost: a\r\nContent-Type: \(type)\r\n\(fields)"
          + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
    }

    // MARK: Requests

    @Test func requestsAreChangedInTheOrderOfHeaders() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(
        to: upstream,
        request: {
          $0.remove.body = ["$.admin", "$.user.role"]
          $0.rename.body = ["$.user.nick": "name"]
          $0.replace.body = ["$.count": "2", "$.absent": "never"]
          $0.add.body = [
            "$.meta.address": "${client.address}", "$.admin": "false",
            "$.trace": #"{"id": "<${request.header.x-in}>", "n": 1}"#, "$.none": "${consumer.name}",
          ]
          $0.append.body = ["$.tags": "t${request.query.x}"]
        })
      let response = try post(
        #"{"admin":true, "user": {"nick":"n","role":"root"},"count":1,"tags":["a"]}"#,
        "X-In: a\"b\\\r\n", to: fixture)
      #expect(response.status == 200)
      let seen = try #require(upstream.requests.first)
      #expect(
        seen.text
          == #"{"user": {"name":"n"},"count":2,"tags":["a","t1"],"admin":false,"meta":{"address":"127.0.0.1"},"trace":{"id": "<a\"b\\>", "n": 1}}"#
      )
      #expect(seen["Content-Length"] == "\(seen.body.count)")
    }

    @Test func onlyJSONIsTouched() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream, request: { $0.remove.body = ["$.a"] })
      #expect(try post(#"{"a":1}"#, type: "text/plain", to: fixture).status == 200)
      #expect(upstream.requests.last?.text == #"{"a":1}"#)
      #expect(
        try post(#"{"a":1}"#, type: "application/vnd.api+json; v=1", to: fixture).status == 200)
      #expect(upstream.requests.last?.text == "{}")
      #expect(try fixture.get("/", Self.json).status == 200)
    }

    @Test func whatIsNoJSONDoesNotPass() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(
        to: upstream,
        request: {
          $0.remove.body = ["$.a"]
          $0.maxBodySize = .kibibytes(100)
        })
      for body in ["{", #"{"a":1,"a":2}"#, String(repeating: "[", count: 10_000), "\u{feff}{}", ""]
      where !body.isEmpty {
        let response = try post(body, to: fixture)
        #expect(response.status == 400)
        #expect(response.code == "body-not-json")
      }
      #expect(try post("{}", "Content-Encoding: gzip\r\n", to: fixture).code == "body-not-json")
      let large = "\"" + String(repeating: "x", count: 102_400) + "\""
      #expect(try post(large, to: fixture).code == "body-too-large")
      let chunked = try fixture.client().exchange(
        "POST / HTTP/1.1\r\nHost: a\r\n\(Self.json)\r\nTransfer-Encoding: chunked\r\n\r\n"
          + "19002\r\n\(large)\r\n0\r\n\r\n")
      #expect(chunked.code == "body-too-large")
      #expect(upstream.requests.isEmpty)
    }

    // MARK: Responses

    private func removing(_ configuration: inout Configuration.ResponseTransform) {
      configuration.remove.body = ["$.password"]
      configuration.add.body = ["$.path": "${request.path}"]
      configuration.maxBodySize = .kibibytes(100)
    }

    @Test func responsesAreChanged() throws {
      let body = #"{"password":"p","a":[1, 2]}"#
      let upstream = try ScriptedUpstream.answering {
        switch $0.target {
        case "/chunked":
          "HTTP/1.1 200 OK\r\n\(Self.json)\r\nTransfer-Encoding: chunked\r\n\r\n"
            + body.map { "1\r\n\($0)\r\n" }.joined() + "0\r\n\r\n"
        case "/text": ok(body, "Content-Type: text/plain")
        default:
          $0.method == "HEAD"
            ? "HTTP/1.1 200 OK\r\n\(Self.json)\r\nContent-Length: 27\r\n\r\n"
            : ok(body, Self.json, "ETag: \"v1\"", "Accept-Ranges: bytes")
        }
      }
      let fixture = try fixture(to: upstream, response: removing)
      let client = try fixture.client()
      for target in ["/sized", "/chunked", "/sized"] {
        let response = try client.get(target, "Range: bytes=0-5", "Accept-Encoding: gzip")
        #expect(response.status == 200)
        #expect(response.text == #"{"a":[1, 2],"path":""# + target + "\"}")
        #expect(response["Accept-Ranges"] == nil)
        if target == "/sized" { #expect(response["ETag"] == "W/\"v1\"") }
      }
      #expect(try client.get("/text").text == body)
      let head = try client.exchange("HEAD /sized HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(head["Content-Length"] == nil)
      let seen = try #require(upstream.requests.first)
      #expect(seen["Range"] == nil)
      #expect(seen["Accept-Encoding"] == "identity")
      let old = try fixture.client().exchange("GET /sized HTTP/1.0\r\n\r\n")
      #expect(old.text == #"{"a":[1, 2],"path":"/sized"}"#)
    }

    /// Rather no response than one with what was to be removed.
    @Test func whatCannotBeChangedIsNotSent() throws {
      let large = "\"" + String(repeating: "x", count: 102_400) + "\""
      let upstream = try ScriptedUpstream { peer in
        while let request = try peer.readRequest() {
          switch request.target {
          case "/broken": try peer.send(ok("{\"password\":\"p\"", Self.json))
          case "/twice": try peer.send(ok(#"{"password":1,"password":2}"#, Self.json))
          case "/encoded": try peer.send(ok("{}", Self.json, "Content-Encoding: br"))
          case "/part":
            try peer.send(
              "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/9\r\nContent-Length: 2\r\n\r\n{}"
            )
          case "/large": try peer.send(ok(large, Self.json))
          case "/large-chunked":
            try peer.send(
              "HTTP/1.1 200 OK\r\n\(Self.json)\r\nTransfer-Encoding: chunked\r\n\r\n19002\r\n\(large)\r\n0\r\n\r\n"
            )
          case "/cut":
            try peer.send("HTTP/1.1 200 OK\r\n\(Self.json)\r\nContent-Length: 9\r\n\r\n{\"pass")
            return
          default: try peer.send(ok("{}", Self.json))
          }
        }
      }
      let fixture = try fixture(
        to: upstream,
        response: {
          removing(&$0)
          $0.add.headers = ["X-Good": "yes", "Cache-Control": "max-age=60"]
        },
        rest: {
          var compression = Configuration.Compression()
          compression.minSize = ByteCount(0)
          $0.all.policies[Configuration.Compression.self] = compression
        })
      let client = try fixture.client()
      for (target, code) in [
        ("/broken", "upstream-body-unusable"), ("/twice", "upstream-body-unusable"),
        ("/encoded", "upstream-body-unusable"), ("/part", "upstream-body-unusable"),
        ("/large", "upstream-body-too-large"), ("/large-chunked", "upstream-body-too-large"),
        ("/cut", "upstream-reset"),
      ] {
        let response = try client.get(target, "Accept-Encoding: gzip")
        #expect(response.status == 502, "\(target)")
        #expect(response.code == code, "\(target)")
        #expect(response["X-Good"] == nil)
        #expect(response["Cache-Control"] == nil)
        #expect(response["Content-Encoding"] == nil)
        let good = try client.get("/good")
        #expect(good.text == #"{"path":"/good"}"#)
        #expect(good["X-Good"] == "yes")
      }
    }

    /// Stored as the target sent it, changed for each caller, compressed at the end.
    @Test func changedResponsesAreStoredAndCompressed() throws {
      let text =
        #"{"password":"p","list":["# + (0..<999).map(String.init).joined(separator: ",") + "]}"
      let upstream = try ScriptedUpstream.answering { _ in
        ok(text, Self.json, "ETag: \"v1\"", "Cache-Control: max-age=60")
      }
      let fixture = try fixture(
        to: upstream, response: removing,
        rest: {
          $0.all.policies[Configuration.Compression.self] = Configuration.Compression()
          $0.all.policies[Configuration.Cache.self] = Configuration.Cache()
        })
      for _ in 0..<2 {
        let response = try fixture.get("/path", "Accept-Encoding: gzip")
        let decoded = String(decoding: Decoding.decode(response.body, "gzip"), as: UTF8.self)
        #expect(decoded.hasPrefix(#"{"list":[0,1,"#))
        #expect(decoded.hasSuffix(#"998],"path":"/path"}"#))
        #expect(response["ETag"] == "W/\"v1\"")
        #expect(try fixture.get("/path").text.hasSuffix(#""path":"/path"}"#))
      }
      #expect(upstream.requests.count == 1)
    }

    /// The time for the exchange ends while the response is held back: an error, not half a response.
    @Test func aHeldResponseThatTakesTooLongIsAnError() throws {
      let upstream = try ScriptedUpstream { peer in
        guard try peer.readRequest() != nil else { return }
        try peer.send("HTTP/1.1 200 OK\r\n\(Self.json)\r\nContent-Length: 9\r\n\r\n{")
        _ = try peer.readRequest()
      }
      let fixture = try fixture(
        to: upstream, response: removing,
        rest: {
          var timeouts = Configuration.RouteTimeouts()
          timeouts.total = .milliseconds(200)
          $0.all.timeouts = timeouts
        })
      let response = try fixture.get("/")
      #expect(response.status == 504)
      #expect(response.code == "exchange-timeout")
    }
  }
}
