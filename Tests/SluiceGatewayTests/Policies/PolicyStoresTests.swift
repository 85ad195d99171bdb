import SluiceConfiguration
import Testing

@testable import SluiceGateway

/// What policies of all workers share, over reloads.
@Suite struct PolicyStoresTests {
  /// Tells whether it was made anew.
  private final class Made: Sendable {
    let round: Int
    init(_ round: Int) { self.round = round }
  }

  private let stores = PolicyStores()

  private func round(_ origin: PolicyOrigin?, ifMade round: Int) -> Int {
    stores.object(StoreKey(origin: origin, name: "counts")) { Made(round) }.round
  }

  /// A configuration in which callers of a group have a limit of their own.
  private var withGroup: Configuration {
    var configuration = Configuration()
    configuration.groups["gold"] = Configuration.Group()
    configuration.groups["gold"]?.policies[Configuration.ConcurrencyLimit.self] = .init()
    return configuration
  }

  @Test func whatIsAskedForStays() {
    for number in 1...4 {
      #expect(round(.route("a"), ifMade: number) == 1)
      stores.sweep(for: Configuration())
    }
    // One reload without it is survived, two are not.
    stores.sweep(for: Configuration())
    #expect(round(.route("a"), ifMade: 5) == 5)
  }

  /// Nobody of a group may come between reloads; what it has used stays used.
  @Test(arguments: [.group("gold"), nil] as [PolicyOrigin?])
  func whatCallersUsedWaitsForThem(origin: PolicyOrigin?) {
    #expect(round(origin, ifMade: 1) == 1)
    for _ in 0..<5 { stores.sweep(for: withGroup) }
    #expect(round(origin, ifMade: 2) == 1)
    for _ in 0..<2 { stores.sweep(for: Configuration()) }
    #expect(round(origin, ifMade: 3) == 3)
  }
}
