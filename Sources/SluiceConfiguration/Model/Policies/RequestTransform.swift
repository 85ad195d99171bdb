extension Configuration {
  /// Changes what targets get: method, path, fields and query.
  public struct RequestTransform: PolicySettings {
    public var method: String?
    public var path: String?
    public var remove = TransformNames()
    public var rename = TransformRenames()
    public var replace = TransformValues()
    public var add = TransformValues()
    public var append = TransformValues()
    public init() {}
  }

  /// Changes what callers get of a target's response.
  public struct ResponseTransform: PolicySettings {
    public var remove = FieldNames()
    public var rename = FieldRenames()
    public var replace = FieldValues()
    public var add = FieldValues()
    public var append = FieldValues()
    public init() {}
  }

  public struct TransformNames: Codable, Equatable, Sendable {
    public var headers: [String] = []
    public var query: [String] = []
    public init() {}
  }

  /// Old name to new.
  public struct TransformRenames: Codable, Equatable, Sendable {
    public var headers: [String: String] = [:]
    public var query: [String: String] = [:]
    public init() {}
  }

  /// Name to value, a template.
  public struct TransformValues: Codable, Equatable, Sendable {
    public var headers: [String: String] = [:]
    public var query: [String: String] = [:]
    public init() {}
  }

  public struct FieldNames: Codable, Equatable, Sendable {
    public var headers: [String] = []
    public init() {}
  }

  public struct FieldRenames: Codable, Equatable, Sendable {
    public var headers: [String: String] = [:]
    public init() {}
  }

  public struct FieldValues: Codable, Equatable, Sendable {
    public var headers: [String: String] = [:]
    public init() {}
  }
}

extension Configuration.RequestTransform {
  public static let policyName = "request-transform"
  public static let stage = PolicyStage.transform

  public static let schema = Schema(
    "RequestTransform", of: Self(),
    "Changes what targets get. The order is that of Kong: remove, rename, replace, add, append. Values may hold `${request.header.NAME}`, `${request.query.NAME}`, `${request.path.NAME}` (a `{NAME}` of the route's path), `${request.method}`, `${request.path}`, `${request.query}`, `${request.host}`, `${request.id}`, `${client.address}`, `${consumer.name}`, `${consumer.groups}`, `${credential.id}` and `${claims.NAME}`; in quotes, as YAML wants it. A value that comes out empty is not set.",
    [
      Field("method", .text(.method), "The method that targets get; HEAD stays HEAD."),
      Field(
        "path", .text(.pathTemplate),
        "The path that targets get in the place of what the route makes of it. A request whose values would leave it is refused."
      ),
      Field("remove", .object(Configuration.TransformNames.schema), "What is left out."),
      Field("rename", .object(Configuration.TransformRenames.schema), "What gets another name."),
      Field(
        "replace", .object(Configuration.TransformValues.schema),
        "Values for what is there already."),
      Field("add", .object(Configuration.TransformValues.schema), "Values for what is not there."),
      Field(
        "append", .object(Configuration.TransformValues.schema),
        "Values that come to those that are there."),
    ])

  public static let example = """
    version: 1
    listeners:
      web: {address: "127.0.0.1:8080"}
    services:
      time: {targets: ["http://127.0.0.1:9000"]}
    routes:
      time:
        match: {path: "/zones/{zone}/time"}
        service: time
        policies:
          request-transform:
            path: /time
            remove: {headers: [X-Debug]}
            rename: {query: {tz: zone}}
            replace: {headers: {User-Agent: sluice}}
            add: {query: {zone: "${request.path.zone}"}, headers: {X-Tenant: "${consumer.name}"}}
    """

  public func check(_ check: inout PolicyCheck) {
    if method == "HEAD" {
      check.error("a response to HEAD has no body, which the caller may wait for", at: "method")
    }
    if let path { Template.check(path, in: &check, "path") }
    TransformCheck.names(remove.headers, &check, "remove")
    TransformCheck.renames(rename.headers, &check)
    for (key, values) in [("replace", replace), ("add", add), ("append", append)] {
      TransformCheck.values(values.headers, &check, key, "headers")
      TransformCheck.values(values.query, &check, key, "query")
    }
  }
}

extension Configuration.ResponseTransform {
  public static let policyName = "response-transform"
  public static let stage = PolicyStage.transform

