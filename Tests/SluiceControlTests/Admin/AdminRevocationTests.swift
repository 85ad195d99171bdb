import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

@testable import SluiceControl

/// Revocations through the admin API.
@Suite struct AdminRevocationTests {
  private func ask(
    _ fixture: AdminFixture, _ method: String, _ target: String
  ) throws -> (status: Int, body: String) {
    let answer = try Peer.get(target, from: fixture.admin, method: method)
    let status = Int(answer.split(separator: " ").dropFirst().first ?? "") ?? 0
    let start = answer.firstRange(of: "\r\n\r\n")?.upperBound ?? answer.endIndex
    return (status, String(answer[start...]))
  }

  private func content(_ body: String) throws -> RevocationContent {
    try JSONDecoder().decode(RevocationContent.self, from: Data(body.utf8))
  }

  @Test func aRevocationIsMadeListedAndTakenBack() throws {
    let fixture = try AdminFixture()
    let made = try ask(
      fixture, "POST", "/revocations?consumer=alice&lifetime=1h&reason=lost%20laptop")
    #expect(made.status == 201)
    let revocation = try content(made.body)
    #expect(revocation.by == "consumer" && revocation.value == "alice")
    #expect(revocation.reason == "lost laptop" && revocation.closing == 0)
    let list = try JSONDecoder().decode(
      [RevocationContent].self, from: Data(try ask(fixture, "GET", "/revocations").body.utf8))
    #expect(list.map(\.id) == [revocation.id])
    let path = "/revocations/\(revocation.id)"
    #expect(try content(try ask(fixture, "DELETE", path).body).id == revocation.id)
    #expect(try ask(fixture, "DELETE", path).status == 404)
    #expect(try ask(fixture, "DELETE", "/revocations/x").status == 404)
    #expect(try ask(fixture, "GET", "/revocations").body == "[\n\n]\n")
  }

  /// A name that is written wrong takes trust from nobody, and whoever revokes should see it.
  @Test func whetherThereIsSuchAConsumerIsSaid() throws {
    let fixture = try AdminFixture(rest: "consumers: {bob: {groups: [a]}}")
    #expect(try content(try ask(fixture, "POST", "/revocations?consumer=bob").body).isKnown == true)
    #expect(
      try content(try ask(fixture, "POST", "/revocations?consumer=bbo").body).isKnown == false)
    #expect(try content(try ask(fixture, "POST", "/revocations?jti=bob").body).isKnown == nil)
    let listed = try ask(fixture, "GET", "/revocations").body
    #expect(!listed.contains("isKnown"))
  }

  @Test func aSessionIsRevokedByItsId() throws {
    let fixture = try AdminFixture()
    let client = try fixture.open()
    let id = try #require(try fixture.sessions(1).first?.id)
    let made = try content(try ask(fixture, "POST", "/revocations?session=\(id)").body)
    #expect(made.by == "session" && made.value == id && made.closing == 1)
    #expect(try client.close().code == 4_403)
    client.sendClose()
    try fixture.sessions(0)
  }

  @Test(arguments: [
    ("", "missing-parameter"), ("?consumer=a&sub=b", "invalid-parameter"),
    ("?session=nobody", "invalid-parameter"), ("?consumer=a&lifetime=0s", "invalid-parameter"),
    ("?consumer=a&lifetime=9000h", "invalid-parameter"), ("?user=a", "unknown-parameter"),
    ("?consumer=a&consumer=b", "invalid-parameter"),
  ])
  func mistakesAreRefused(query: String, code: String) throws {
    let fixture = try AdminFixture()
    let answer = try ask(fixture, "POST", "/revocations\(query)")
    #expect(answer.status == 400)
    #expect(answer.body.contains("\"code\":\"\(code)\""), "\(answer.body)")
    #expect(fixture.process.gateway.allRevocations.isEmpty)
  }
}
