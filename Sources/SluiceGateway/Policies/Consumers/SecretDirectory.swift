import SluiceConfiguration

/// The consumers' secrets for signed requests, by name.
final class SecretDirectory {
  struct Entry {
    let identity: Identity
    let secret: [UInt8]
  }

  private var entries: [[UInt8]: Entry] = [:]

  init(_ consumers: [String: Configuration.Consumer]) {
    for (name, consumer) in consumers {
      let groups = consumer.groups.map { Array($0.utf8) }
      for credential in consumer.credentials.compactMap(\.hmacAuth) {
        let username = Array(credential.username.utf8)
        entries[username] = Entry(
          identity: Identity(consumer: Array(name.utf8), groups: groups, credential: username),
          secret: Array(credential.secret.reveal().utf8))
      }
    }
  }

  func entry(for username: [UInt8]) -> Entry? { entries[username] }
}
