import SluiceConfiguration
import SluiceWire
import Testing

@testable import SluiceGateway

@Suite struct KeyDirectoryTests {
  private func directory(_ count: Int, expires: String? = nil) -> KeyDirectory {
    var consumers: [String: Configuration.Consumer] = [:]
    for number in 0..<count {
      var credential = Configuration.Credential()
      credential.keyAuth = Configuration.KeyCredential(key: "key-\(number)", expires: expires)
      var consumer = Configuration.Consumer()
      consumer.credentials = [credential]
      consumers["consumer-\(number)"] = consumer
    }
    return KeyDirectory(consumers, [:])
  }

  private func name(_ key: String, _ directory: KeyDirectory, _ clock: UnixClock = .system)
    -> String?
  {
    let key = Array(key.utf8)
    return directory.identity(for: key.span, clock).map {
      String(decoding: $0.consumer, as: UTF8.self)
    }
  }

  /// As many as fill a table of a power of two to a half, and one more and less.
  @Test(arguments: [0, 1, 7, 8, 9, 1_023, 1_024, 1_025])
  func everyKeyIsItsOwnersAndNoOtherIsAnybodys(count: Int) {
    let directory = directory(count)
    for number in 0..<count {
      #expect(name("key-\(number)", directory) == "consumer-\(number)")
    }
    for key in ["", "key-", "key-\(count)", "KEY-0", "key-0 "] {
      #expect(name(key, directory) == nil)
    }
  }

  @Test func aKeyEnds() {
    let directory = directory(3, expires: "2030-01-01T00:00:00Z")
    let end: Int64 = 1_893_456_000
    #expect(name("key-1", directory, UnixClock { (end - 1) * 1_000_000_000 }) == "consumer-1")
    #expect(name("key-1", directory, UnixClock { end * 1_000_000_000 }) == nil)
  }
}
