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
    /// Of bodies that are changed.
    public var maxBodySize = ByteCount.mebibytes(1)
    /// Messages from callers are changed as bodies are.
    public var messages: MessageTransformation?
    public init() {}
  }

  /// Changes what callers get of a target's response.
  public struct ResponseTransform: PolicySettings {
    public var remove = FieldNames()
    public var rename = FieldRenames()
    public var replace = FieldValues()
    public var add = FieldValues()
    public var append = FieldValues()
    /// Fields of what the gateway answers itself change, too.
    public var own = false
    /// Of bodies that are changed.
    public var maxBodySize = ByteCount.mebibytes(1)
    /// Messages from targets are changed as bodies are.
    public var messages: MessageTransformation?
    public init() {}
  }

  public struct TransformNames: Codable, Equatable, Sendable {
    public var headers: [String] = []
    public var query: [String] = []
    public var body: [String] = []
    public init() {}
  }

  /// Old name to new.
  public struct TransformRenames: Codable, Equatable, Sendable {
    public var headers: [String: String] = [:]
    public var query: [String: String] = [:]
    public var body: [String: String] = [:]
    public init() {}
  }

  /// Name to value, a template.
  public struct TransformValues: Codable, Equatable, Sendable {
    public var headers: [String: String] = [:]
    public var query: [String: String] = [:]
    public var body: [String: String] = [:]
    public init() {}
  }

  public struct FieldNames: Codable, Equatable, Sendable {
    public var headers: [String] = []
    public var body: [String] = []
    public init() {}
  }

  public struct FieldRenames: Codable, Equatable, Sendable {
    public var headers: [String: String] = [:]
    public var body: [String: String] = [:]
    public init() {}
  }

  public struct FieldValues: Codable, Equatable, Sendable {
    public var headers: [String: String] = [:]
    public var body: [String: String] = [:]
    public init() {}
  }
}

extension Configuration.RequestTransform {
  public static let policyName = "request-transform"
  public static let stage = PolicyStage.transform

  public static let schema = Schema(
    "RequestTransform", of: Self(),
    "Changes what targets get. The order is that of Kong: remove, rename, replace, add, append. JSON bodies (`application/json`, `+json`) are read whole where they are changed, and refused with 400 when they are none. Values may hold `${request.header.NAME}`, `${request.query.NAME}`, `${request.path.NAME}` (a `{NAME}` of the route's path), `${request.method}`, `${request.path}`, `${request.query}`, `${request.host}`, `${request.id}`, `${client.address}`, `${connection.id}` (of a session, as targets get it in `Sluice-Connection-Id`), `${connection.listener}`, `${consumer.name}`, `${consumer.groups}`, `${credential.id}` and `${claims.NAME}`; in quotes, as YAML wants it. A value that comes out empty is not set.",
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
      TransformCheck.maxBodySize("A larger JSON body that was to be changed is refused with 413."),
      Field(
        "messages", .object(Configuration.MessageTransformation.schema),
        "Set, messages from callers on `websocket` routes are changed as bodies are; their values may hold no `${request.…}`. A larger one than `maxBodySize` counts as unusable."
      ),
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
            add:
              query: {zone: "${request.path.zone}"}
              headers: {X-Tenant: "${consumer.name}"}
              body: {"$.meta.address": "${client.address}", "$.version": "2"}
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
      TransformCheck.values(values.body, &check, key, "body")
    }
    TransformCheck.body(
      remove: remove.body, rename: rename.body,
      values: [("replace", replace.body), ("add", add.body), ("append", append.body)],
      forMessages: messages != nil, &check)
  }
}

extension Configuration.ResponseTransform {
  public static let policyName = "response-transform"
  public static let stage = PolicyStage.transform

  public static let schema = Schema(
    "ResponseTransform", of: Self(),
    "Changes what callers get of a target's response. The order is that of Kong: remove, rename, replace, add, append. Values may hold the variables of request-transform. Where JSON bodies are changed, targets are asked for whole responses without encoding (no `Range`, `Accept-Encoding: identity`), and one that can't be changed becomes a 502; it is sent on when it is whole.",
    [
      Field("remove", .object(Configuration.FieldNames.schema), "What is left out."),
      Field("rename", .object(Configuration.FieldRenames.schema), "What gets another name."),
      Field(
        "replace", .object(Configuration.FieldValues.schema), "Values for what is there already."),
      Field("add", .object(Configuration.FieldValues.schema), "Values for what is not there."),
      Field(
        "append", .object(Configuration.FieldValues.schema),
        "Values that come to those that are there."),
      Field(
        "own", .boolean,
        "Changes the header fields of what the gateway answers itself, too: refusals of any policy, errors, `mock` and `redirect`. Their bodies stay."
      ),
      TransformCheck.maxBodySize(
        "A response whose larger JSON body was to be changed becomes a 502."),
      Field(
        "messages", .object(Configuration.MessageTransformation.schema),
        "Set, messages from targets on `websocket` routes are changed as bodies are; their values may hold no `${request.…}`. A larger one than `maxBodySize` counts as unusable."
      ),
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
            remove: {headers: [X-Powered-By], body: ["$.internal", "$.user.password"]}
            add: {headers: {X-Request-Id: "${request.id}"}}
    """

  public func check(_ check: inout PolicyCheck) {
    TransformCheck.names(remove.headers, &check, "remove")
    TransformCheck.renames(rename.headers, &check)
    for (key, values) in [("replace", replace), ("add", add), ("append", append)] {
      TransformCheck.values(values.headers, &check, key, "headers")
      TransformCheck.values(values.body, &check, key, "body")
    }
    TransformCheck.body(
      remove: remove.body, rename: rename.body,
      values: [("replace", replace.body), ("add", add.body), ("append", append.body)],
      forMessages: messages != nil, &check)
  }
}
