import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// The examples of the policies' pages, in force and asked.
  @Suite struct PolicyExamples {
    private struct Call {
      var method = "GET"
      var target = "/time"
      var fields: [String] = []
      var body = ""
      var statuses: Set<Int>
    }

    private static func call(
      _ target: String = "/time", _ fields: String..., answers statuses: Int...
    ) -> Call {
      Call(target: target, fields: fields, statuses: Set(statuses))
    }

    private static func post(
      _ target: String, _ body: String, _ fields: String..., answers status: Int
    ) -> Call {
      Call(
        method: "POST", target: target,
        fields: fields + ["Content-Type: application/json", "Content-Length: \(body.utf8.count)"],
        body: body, statuses: [status])
    }

    private static let alice = "apikey: alice-secret"
    private static let basic =
      "Authorization: Basic " + Data("alice:alice-password".utf8).base64EncodedString()
    private static let tokenSecret = String(repeating: "s", count: 64)

    private static func bearer(_ claims: [String: String]) -> String {
      "Authorization: Bearer \(TestToken.make(claims: claims, secret: tokenSecret))"
    }

    private static let calls: [String: [Call]] = [
      "acl": [call("/time", alice, answers: 200), call(answers: 401)],
      "anonymous": [call(answers: 200), call("/time", "apikey: wrong", answers: 401)],
      "bandwidth-limit": [call("/files/a", answers: 200)],
      "basic-auth": [call("/time", basic, answers: 200), call(answers: 401)],
      "caller-headers": [call(answers: 200)],
      "cache": [
        call("/time?utm_source=a", answers: 200), call("/time?utm_source=b", answers: 200),
      ],
      "claims": [
        call("/time", bearer(["scope": "time.read"]), answers: 200),
        call("/time", bearer(["scope": "other"]), answers: 403), call(answers: 401),
      ],
      "compression": [call("/time", "Accept-Encoding: zstd", answers: 200)],
      "concurrency-limit": [call("/reports/1", answers: 200)],
      "cors": [call("/time", "Origin: https://app.example.com", answers: 200)],
      "error-answers": [call(answers: 200)],
      "fault": [call(answers: 200, 503)],
      "forward-auth": [call(answers: 200)],
      "grpc-web": [
        Call(
          method: "OPTIONS", target: "/helloworld.Greeter/SayHello",
          fields: ["Origin: https://app.example.com", "Access-Control-Request-Method: POST"],
          statuses: [204])
      ],
      "hmac-auth": [call(answers: 401), call("/time", "Authorization: hmac a", answers: 401)],
      "identify": [
        call("/time", alice, basic, answers: 200), call("/time", alice, answers: 401),
      ],
      "ip-restriction": [call(answers: 403)],
      "json-schema": [
        post("/orders", #"{"item":"clock","count":1}"#, answers: 200),
        post("/orders", #"{"item":"clock","count":0}"#, answers: 400),
      ],
      "jwt": [
        call(
          "/time", bearer(["iss": "https://login.example.com/", "aud": "time"]), answers: 200),
        call("/time", bearer(["iss": "https://evil.test/", "aud": "time"]), answers: 401),
        call(answers: 401),
      ],
      "key-auth": [
        call("/time", "X-Api-Key: alice-secret", answers: 200), call("/time", alice, answers: 401),
      ],
      "kong-fields": [call(answers: 200)],
      "file-log": [call(answers: 200)],
      "http-log": [call(answers: 200)],
      "mirror": [call(answers: 200)],
      "mock": [call(answers: 200)],
      "mtls-auth": [call(answers: 401)],
      "oauth2-introspection": [call(answers: 401)],
      "quota": [call("/time", alice, answers: 200), call("/report", alice, answers: 200)],
      "rate-limit": [call("/time", alice, answers: 200), call("/search/a", answers: 200)],
      "redirect": [call("/old/a", answers: 308)],
      "request-id": [call(answers: 200)],
      "request-size-limit": [
        post("/upload", "{}", alice, answers: 200), post("/upload", "{}", answers: 401),
      ],
      "request-transform": [call("/zones/utc/time", answers: 200)],
      "reroute": [call("/v1/user-7", answers: 200), call("/users/7", answers: 404)],
      "response-limit": [call("/media/a", alice, answers: 200), call("/media/a", answers: 401)],
      "response-transform": [call(answers: 200)],
      "rewrite": [call("/v1/zones/utc/time", answers: 200)],
      "split": [call(answers: 200)],
      "target-headers": [call(answers: 200)],
      "user-agent-restriction": [
        call("/time", "User-Agent: ourbot/1", answers: 200), call(answers: 200),
        call("/time", "User-Agent: otherbot/1", answers: 403),
        // What is too long for a pattern that may begin anywhere counts as one that it keeps out.
        call("/time", "User-Agent: \(String(repeating: "a", count: 512))", answers: 200),
        call("/time", "User-Agent: \(String(repeating: "a", count: 513))", answers: 403),
        call("/time", "User-Agent: ourbot/\(String(repeating: "a", count: 513))", answers: 200),
      ],
    ]

    @Test(arguments: PolicyRegistry.standard.policies.map { $0.policyName })
    func everyExampleRuns(name: String) throws {
      let policy = try #require(PolicyRegistry.standard.policy(named: name))
      let calls = try #require(Self.calls[name], "say what the example answers")
      let result = ConfigurationReader.read(
        contentsOf: policy.example, file: "example.yaml",
        environment: [
          "ALICE_KEY": "alice-secret", "ALICE_PASSWORD": "alice-password",
          "TOKEN_SECRET": Self.tokenSecret, "CLIENT_SECRET": "client-secret", "LOG_TOKEN": "t",
        ], regexCheck: { _ in nil })
      var configuration = try #require(result.configuration)
      let upstream = try ScriptedUpstream.answering { _ in
        ok("{}", "Content-Type: application/json")
      }
      // Ports and the files of certificates are the only things that a test can't leave as they are.
      configuration.workers = .count(1)
      configuration.accessLog.format = .off
      configuration.shutdown.timeout = .milliseconds(50)
      for name in configuration.listeners.keys {
        configuration.listeners[name]?.address = "127.0.0.1:0"
        configuration.listeners[name]?.tls = nil
      }
      for (name, service) in configuration.services {
        configuration.services[name]?.targets = service.targets.map { target in
          var target = target
          target.url = upstream.url
          return target
        }
      }
      let fixture = try Fixture(configuration)
      for call in calls {
        let answer = try fixture.client().exchange(
          "\(call.method) \(call.target) HTTP/1.1\r\nHost: gateway.test\r\n"
            + call.fields.map { $0 + "\r\n" }.joined() + "\r\n" + call.body)
        #expect(call.statuses.contains(answer.status), "\(call): \(answer.status)")
      }
      withExtendedLifetime(upstream) {}
    }
  }
}
