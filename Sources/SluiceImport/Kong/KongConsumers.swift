import SluiceConfiguration
import SluiceWire

/// A consumer, its groups and what proves who it is.
struct KongConsumer {
  let object: KongObject
  let name: String
  /// Of the plugin acl.
  var aclGroups: [(name: String, origin: Origin)] = []
  /// Places in `groups`.
  var memberships: [Int] = []
  var credentials: [DocumentNode] = []
}

/// A consumer group.
struct KongGroup {
  let object: KongObject
  /// As Kong's file calls it.
  let text: String
  /// As the Sluice file calls it; kept apart from the groups of the plugin acl.
  var name = ""
}

extension KongConversion {
  mutating func readConsumers() {
    var taken: Set<String> = []
    for entity in kong["consumers"] {
      let object = entity.object
      object.skip(
        "id", "tags", "created_at", "updated_at", "plugins", "keyauth_credentials",
        "basicauth_credentials", "jwt_secrets", "hmacauth_credentials", "acls")
      let username = object.string("username") ?? object.string("custom_id") ?? ""
      if username.isEmpty {
        report.error("a consumer needs a username or a custom_id", at: object.origin)
      }
      let name = Self.name(username, taken: &taken)
      if name != username, !username.isEmpty {
        report.warning(
          "\(object.title): it is called \(name) here, and targets see that name",
          at: object.origin)
      }
      object.warn("custom_id", because: "is not sent to targets")
      for key in kong.keys(of: object) + [username] where consumerIndex[key] == nil {
        consumerIndex[key] = consumers.count
      }
      consumers.append(KongConsumer(object: object, name: name))
    }
    readGroups()
    for index in consumers.indices { readOwnGroups(index) }
    readACLs()
    readKeys()
    readPasswords()
    readTokens()
    readSigningSecrets()
    for consumer in consumers { consumer.object.finish() }
    nameGroups()
  }

  private mutating func readGroups() {
    for entity in kong["consumer_groups"] {
      let object = entity.object
      object.skip("id", "tags", "created_at", "updated_at", "plugins", "consumers")
      let text = object.string("name") ?? ""
      if text.isEmpty { report.error("a consumer group needs a name", at: object.origin) }
      object.finish()
      for key in kong.keys(of: object) where groupIndex[key] == nil {
        groupIndex[key] = groups.count
      }
      groups.append(KongGroup(object: object, text: text))
    }
    for entity in kong["group_members"] + kong["consumer_group_consumers"] {
      let object = entity.object
      object.skip("id", "tags", "created_at", "updated_at", "custom_id")
      let consumer = object.string("username") ?? object.reference("consumer")?.name
      let group = entity.parent("consumer_group")?.name
      object.finish()
      guard let place = consumer.flatMap({ consumerIndex[$0] }),
        let member = group.flatMap({ groupIndex[$0] })
      else {
        report.error("\(object.title): there is no such consumer or group", at: object.origin)
        continue
      }
      consumers[place].memberships.append(member)
    }
  }

  /// Groups that a consumer names itself.
  private mutating func readOwnGroups(_ index: Int) {
    let object = consumers[index].object
    for node in object.nodes("groups") {
      let name: String?
      if case .scalar(let scalar) = node.content {
        name = scalar.text
      } else {
        let group = KongObject(node, title: "\(object.title): groups", report: report)
        group.skip("id", "tags", "created_at", "updated_at")
        name = group.string("name") ?? group.string("id")
        group.finish()
      }
      guard let place = name.flatMap({ groupIndex[$0] }) else {
        report.error(
          "\(object.title): there is no such consumer group", at: report.origin(node.position))
        continue
      }
      consumers[index].memberships.append(place)
    }
  }

  /// The consumer that a credential belongs to.
  private func owner(_ entity: KongFile.Entity) -> Int? {
    let parent = entity.parent("consumer")
    guard let place = parent.flatMap({ consumerIndex[$0.name] }) else {
      report.error(
        "\(entity.object.title): "
          + (parent == nil ? "it belongs to no consumer" : "there is no such consumer"),
        at: parent?.origin ?? entity.object.origin)
      return nil
    }
    return place
  }

  private mutating func readACLs() {
    for entity in kong["acls"] {
      entity.object.skip("id", "tags", "created_at", "updated_at")
      let group = entity.object.string("group")
      let owner = owner(entity)
      entity.object.finish()
      guard let group else {
        report.error("\(entity.object.title): it names no group", at: entity.object.origin)
        continue
      }
      guard let owner else { continue }
      consumers[owner].aclGroups.append((group, entity.object.origin))
    }
  }

