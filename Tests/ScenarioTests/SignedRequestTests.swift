import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// `hmac-auth`: what was signed just now counts, with its body.
  @Suite struct SignedRequests {
    private static let secret = "a-secret-of-thirty-two-bytes-...."
    /// Of `hello`.
    private static let hello = "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:"

    private func date(_ seconds: Double) -> String {
      let format = DateFormatter()
      format.locale = Locale(identifier: "en_US_POSIX")
      format.timeZone = TimeZone(identifier: "GMT")
      format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
      return format.string(from: Date(timeIntervalSinceNow: seconds))
    }

    private func status(
      _ fixture: Fixture, _ body: String = "hello", seconds: Double = 0,
      digest: String = Self.hello, dateField: String = "date"
    ) throws -> Int {
      let time = date(seconds)
      let signed = "\(dateField): \(time)\nPOST /sign HTTP/1.1\ncontent-digest: \(digest)"
      let signature = Data(TestToken.code(of: Array(signed.utf8), Self.secret))
        .base64EncodedString()
      let authorization =
        "Authorization: hmac username=\"al\", algorithm=\"hmac-sha256\", "
        + "headers=\"\(dateField) request-line content-digest\", signature=\"\(signature)\""
      return try fixture.client().exchange(
        "POST /sign HTTP/1.1\r\nHost: a\r\n\(dateField): \(time)\r\nContent-Digest: \(digest)\r\n"
          + "\(authorization)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
      ).status
    }

    @Test func signaturesAreOfNowAndOfTheBody() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) {
        var settings = Configuration.HMACAuth()
        settings.require = ["date", "request-line", "content-digest"]
        settings.body = true
        $0.all.policies[Configuration.HMACAuth.self] = settings
        var credential = Configuration.Credential()
        credential.hmacAuth = Configuration.SigningCredential(username: "al", secret: Self.secret)
        var alice = Configuration.Consumer()
        alice.credentials = [credential]
        $0.consumers["alice"] = alice
      }
      #expect(try status(fixture) == 200)
      #expect(try status(fixture, dateField: "x-date") == 200)
      #expect(try status(fixture, digest: "sha-512=:AAAA:, \(Self.hello)") == 200)
      #expect(try status(fixture, seconds: -200) == 200)
      // Too old, and not yet.
      #expect(try status(fixture, seconds: -400) == 401)
      #expect(try status(fixture, seconds: 400) == 401)
      #expect(try status(fixture, "hellO") == 401)
      for digest in [
        "sha-512=:AAAA:", "sha-256=LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=", "sha-256=::",
        "sha-256=:*:",
      ] { #expect(try status(fixture, digest: digest) == 401, "\(digest)") }
      #expect(upstream.requests.count == 4)
      #expect(upstream.requests.allSatisfy { $0["X-Consumer-Username"] == "alice" })
    }
  }
}
