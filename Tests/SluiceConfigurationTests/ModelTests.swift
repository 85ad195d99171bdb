import Foundation
import Testing

@testable import SluiceConfiguration

@Suite struct ModelTests {
  /// What decoding asks for is what the table offers: no key is without validation, none without
  /// use.
  @Test func tablesHaveTheKeysOfTheirTypes() throws {
    var types: [String: any (Codable).Type] = [:]
    func add<Model: Codable>(_ schema: Schema, _ model: Model) throws {
      types[schema.name] = Model.self
      let keys = try KeyRecorder.keys(of: model)
      #expect(keys == Set(schema.fields.map(\.key)), "\(schema.name)")
    }
    try add(Configuration.schema, Configuration())
    try add(Configuration.Resolver.schema, Configuration.Resolver())
    try add(Configuration.AccessLog.schema, Configuration.AccessLog())
    try add(Configuration.CacheStore.schema, Configuration.CacheStore())
    try add(Configuration.Sessions.schema, Configuration.Sessions())
    try add(Configuration.Admin.schema, Configuration.Admin())
    try add(Configuration.Shutdown.schema, Configuration.Shutdown())
    try add(Configuration.Listener.schema, Configuration.Listener())
    try add(Configuration.HTTP2.schema, Configuration.HTTP2())
    try add(Configuration.Passthrough.schema, Configuration.Passthrough())
    try add(Configuration.Forwarded.schema, Configuration.Forwarded())
    try add(Configuration.ListenerTimeouts.schema, Configuration.ListenerTimeouts())
    try add(Configuration.Limits.schema, Configuration.Limits())
    try add(Configuration.Service.schema, Configuration.Service())
    try add(Configuration.Target.schema, Configuration.Target(url: "http://a", weight: 2))
    try add(Configuration.ServiceTimeouts.schema, Configuration.ServiceTimeouts())
    try add(Configuration.Connections.schema, Configuration.Connections())
    try add(Configuration.Health.schema, Configuration.Health())
    try add(Configuration.HealthCheck.schema, Configuration.HealthCheck())
    try add(Configuration.Retries.schema, Configuration.Retries())
    try add(Configuration.Route.schema, Configuration.Route())
    try add(Configuration.Match.schema, Configuration.Match())
    try add(Configuration.PathRewrite.schema, Configuration.PathRewrite())
    try add(Configuration.ConnectionSettings.schema, Configuration.ConnectionSettings())
    try add(Configuration.ReconnectSettings.schema, Configuration.ReconnectSettings())
    try add(Configuration.MessageSettings.schema, Configuration.MessageSettings())
    try add(Configuration.MessageRateLimit.schema, Configuration.MessageRateLimit())
    try add(Configuration.Conflation.schema, Configuration.Conflation())
    try add(Configuration.FlightRecorder.schema, Configuration.FlightRecorder())
    try add(Configuration.FirstMessage.schema, Configuration.FirstMessage())
    try add(Configuration.MessageAuthorization.schema, Configuration.MessageAuthorization())
    try add(Configuration.MessageSpending.schema, Configuration.MessageSpending())
    try add(Configuration.MessageValidation.schema, Configuration.MessageValidation())
    try add(
      Configuration.UpstreamMessageValidation.schema, Configuration.UpstreamMessageValidation())
    try add(Configuration.MessageTransformation.schema, Configuration.MessageTransformation())
    try add(Configuration.TokenRefresh.schema, Configuration.TokenRefresh())
    try add(Configuration.RouteTimeouts.schema, Configuration.RouteTimeouts())
    try add(Configuration.ListenerTLS.schema, Configuration.ListenerTLS())
    try add(Configuration.Certificate.schema, Configuration.Certificate())
    try add(Configuration.ClientCertificates.schema, Configuration.ClientCertificates())
    try add(Configuration.RedirectToHTTPS.schema, Configuration.RedirectToHTTPS())
    try add(Configuration.ServiceTLS.schema, Configuration.ServiceTLS())
    try add(Configuration.ClientIdentity.schema, Configuration.ClientIdentity())
    try add(Configuration.Consumer.schema, Configuration.Consumer())
    try add(Configuration.Group.schema, Configuration.Group())
    try add(Configuration.Credential.schema, Configuration.Credential())
    try add(Configuration.RefusalAnswer.schema, Configuration.RefusalAnswer())
    try add(Configuration.KeyCredential.schema, Configuration.KeyCredential(key: "k"))
    try add(Configuration.PasswordCredential.schema, Configuration.PasswordCredential())
    try add(Configuration.SigningCredential.schema, Configuration.SigningCredential())
    try add(Configuration.TokenCredential.schema, Configuration.TokenCredential())
    try add(Configuration.CertificateCredential.schema, Configuration.CertificateCredential())
    try add(Configuration.JWTKey.schema, Configuration.JWTKey())
    try add(Configuration.JWKS.schema, Configuration.JWKS())
    try add(Configuration.ClaimUse.schema, Configuration.ClaimUse())
    try add(
      Configuration.RateLimit.Window.schema,
      Configuration.RateLimit.Window(limit: 1, window: .seconds(1), burst: 2))
    var other = Configuration.RateLimit.Other(limit: 1, window: .seconds(1), by: .address)
    other.burst = 2
    other.atOnce = 1
    other.budget = "a"
    try add(Configuration.RateLimit.Other.schema, other)
    try add(
      Configuration.ConcurrencyLimit.Other.schema,
      Configuration.ConcurrencyLimit.Other(limit: 1, by: .address))
    try add(Configuration.ClientAddressSource.schema, Configuration.ClientAddressSource())
    try add(Configuration.CacheKey.schema, Configuration.CacheKey())
    try add(Configuration.TransformNames.schema, Configuration.TransformNames())
    try add(Configuration.TransformRenames.schema, Configuration.TransformRenames())
    try add(Configuration.TransformValues.schema, Configuration.TransformValues())
    try add(Configuration.FieldNames.schema, Configuration.FieldNames())
    try add(Configuration.FieldRenames.schema, Configuration.FieldRenames())
    try add(Configuration.FieldValues.schema, Configuration.FieldValues())
    try add(Configuration.AddedHeader.schema, Configuration.AddedHeader())
    try add(Configuration.CookieFlags.schema, Configuration.CookieFlags())
    try add(Configuration.TextChange.schema, Configuration.TextChange())
    try add(Configuration.ErrorAnswer.schema, Configuration.ErrorAnswer())
    try add(Configuration.RerouteRule.schema, Configuration.RerouteRule())
    try add(Configuration.Variable.schema, Configuration.Variable())
    try add(Configuration.VariablePattern.schema, Configuration.VariablePattern())
    try add(Configuration.VariableShare.schema, Configuration.VariableShare())
    func add<Settings: PolicySettings>(policy: Settings.Type) throws {
      try add(policy.schema, policy.init())
    }
    for policy in PolicyRegistry.standard.policies { try add(policy: policy) }
    let tables = ConfigurationSchema.tables(
      from: [Configuration.schema] + PolicyRegistry.standard.policies.map { $0.schema }
    ).map(\.schema.name)
    #expect(Set(types.keys) == Set(tables))
    #expect(types.count == tables.count)
  }

