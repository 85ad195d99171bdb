import SluiceWire
import Testing

@testable import SluiceGateway

@Suite struct IdentityTests {
  private func identity(
    _ consumer: String, groups: [String] = [], claims: [String] = [], expiresAt: Int64? = nil
  ) -> Identity {
    Identity(
      consumer: Array(consumer.utf8), groups: groups.map { Array($0.utf8) },
      claims: claims.map { Identity.Claim(name: Array($0.utf8), value: [], words: []) },
      expiresAt: expiresAt)
  }

  private func names(_ list: [[UInt8]]) -> [String] {
    list.map { String(decoding: $0, as: UTF8.self) }
  }

  /// Where all must pass, what any of them says holds, and trust ends with the first.
  @Test func whatSeveralFoundIsJoined() {
    let key = identity("alice", groups: ["a", "b"])
    let granted = identity("alice", groups: ["b", "c"], expiresAt: 100)
    let token = identity("", claims: ["plan"], expiresAt: 50)
    for joined in [key.joined(with: granted), granted.joined(with: key)] {
      #expect(names([joined.consumer]) == ["alice"])
      #expect(Set(names(joined.groups)) == ["a", "b", "c"] && joined.groups.count == 3)
      #expect(joined.expiresAt == 100)
    }
    for joined in [key.joined(with: token), token.joined(with: key)] {
      #expect(names([joined.consumer]) == ["alice"] && names(joined.groups) == ["a", "b"])
      #expect(names(joined.claims.map(\.name)) == ["plan"])
      #expect(joined.expiresAt == 50)
    }
    #expect(granted.joined(with: token).expiresAt == 50)
    #expect(key.joined(with: key).expiresAt == nil)
  }
}
