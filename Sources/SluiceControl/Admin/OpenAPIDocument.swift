import SluiceGateway

/// The admin API as an OpenAPI 3.1 document, from the table of endpoints.
enum OpenAPIDocument {
  static func document(_ endpoints: [AdminEndpoint] = AdminEndpoint.all) -> AdminJSON {
    var paths: [AdminJSON.Member] = []
    for path in endpoints.map(\.path).uniqued() {
      let operations = endpoints.filter { $0.path == path }
      paths.append(
        AdminJSON.Member(
          key: path,
          value: .object(
            operations.map {
              AdminJSON.Member(key: $0.method.rawValue.lowercased(), value: operation($0))
            })))
    }
    return [
      "openapi": "3.1.0",
      "info": [
        "title": "Sluice admin API", "version": .string(SluiceVersion.current),
        "description": "Health, metrics, configuration and live sessions of one gateway.",
      ],
      "paths": .object(paths),
      "components": [
        "securitySchemes": [
          "token": [
            "type": "http", "scheme": "bearer",
            "description": "`admin.token` of the configuration; not asked for unless it is set.",
          ]
        ],
        "schemas": ["Problem": problem],
      ],
    ]
  }

  private static func operation(_ endpoint: AdminEndpoint) -> AdminJSON {
    var members: [AdminJSON.Member] = [
      .init(key: "operationId", value: .string(operationID(endpoint))),
      .init(key: "summary", value: .string(endpoint.summary)),
      .init(key: "responses", value: responses(endpoint)),
      .init(key: "security", value: endpoint.isOpen ? [] : [["token": []], [:]]),
    ]
    if !endpoint.parameters.isEmpty {
      members.append(
        .init(key: "parameters", value: .array(endpoint.parameters.map(parameter))))
    }
    if let body = endpoint.body {
      members.append(
        .init(
          key: "requestBody",
          value: [
            "description": .string(body.summary), "required": .boolean(body.isRequired),
            "content": .object([
              .init(key: body.contentType, value: ["schema": ["type": "string"]])
            ]),
          ]))
    }
    return .object(members)
  }

  /// `getConnectionsId`: stable, because clients are generated from it.
  static func operationID(_ endpoint: AdminEndpoint) -> String {
    let words = endpoint.path.split { !$0.isLetter }.map {
      $0.prefix(1).uppercased() + $0.dropFirst()
    }
    return endpoint.method.rawValue.lowercased() + words.joined()
  }

  private static func parameter(_ parameter: AdminParameter) -> AdminJSON {
    let schema: AdminJSON =
      parameter.isRepeated ? ["type": "array", "items": parameter.schema] : parameter.schema
    return [
      "name": .string(parameter.name), "in": parameter.isInPath ? "path" : "query",
      "required": .boolean(parameter.isInPath),
      "description": .string("\(parameter.summary) Form: \(parameter.form)."),
      "schema": schema,
    ]
  }

  private static func responses(_ endpoint: AdminEndpoint) -> AdminJSON {
    let statuses = endpoint.answers.map(\.status).uniqued().sorted()
    return .object(
      statuses.map { status in
        AdminJSON.Member(
          key: String(status), value: response(endpoint.answers.filter { $0.status == status }))
      })
  }

  private static func response(_ answers: [AdminEndpoint.Answer]) -> AdminJSON {
    let types = answers.map(\.contentType).uniqued()
    let content = types.map { type in
      AdminJSON.Member(
        key: type, value: Self.content(type, answers.first { $0.contentType == type }))
    }
    return [
      "description": .string(answers.map(\.summary).joined(separator: " ")),
      "content": .object(content),
    ]
  }

  private static func content(_ type: String, _ answer: AdminEndpoint.Answer?) -> AdminJSON {
    if type == "application/problem+json" {
      return ["schema": ["$ref": "#/components/schemas/Problem"]]
    }
    guard let example = answer?.example?() else { return ["schema": ["type": "string"]] }
    return ["schema": schema(of: example), "example": example]
  }

  /// What an example shows of its shape. Members may be missing from a real answer.
  static func schema(of example: AdminJSON) -> AdminJSON {
    switch example {
    case .null: [:]
    case .boolean: ["type": "boolean"]
    // An example with a whole number does not say that all are.
    case .integer, .number: ["type": "number"]
    case .string: ["type": "string"]
    case .array(let elements):
      ["type": "array", "items": elements.first.map(schema) ?? [:]]
    case .object(let members):
      [
        "type": "object",
        "properties": .object(members.map { .init(key: $0.key, value: schema(of: $0.value)) }),
      ]
    }
  }

  private static let problem: AdminJSON = {
    var codes = AdminProblem.Code.allCases.map { AdminJSON.string($0.rawValue) }
    codes.append(.string("\(GatewayError.bodyTooLarge.code)"))
    let text: AdminJSON = ["type": "string"]
    let whole: AdminJSON = ["type": "integer"]
    let diagnostic: AdminJSON = [
      "severity": ["enum": ["error", "warning"]], "file": text, "line": whole, "column": whole,
      "message": text, "hint": text,
    ]
    let properties: AdminJSON = [
      "type": text, "title": text, "status": whole,
      "code": ["type": "string", "enum": .array(codes)], "detail": text,
      "diagnostics": ["type": "array", "items": ["type": "object", "properties": diagnostic]],
    ]
    return [
      "type": "object", "required": ["type", "title", "status", "code"],
      "properties": properties,
    ]
  }()
}

extension Array where Element: Hashable {
  /// Each element once, in the order of their first places.
  func uniqued() -> [Element] {
    var seen: Set<Element> = []
    return filter { seen.insert($0).inserted }
  }
}
