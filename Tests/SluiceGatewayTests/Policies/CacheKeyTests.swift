import SluiceWire
import Testing

@testable import SluiceGateway

/// What makes two requests the same to the cache.
@Suite struct CacheKeyTests {
  private struct Parts {
    var url = "a.test/x"
    var query = "?q=1"
    var route = "route one"
    var settings = "ttl 1h"
    var listener = "web"
    var owner: String?
  }

  private func stored(_ parts: Parts, owned: Bool = false) -> CacheKey.Stored {
    var key = CacheKey.Builder()
    build(&key, parts)
    let stored = key.stored(owned: owned)
    let isFound = key.matches(stored)
    #expect(isFound)
    return stored
  }

  private func build(_ key: inout CacheKey.Builder, _ parts: Parts) {
    key.clear()
    key.append(Array(parts.url.utf8))
    key.endGroup()
    key.append(Array(parts.query.utf8))
    key.endURL()
    key.append(CacheScope(parts.route))
    key.append(CacheScope(parts.settings))
    key.appendCounted(Array(parts.listener.utf8))
    key.endShared()
    if let owner = parts.owner { key.appendCounted(Array(owner.utf8)) }
  }

  @Test func theSamePartsAreTheSameKey() {
    #expect(stored(Parts()).bytes == stored(Parts()).bytes)
    #expect(stored(Parts()).hash == stored(Parts()).hash)
    #expect(stored(Parts()).group == stored(Parts()).group)
  }

  @Test func everyPartMakesADifference() {
    let one = stored(Parts())
    let others = [
      Parts(url: "b.test/x"), Parts(query: "?q=2"), Parts(query: ""), Parts(route: "route two"),
      Parts(settings: "ttl 2h"), Parts(listener: "internal"),
    ].map { stored($0) }
    for other in others {
      #expect(other.bytes != one.bytes)
      #expect(other.hash != one.hash)
    }
    // Only the first names another host or path.
    #expect(others.map { $0.group == one.group } == [false, true, true, true, true, true])
  }

  @Test func anOwnersKeyIsNotTheOneForAll() {
    let shared = stored(Parts(owner: "alice"), owned: false)
    let alices = stored(Parts(owner: "alice"), owned: true)
    let bobs = stored(Parts(owner: "bob"), owned: true)
    #expect(shared.bytes == stored(Parts()).bytes)
    #expect(Set([shared.hash, alices.hash, bobs.hash]).count == 3)
    #expect(Set([shared.group, alices.group, bobs.group]).count == 1)
    var key = CacheKey.Builder()
    build(&key, Parts(owner: "alice"))
    let found = [key.matches(shared), key.matches(alices), key.matches(bobs)]
    #expect(found == [true, true, false])
  }

  /// The listener's end can't be taken for the beginning of what follows.
  @Test func partsDoNotRunTogether() {
    var one = CacheKey.Builder()
    var other = CacheKey.Builder()
    one.appendCounted(Array("web".utf8))
    one.appendCounted(Array("1".utf8))
    other.appendCounted(Array("we".utf8))
    other.appendCounted(Array("b1".utf8))
    one.endShared()
    other.endShared()
    let bytes = [one.stored(owned: false).bytes, other.stored(owned: false).bytes]
    #expect(bytes[0] != bytes[1])
  }
}
