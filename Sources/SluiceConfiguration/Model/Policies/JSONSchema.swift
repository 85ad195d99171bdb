extension Configuration {
  /// Checks request bodies against a JSON Schema.
  public struct JSONSchema: PolicySettings {
    /// The schema itself, as JSON.
    public var schema = ""
    public var maxBodySize = ByteCount.mebibytes(1)
    /// Refuses POST, PUT and PATCH without a body.
    public var requireBody = true
    public var messages: MessageValidation?
    public var messagesFromUpstream: UpstreamMessageValidation?
    public init() {}
  }
}

extension Configuration.JSONSchema {
  public static let policyName = "json-schema"
  public static let stage = PolicyStage.transform

  public static let schema = Schema(
    "BodySchema", of: Self(),
    "Checks request bodies against a JSON Schema (draft 2020-12) and refuses others with 400; the answer's `pointer` and `keyword` say what is wrong first. Bodies have to be JSON that names nothing twice. Known are `type`, `enum`, `const`; `minimum`, `maximum`, `exclusiveMinimum`, `exclusiveMaximum`, `multipleOf` (numbers are doubles); `minLength`, `maxLength`, `pattern` (PCRE2 on bytes, bounded); `items`, `prefixItems`, `minItems`, `maxItems`, `uniqueItems`, `contains`, `minContains`, `maxContains`; `properties`, `patternProperties`, `additionalProperties`, `propertyNames`, `required`, `dependentRequired`, `dependentSchemas`, `minProperties`, `maxProperties`; `unevaluatedItems`, `unevaluatedProperties`; `allOf`, `anyOf`, `oneOf`, `not`, `if`, `then`, `else`; `$defs`, `$anchor`, `$ref` and `$dynamicRef` to places and anchors of the same schema. Other documents are not fetched, and a schema within has no `$id`. Annotations such as `title` and `format` say nothing about what is right. Any other keyword is an error of the configuration. With `messages` it checks what callers send on WebSockets, too, with `messagesFromUpstream` what targets send.",
    [
      Field(
        "schema", .text(.any),
        "The schema as JSON, in quotes or from a file: `${file:/etc/sluice/order.schema.json}`.",
        isRequired: true),
      Field(
        "maxBodySize", .byteCount(ByteCount(1)...(.mebibytes(16))),
        "A larger body is refused with 413; while one is checked, it takes up to 30 times its size."
      ),
      Field(
        "requireBody", .boolean,
        "Refuses POST, PUT and PATCH without a body; other requests may always be without."),
      Field(
        "messages", .object(Configuration.MessageValidation.schema),
        "Set, messages from callers on `websocket` routes are checked as well; one larger than `maxBodySize` is not what the schema asks for."
      ),
      Field(
        "messagesFromUpstream", .object(Configuration.UpstreamMessageValidation.schema),
        "Set, messages from targets are checked as well, by a schema of their own if one is given."
      ),
    ])

  public static let example = """
    version: 1
    listeners:
      web: {address: "127.0.0.1:8080"}
    services:
      orders: {targets: ["http://127.0.0.1:9000"]}
    routes:
      orders:
        match: {path: /orders}
        service: orders
        policies:
          json-schema:
            schema: |
              {
                "type": "object",
                "required": ["item", "count"],
                "additionalProperties": false,
                "properties": {
                  "item": {"type": "string", "pattern": "^[a-z-]+$", "maxLength": 64},
                  "count": {"type": "integer", "minimum": 1, "maximum": 100}
                }
              }
    """

  public func check(_ check: inout PolicyCheck) {
    check.warnOfSessions(withoutMessages: messages == nil && messagesFromUpstream == nil)
  }
}