  private mutating func add(_ kind: String, _ node: DocumentNode, to owner: Int, at origin: Origin)
  {
    consumers[owner].credentials.append(
      .map([.init(kind, node, origin: origin)], origin: origin))
  }

  private mutating func readKeys() {
    for entity in kong["keyauth_credentials"] {
      let object = entity.object
      object.skip("id", "tags", "updated_at")
      let end = expiry(object)
      object.refuse("identity_realms", because: "are Konnect's")
      let key = object.secret("key")
      let owner = owner(entity)
      object.finish()
      guard let key else {
        report.error(
          "\(object.title): it has no key; Kong would make one up", at: object.origin)
        continue
      }
      var node = key.node
      if let end {
        node = .map([
          .init("key", key.node),
          .init("expires", .text(end), origin: object.origin(of: "ttl")),
        ])
      }
      if let owner { add("key-auth", node, to: owner, at: object.origin) }
    }
  }

  /// What Kong takes for a number of seconds at most (kong/db/dao/init.lua); more is a moment.
  private static let longestTTL: Int64 = 100_000_000

  /// When a key ends; nil for never.
  ///
  /// In exports of Kong since 3.2 and in what its data planes read (kong/db/strategies/off/init.lua) `ttl` is
  /// a moment of Unix time; written by hand it is meant as seconds from the key's creation.
  private func expiry(_ object: KongObject) -> String? {
    let created = object.integer("created_at", in: 0...253_402_300_799).map { Int64($0) }
    guard let ttl = object.integer("ttl", in: 0...253_402_300_799).map({ Int64($0) }), ttl > 0
    else { return nil }
    if ttl > Self.longestTTL { return Moment(seconds: ttl).text }
    guard let created, let end = Moment(seconds: created + ttl).text else {
      report.error(
        "\(object.title): ttl counts from a moment that the file does not tell: the key would be good for ever",
        at: object.origin(of: "ttl"),
        hint:
          "write created_at beside it, or take it out, convert, and say in the converted file when the key expires"
      )
      return nil
    }
    report.warning(
      "\(object.title): ttl counts from created_at, so that the key ends \(end); Kong without a database takes a small ttl for a moment of 1970, and the key is never good",
      at: object.origin(of: "ttl"))
    return end
  }

  private mutating func readPasswords() {
    for entity in kong["basicauth_credentials"] {
      let object = entity.object
      object.skip("id", "tags", "created_at", "updated_at")
      var node = DocumentNode.map()
      node["username"] = object.text("username")?.node
      let password = object.secret("password")
      let owner = owner(entity)
      object.finish()
      if kong.hasHashedPasswords {
        guard let owner else { continue }
        node["digest"] = password.flatMap { digest($0, of: consumers[owner].object, object) }
        // What is wrong with it is said.
        if password != nil && node["digest"] == nil { continue }
      } else {
        node["password"] = password?.node
      }
      guard node.entries.count == 2 else {
        report.error("\(object.title): it needs username and password", at: object.origin)
        continue
      }
      if let owner { add("basic-auth", node, to: owner, at: object.origin) }
    }
  }

  /// Kong keeps the SHA-1 of the password and the consumer's id behind it, in hexadecimal digits
  /// (kong/plugins/basic-auth/crypto.lua), which is what `{SSHA}` means.
  private func digest(
    _ password: KongText, of consumer: KongObject, _ object: KongObject
  ) -> DocumentNode? {
    guard !password.isReference else {
      report.error(
        "\(object.title): with _transform: false the password can't be a reference",
        at: password.origin)
      return nil
    }
    guard let hash = Self.bytes(ofHex: password.text), hash.count == 20 else {
      report.error(
        "\(object.title): _transform: false says that passwords are hashed, and this is no SHA-1",
        at: password.origin, hint: "take out _transform, if it is the password itself")
      return nil
    }
    guard case .scalar(let id)? = consumer.node["id"]?.content,
      (4...108).contains(id.text.utf8.count)
    else {
      report.error(
        "\(object.title): its consumer has no id, and the hash was made with that",
        at: password.origin,
        hint: "take id over from Kong's export, or give the consumer a new password")
      return nil
    }
    var output = ByteBuffer()
    output.append(base64: (hash + Array(id.text.utf8)).span, .standard)
    let text = "{SSHA}" + String(decoding: output.copiedBytes(), as: UTF8.self)
    return .text(text, origin: password.origin)
  }

