import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

@testable import SluiceControl

/// What is stored, seen and forgotten through the admin API.
@Suite struct AdminCacheTests {
  private func fixture() throws -> AdminFixture {
    try AdminFixture(
      rest: "shutdown: {timeout: 10s}\npolicies: {cache: {ttl: 1h}}")
  }

  private func purge(_ fixture: AdminFixture, _ query: (String, String)...) throws -> Int {
    try fixture.client().send("POST", "/cache/purge", query, as: PurgeContent.self).purged
  }

  private func code(_ fixture: AdminFixture, _ query: (String, String)...) -> String? {
    do throws(AdminClient.Failure) {
      _ = try fixture.client().request("POST", "/cache/purge", query)
      return nil
    } catch {
      if case .refused(let refusal) = error { return refusal.code }
      return "\(error)"
    }
  }

  @Test func storedResponsesAreForgotten() throws {
    let fixture = try fixture()
    /// Whether they came from memory.
    func hits() throws -> [Bool] {
      try ["/time?a", "/time?b=1"].map {
        try Peer.get($0, from: fixture.web, host: "Gateway.test").contains("; hit")
      }
    }
    func usage() throws -> CacheContent {
      try fixture.client().get("/cache", as: CacheContent.self)
    }
    #expect(try hits() == [false, false])
    #expect(try hits() == [true, true])
    let stored = try usage()
    #expect(stored.responses == 2 && stored.bytes > 0 && stored.maxBytes > stored.bytes)
    #expect(try purge(fixture, ("url", "http://GATEWAY.test/time?a")) == 1)
    #expect(try hits() == [false, true])
    #expect(try purge(fixture, ("prefix", "gateway.test/time?b")) == 1)
    #expect(try hits() == [true, false])
    #expect(try purge(fixture, ("tag", "news")) == 0)
    #expect(try purge(fixture, ("url", "other.test/time?a")) == 0)
    #expect(try purge(fixture, ("all", "true")) == 2)
    #expect(try usage() == CacheContent(responses: 0, bytes: 0, maxBytes: stored.maxBytes))
    #expect(try hits() == [false, false])
  }

  @Test func whatIsMeantHasToBeClear() throws {
    let fixture = try fixture()
    #expect(code(fixture) == "purge-unclear")
    #expect(code(fixture, ("url", "a.test/"), ("tag", "b")) == "purge-unclear")
    #expect(code(fixture, ("all", "yes")) == "invalid-parameter")
    #expect(code(fixture, ("prefix", "/news")) == "invalid-parameter")
    #expect(code(fixture, ("prefix", "https://")) == "invalid-parameter")
    #expect(code(fixture, ("tag", "")) == "invalid-parameter")
    #expect(code(fixture, ("key", "a.test/")) == "unknown-parameter")
  }
}