  public static let schema = Schema(
    "ResponseTransform", of: Self(),
    "Changes what callers get of a target's response. The order is that of Kong: remove, rename, replace, add, append. Values may hold the variables of request-transform.",
    [
      Field("remove", .object(Configuration.FieldNames.schema), "What is left out."),
      Field("rename", .object(Configuration.FieldRenames.schema), "What gets another name."),
      Field(
        "replace", .object(Configuration.FieldValues.schema), "Values for what is there already."),
      Field("add", .object(Configuration.FieldValues.schema), "Values for what is not there."),
      Field(
        "append", .object(Configuration.FieldValues.schema),
        "Values that come to those that are there."),
    ])

  public static let example = """
    version: 1
    listeners:
      web: {address: "127.0.0.1:8080"}
    services:
      time: {targets: ["http://127.0.0.1:9000"]}
    routes:
      time:
        match: {path: /time}
        service: time
        policies:
          response-transform:
            remove: {headers: [X-Powered-By]}
            add: {headers: {X-Request-Id: "${request.id}"}}
    """

  public func check(_ check: inout PolicyCheck) {
    TransformCheck.names(remove.headers, &check, "remove")
    TransformCheck.renames(rename.headers, &check)
    for (key, values) in [("replace", replace), ("add", add), ("append", append)] {
      TransformCheck.values(values.headers, &check, key, "headers")
    }
  }
}

private enum TransformCheck {
  /// Framing, routing and identity are the gateway's to write.
  static let own: Set<String> = [
    "host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer",
    "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "expect",
    "forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port",
    "x-forwarded-proto", "x-forwarded-prefix", "x-real-ip", "x-consumer-id",
    "x-consumer-custom-id", "x-consumer-username", "x-consumer-groups", "x-credential-identifier",
    "x-anonymous-consumer", "x-authenticated-groups", "sluice-connection-id",
    "sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions",
    "sec-websocket-accept", "sec-websocket-protocol",
  ]

  static func names(_ names: [String], _ check: inout PolicyCheck, _ key: String) {
    for (index, name) in names.enumerated() where own.contains(name.lowercased()) {
      check.error("\(name) is the gateway's own", at: key, "headers", "\(index)")
    }
  }

  static func renames(_ names: [String: String], _ check: inout PolicyCheck) {
    for (name, new) in names.sorted(by: { $0.key < $1.key })
    where own.contains(name.lowercased()) || own.contains(new.lowercased()) {
      check.error("one of the two names is the gateway's own", at: "rename", "headers", name)
    }
  }

  static func values(
    _ values: [String: String], _ check: inout PolicyCheck, _ key: String, _ part: String
  ) {
    for (name, value) in values.sorted(by: { $0.key < $1.key }) {
      if part == "headers" && own.contains(name.lowercased()) {
        check.error("\(name) is the gateway's own", at: key, part, name)
      }
      Template.check(value, in: &check, key, part, name)
    }
  }
}

extension Configuration.TransformNames {
  static let schema = Schema(
    "TransformNames", of: Self(), "What is left out.",
    [
      Field("headers", .list(of: .text(.fieldName)), "Names of fields."),
      Field("query", .list(of: .text(.parameterName)), "Names of parameters, as they are written."),
    ])
}

extension Configuration.TransformRenames {
  static let schema = Schema(
    "TransformRenames", of: Self(), "What gets another name.",
    [
      Field(
        "headers", .map(keys: .fieldName, of: .text(.fieldName), atLeast: 0),
        "The field's name and its new one."),
      Field(
        "query", .map(keys: .parameterName, of: .text(.parameterName), atLeast: 0),
        "The parameter's name and its new one, as they are written."),
    ])
}

extension Configuration.TransformValues {
  static let schema = Schema(
    "TransformValues", of: Self(), "What gets a value.",
    [
      Field(
        "headers", .map(keys: .fieldName, of: .text(.template), atLeast: 0),
        "The field's name and value."),
      Field(
        "query", .map(keys: .parameterName, of: .text(.template), atLeast: 0),
        "The parameter's name and value."),
    ])
}

extension Configuration.FieldNames {
  static let schema = Schema(
    "FieldNames", of: Self(), "What is left out.",
    [Field("headers", .list(of: .text(.fieldName)), "Names of fields.")])
}

extension Configuration.FieldRenames {
  static let schema = Schema(
    "FieldRenames", of: Self(), "What gets another name.",
    [
      Field(
        "headers", .map(keys: .fieldName, of: .text(.fieldName), atLeast: 0),
        "The field's name and its new one.")
    ])
}

extension Configuration.FieldValues {
  static let schema = Schema(
    "FieldValues", of: Self(), "What gets a value.",
    [
      Field(
        "headers", .map(keys: .fieldName, of: .text(.template), atLeast: 0),
        "The field's name and value.")
    ])
}
