import Testing

@testable import SluiceConfiguration

/// What distinguishes two configurations.
@Suite struct DifferenceTests {
  private func difference(
    _ edit: (inout Configuration) -> Void
  ) throws -> ConfigurationDifference {
    let before = try #require(read(file()).configuration)
    var after = before
    edit(&after)
    return ConfigurationDifference(from: before, to: after)
  }

  @Test func theSameDiffersInNothing() throws {
    #expect(try difference { _ in }.isEmpty)
  }

  @Test func entitiesComeAndGo() throws {
    let difference = try difference {
      $0.routes["b"] = $0.routes.removeValue(forKey: "a")
      $0.services["other"] = Configuration.Service()
    }
    #expect(difference.entities["routes"]?.added == ["b"])
    #expect(difference.entities["routes"]?.removed == ["a"])
    #expect(difference.entities["services"]?.added == ["other"])
    #expect(difference.entities["listeners"] == nil)
    #expect(difference.settings.isEmpty)
  }

  @Test func changesAreNamedByTheirPaths() throws {
    let difference = try difference {
      $0.routes["a"]?.match.headers["X"] = "1"
      $0.routes["a"]?.maxBodySize = ByteCount(1)
      $0.services["api"]?.timeouts.connect = .seconds(1)
      $0.services["api"]?.targets.append(Configuration.Target(url: "http://b", weight: 2))
      $0.shutdown.timeout = .seconds(1)
      $0.resolver.interval = .seconds(1)
    }
    #expect(
      difference.entities["routes"]?.changed
        == [.init(name: "a", settings: ["match.headers.X", "maxBodySize"])])
    #expect(
      difference.entities["services"]?.changed
        == [.init(name: "api", settings: ["targets[1]", "timeouts.connect"])])
    #expect(difference.settings == ["resolver.interval", "shutdown.timeout"])
  }

  /// Names and paths only.
  @Test func valuesAreNotShown() throws {
    let difference = try difference { $0.routes["a"]?.match.headers["X"] = "S3CR3T" }
    #expect(!String(describing: difference).contains("S3CR3T"))
  }
}