  /// But for the routes' order in the file, which an object of JSON does not have.
  @Test(arguments: [
    "examples/quickstart/sluice.yaml", "examples/services/sluice.yaml", "examples/tls/sluice.yaml",
  ])
  func whatIsEncodedReadsTheSame(example: String) throws {
    let configuration = try #require(read(try text(of: example)).configuration)
    let json = try JSONValue(encoding: configuration)
    let result = read(json.text(isPretty: true))
    #expect(result.diagnostics == [])
    func unordered(_ configuration: Configuration?) -> Configuration? {
      var configuration = configuration
      for name in configuration?.routes.keys.sorted() ?? [] {
        configuration?.routes[name]?.order = 0
      }
      return configuration
    }
    #expect(unordered(result.configuration) == unordered(configuration))
  }

  @Test func routesKnowTheirPlaceInTheFile() throws {
    let routes = try #require(
      read(
        """
        version: 1
        listeners: {web: {address: "127.0.0.1:8080"}}
        services: {api: {targets: ["http://api.internal"]}}
        routes:
          late: &late {service: api, match: {regex: /c}}
          early: {service: api, match: {regex: /b}}
          also: {<<: *late, match: {regex: /d}}
        """
      ).configuration?.routes)
    #expect(routes.mapValues(\.order) == ["late": 0, "early": 1, "also": 2])
  }

  @Test func aRoutesPlaceIsNoSetting() {
    #expect(
      diagnostics(file(route: "match: {path: /a}, order: 3")).first?.contains(
        "unknown key 'order' in routes.a") == true)
  }

  /// Every default lies within its own bounds, and what is left out is what the type says.
  @Test func defaultsAreThoseOfTheTypes() throws {
    var expected = Configuration()
    expected.listeners["web"] = .init()
    expected.listeners["web"]?.address = "127.0.0.1:8080"
    expected.services["api"] = .init()
    expected.services["api"]?.targets = [.init(url: "http://api.internal")]
    expected.routes["a"] = .init()
    expected.routes["a"]?.service = "api"
    #expect(read(file(route: "")).configuration == expected)
    #expect(read(try JSONValue(encoding: expected).text()).configuration == expected)
  }

  @Test func emptyObjectsAreDefaults() throws {
    for empty in ["", "{}", "null", "~"] {
      let text = """
        version: 1
        workers: auto
        hosts: \(empty)
        resolver: \(empty)
        listeners: {web: {address: unix:/a}}
        services: {a: {targets: [http://a], health: \(empty)}}
        routes:
          a:
            service: a
            kind: websocket
            match: \(empty)
            connection: \(empty)
        policies:
          request-id: \(empty)
        admin: \(empty)
        """.replacing("health: }", with: "health: ~}")
      let result = read(text)
      #expect(result.diagnostics == [])
      let configuration = try #require(result.configuration)
      #expect(configuration.policies[Configuration.RequestID.self] == .init())
      #expect(configuration.admin == .init())
      #expect(configuration.routes["a"]?.connection == .init())
    }
  }

  @Test func aPartOfAnObjectKeepsTheOtherDefaults() throws {
    let text = file(service: "timeouts: {connect: 1s}", route: "timeouts: {total: 2m}")
    let configuration = try #require(read(text).configuration)
    var timeouts = Configuration.ServiceTimeouts()
    timeouts.connect = .seconds(1)
    #expect(configuration.services["api"]?.timeouts == timeouts)
    #expect(configuration.routes["a"]?.timeouts?.total == .seconds(120))
    #expect(configuration.routes["a"]?.timeouts?.response == nil)
  }
}