  private static func bytes(ofHex text: String) -> [UInt8]? {
    let digits = text.utf8.map { Character(Unicode.Scalar($0)).hexDigitValue }
    guard digits.count.isMultiple(of: 2) else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: digits.count, by: 2) {
      guard let high = digits[index], let low = digits[index + 1] else { return nil }
      bytes.append(UInt8(high << 4 | low))
    }
    return bytes
  }

  private mutating func readTokens() {
    for entity in kong["jwt_secrets"] {
      let object = entity.object
      object.skip("id", "tags", "created_at", "updated_at")
      let algorithm = object.string("algorithm") ?? "HS256"
      var node = DocumentNode.map()
      node["key"] = object.text("key")?.node
      node["algorithm"] = .text(algorithm, origin: object.origin(of: "algorithm"))
      if algorithm.hasPrefix("HS") {
        node["secret"] = object.secret("secret")?.node
        object.skip("rsa_public_key")
      } else {
        node["publicKey"] = object.text("rsa_public_key")?.node
        object.skip("secret")
      }
      let owner = owner(entity)
      object.finish()
      guard node.entries.count == 3 else {
        report.error(
          "\(object.title): it needs key, and secret or rsa_public_key; Kong would make them up",
          at: object.origin)
        continue
      }
      if let owner { add("jwt", node, to: owner, at: object.origin) }
    }
  }

  private mutating func readSigningSecrets() {
    for entity in kong["hmacauth_credentials"] {
      let object = entity.object
      object.skip("id", "tags", "created_at", "updated_at")
      var node = DocumentNode.map()
      node["username"] = object.text("username")?.node
      node["secret"] = object.secret("secret")?.node
      let owner = owner(entity)
      object.finish()
      guard node.entries.count == 2 else {
        report.error("\(object.title): it needs username and secret", at: object.origin)
        continue
      }
      if let owner { add("hmac-auth", node, to: owner, at: object.origin) }
    }
  }

  /// Groups of the plugin acl and consumer groups are two things in Kong and one here: where both have
  /// a name, the consumer group gets another, so that nobody gets in by the wrong one.
  private mutating func nameGroups() {
    var taken = Set(consumers.flatMap { $0.aclGroups.map(\.name) })
    for entity in kong["plugins"] {
      guard case .scalar(let name)? = entity.object.node["name"]?.content, name.text == "acl" else {
        continue
      }
      for key in ["allow", "deny", "whitelist", "blacklist"] {
        for node in entity.object.node["config"]?[key]?.elements ?? [] {
          if case .scalar(let scalar) = node.content { taken.insert(scalar.text) }
        }
      }
    }
    for index in groups.indices {
      let text = groups[index].text
      groups[index].name = Self.name(
        taken.contains(text) ? "\(text).consumer-group" : text, taken: &taken)
    }
  }

  func consumerNodes() -> DocumentNode {
    var nodes = DocumentNode.map()
    for consumer in consumers {
      var node = DocumentNode.map()
      var names: Set<String> = []
      let members = consumer.memberships.map { (groups[$0].name, consumer.object.origin) }
      let all = (consumer.aclGroups.map { ($0.name, $0.origin) } + members).filter {
        names.insert($0.0).inserted
      }
      if !all.isEmpty { node.add("groups", .list(all.map { .text($0.0, origin: $0.1) })) }
      if !consumer.credentials.isEmpty {
        node.add("credentials", .list(withEncoding(consumer.credentials)))
      }
      let policies = policies(at: .consumer(consumer.name))
      if !policies.isEmpty { node.add("policies", policies) }
      nodes.add(consumer.name, node, origin: consumer.object.origin)
    }
    for (group, variable) in snippetKeys {
      nodes.add(
        group,
        .map([
          .init("groups", .texts([group])),
          .init(
            "credentials", .list([.map([.init("key-auth", .template("${env:\(variable)}"))])])),
        ]), comment: "The file names the group and nobody in it; the key comes from outside.")
    }
    return nodes
  }

  /// `secret_is_base64` is the plugin's in Kong and the credential's here.
  private func withEncoding(_ credentials: [DocumentNode]) -> [DocumentNode] {
    let readings = Set(plugins.filter { $0.name == "jwt" }.map(\.secretIsBase64))
    guard readings == [true] else { return credentials }
    return credentials.map { credential in
      var credential = credential
      guard var token = credential["jwt"], token["secret"] != nil else { return credential }
      token["encoding"] = .text("base64url")
      credential["jwt"] = token
      return credential
    }
  }

  mutating func groupNodes() -> DocumentNode {
    var nodes = DocumentNode.map()
    for group in groups {
      let policies = policies(at: .group(group.name))
      if !policies.isEmpty {
        nodes.add(group.name, .map([.init("policies", policies)]), origin: group.object.origin)
      }
    }
    return nodes
  }
}
