import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// What `json-schema` lets pass.
  @Suite struct BodySchemaTests {
    private static let schema = #"""
      {"type": "object", "required": ["item"], "additionalProperties": false,
       "properties": {"item": {"type": "string"}, "sizes": {"items": {"type": "integer"}}}}
      """#

    private func send(
      _ body: String?, method: String = "POST",
      _ fields: String = "Content-Type: application/json\r\n",
      _ edit: (inout Configuration) -> Void = { _ in }
    ) throws -> (response: Message, seen: Message?) {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) { configuration in
        var policy = Configuration.JSONSchema()
        policy.schema = Self.schema
        policy.maxBodySize = .kibibytes(64)
        configuration.all.policies[Configuration.JSONSchema.self] = policy
        edit(&configuration)
      }
      let length = body.map { "Content-Length: \($0.utf8.count)\r\n" } ?? ""
      let response = try fixture.client().exchange(
        "\(method) /orders HTTP/1.1\r\nHost: a\r\n\(fields)\(length)\r\n\(body ?? "")")
      return (response, upstream.requests.first)
    }

    @Test func whatIsRightPassesAsItCame() throws {
      let body = #"{ "item":"a", "sizes": [1, 2.0] }"#
      let result = try send(body)
      #expect(result.response.status == 200)
      #expect(result.seen?.text == body)
      #expect(try send(nil, method: "GET", "").response.status == 200)
      #expect(try send(nil, method: "DELETE", "").response.status == 200)
    }

    @Test func whatIsWrongIsToldWithItsPlace() throws {
      let result = try send(#"{"item":"a","sizes":[1,"x\"y"]}"#)
      #expect(result.response.status == 400)
      #expect(result.response.code == "body-invalid")
      #expect(result.response.text.contains(#""pointer":"/sizes/1","keyword":"type""#))
      #expect(result.seen == nil)
      let named = try send(#"{"item":"a","\"}\u0000{":1}"#)
      #expect(
        named.response.text.contains(#""pointer":"/\"}\u0000{","keyword":"additionalProperties""#))
      let object = try JSONSerialization.jsonObject(with: Data(named.response.body))
      #expect((object as? [String: Any])?["pointer"] as? String == "/\"}\0{")
    }

    @Test func whatIsNoJSONDoesNotPass() throws {
      for body in ["{", #"{"item":"a","item":"b"}"#, String(repeating: "[", count: 10_000)] {
        let result = try send(body)
        #expect(result.response.code == "body-not-json", "\(body.prefix(20))")
        #expect(result.seen == nil)
      }
      #expect(
        try send(#"{"item":"a"}"#, "Content-Type: text/plain\r\n").response.code == "body-not-json")
      #expect(try send(#"{"item":"a"}"#, "").response.code == "body-not-json")
      #expect(
        try send(
          #"{"item":"a"}"#, "Content-Type: application/json\r\nContent-Encoding: gzip\r\n"
        ).response.code == "body-not-json")
      #expect(try send(nil).response.code == "body-not-json")
      let large = "{\"item\":\"" + String(repeating: "x", count: 65_536) + "\"}"
      #expect(try send(large).response.code == "body-too-large")
    }

    /// Of a body without end the gateway takes no more than it may hold, and what sockets hold.
    @Test func aHundredMegabytesAreRefusedAfterTheFirst() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) {
        var policy = Configuration.JSONSchema()
        policy.schema = "true"
        $0.all.policies[Configuration.JSONSchema.self] = policy
      }
      let client = try fixture.client()
      try client.send(
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
          + "Transfer-Encoding: chunked\r\n\r\n")
      let piece = "10000\r\n" + String(repeating: "[", count: 65_536) + "\r\n"
      var sent = 0
      while sent < 100 << 20, !client.socket.isReadable(within: 0) {
        // Whoever is not read any more can't send for ever.
        guard (try? client.send(piece)) != nil else { break }
        sent += 65_536
      }
      #expect(sent < 32 << 20)
      #expect(try client.reader.readResponse(to: "POST").code == "body-too-large")
      #expect(upstream.requests.isEmpty)
    }

    /// The schema is for what callers send, not for what becomes of it.
    @Test func bodiesAreCheckedBeforeTheyAreChanged() throws {
      let result = try send(#"{"item":"a"}"#) {
        var transform = Configuration.RequestTransform()
        transform.add.body = ["$.from": "gateway"]
        $0.all.policies[Configuration.RequestTransform.self] = transform
      }
      #expect(result.seen?.text == #"{"item":"a","from":"gateway"}"#)
    }

    @Test func aSchemaThatCannotBeAppliedIsAnErrorOfTheConfiguration() throws {
      #expect(throws: Gateway.StartError.self) {
        _ = try send(nil) {
          var policy = Configuration.JSONSchema()
          policy.schema = #"{"$vocabulary": {}}"#
          $0.all.policies[Configuration.JSONSchema.self] = policy
        }
      }
    }
  }
}