/// Decodes a type from its own encoding and notes which keys it asks for.
private struct KeyRecorder {
  static func keys<Model: Codable>(of model: Model) throws -> Set<String> {
    let data = try JSONEncoder().encode(model)
    let decoder = JSONDecoder()
    let log = Log()
    decoder.userInfo[Self.logKey] = log
    _ = try decoder.decode(Root<Model>.self, from: data)
    return log.keys
  }

  private static let logKey = CodingUserInfoKey(rawValue: "log")!

  private final class Log: @unchecked Sendable {
    // SAFETY: used on one thread, within one call of `keys(of:)`.
    var keys: Set<String> = []
  }

  private struct Root<Model: Decodable>: Decodable {
    init(from decoder: any Decoder) throws {
      let log = decoder.userInfo[KeyRecorder.logKey] as! Log
      _ = try Model(from: RecordingDecoder(inner: decoder, log: log))
    }
  }

  private struct RecordingDecoder: Decoder {
    let inner: any Decoder
    let log: Log
    var codingPath: [any CodingKey] { inner.codingPath }
    var userInfo: [CodingUserInfoKey: Any] { inner.userInfo }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
      KeyedDecodingContainer(Container(inner: try inner.container(keyedBy: type), log: log))
    }
    func unkeyedContainer() throws -> any UnkeyedDecodingContainer { try inner.unkeyedContainer() }
    func singleValueContainer() throws -> any SingleValueDecodingContainer {
      try inner.singleValueContainer()
    }
  }

  private struct Container<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let inner: KeyedDecodingContainer<Key>
    let log: Log
    var codingPath: [any CodingKey] { inner.codingPath }
    var allKeys: [Key] { inner.allKeys }

    func contains(_ key: Key) -> Bool {
      log.keys.insert(key.stringValue)
      return inner.contains(key)
    }
    func decodeNil(forKey key: Key) throws -> Bool { try inner.decodeNil(forKey: key) }
    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
      log.keys.insert(key.stringValue)
      return try inner.decode(type, forKey: key)
    }
    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try note(type, key) }
    func decode(_ type: String.Type, forKey key: Key) throws -> String { try note(type, key) }
    func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try note(type, key) }
    func decode(_ type: Float.Type, forKey key: Key) throws -> Float { try note(type, key) }
    func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try note(type, key) }
    func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try note(type, key) }
    func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try note(type, key) }
    func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try note(type, key) }
    func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try note(type, key) }
    func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try note(type, key) }
    func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try note(type, key) }
    func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try note(type, key) }
    func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try note(type, key) }
    func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try note(type, key) }

    private func note<Value: Decodable>(_ type: Value.Type, _ key: Key) throws -> Value {
      log.keys.insert(key.stringValue)
      return try inner.decode(type, forKey: key)
    }

    func nestedContainer<Nested: CodingKey>(
      keyedBy type: Nested.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> {
      try inner.nestedContainer(keyedBy: type, forKey: key)
    }
    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
      try inner.nestedUnkeyedContainer(forKey: key)
    }
    func superDecoder() throws -> any Decoder { try inner.superDecoder() }
    func superDecoder(forKey key: Key) throws -> any Decoder { try inner.superDecoder(forKey: key) }
  }
}
