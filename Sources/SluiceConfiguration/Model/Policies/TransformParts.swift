import SluiceWire

/// What the schema of both policies can't know.
enum TransformCheck {
  /// Each of them reads the body once.
  static let maxBodyEdits = 32

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

  static func body(
    remove: [String], rename: [String: String], values: [(String, [String: String])],
    forMessages: Bool, _ check: inout PolicyCheck
  ) {
    for (index, path) in remove.enumerated() {
      if let problem = problem(path) { check.error(problem, at: "remove", "body", "\(index)") }
    }
    for (path, name) in rename.sorted(by: { $0.key < $1.key }) {
      if let problem = problem(path) { check.error(problem, at: "rename", "body", path) }
      if let path = try? JSONPath(path), JSONEdit(.rename(to: name), path) == nil {
        check.error("an element of an array has no name", at: "rename", "body", path.text)
      }
    }
    for (key, paths) in values {
      for path in paths.keys.sorted() {
        if let problem = problem(path) { check.error(problem, at: key, "body", path) }
      }
    }
    let count = remove.count + rename.count + values.reduce(0) { $0 + $1.1.count }
    if count > maxBodyEdits {
      check.error("changes \(count) places of bodies; there may be \(maxBodyEdits)")
    }
    check.warnOfSessions(withoutMessages: count > 0 && !forMessages)
    if forMessages { MessageTemplateCheck.check(values, isEmpty: count == 0, &check) }
  }

  private static func problem(_ text: String) -> String? {
    guard let path = try? JSONPath(text), path.leadsToRoot else { return nil }
    return "the path leads to the whole body; name a field as in $.field"
  }

  static func maxBodySize(_ summary: String) -> Field {
    Field("maxBodySize", .byteCount(ByteCount(1)...(.mebibytes(64))), summary)
  }
}

extension Configuration.TransformNames {
  static let schema = Schema(
    "TransformNames", of: Self(), "What is left out.",
    [
      Field("headers", .list(of: .text(.fieldName)), "Names of fields."),
      Field("query", .list(of: .text(.parameterName)), "Names of parameters, as they are written."),
      Field(
        "body", .list(of: .text(.jsonPath)),
        "Paths of fields in a JSON body, such as `$.user.password`."),
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
      Field(
        "body", .map(keys: .jsonPath, of: .text(.memberName), atLeast: 0),
        "The path of a field in a JSON body and its new name; another field with that name goes."),
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
      Field(
        "body", .map(keys: .jsonPath, of: .text(.template), atLeast: 0),
        "The path of a field in a JSON body and its value: JSON if it is (`2`, `true`, `{\"a\": \"${request.id}\"}`), otherwise a text. Objects on the way are made; append makes an array of what is none."
      ),
    ])
}

extension Configuration.FieldNames {
  static let schema = Schema(
    "FieldNames", of: Self(), "What is left out.",
    [
      Field("headers", .list(of: .text(.fieldName)), "Names of fields."),
      Field(
        "body", .list(of: .text(.jsonPath)),
        "Paths of fields in a JSON body, such as `$.user.password`."),
    ])
}

extension Configuration.FieldRenames {
  static let schema = Schema(
    "FieldRenames", of: Self(), "What gets another name.",
    [
      Field(
        "headers", .map(keys: .fieldName, of: .text(.fieldName), atLeast: 0),
        "The field's name and its new one."),
      Field(
        "body", .map(keys: .jsonPath, of: .text(.memberName), atLeast: 0),
        "The path of a field in a JSON body and its new name; another field with that name goes."),
    ])
}

extension Configuration.FieldValues {
  static let schema = Schema(
    "FieldValues", of: Self(), "What gets a value.",
    [
      Field(
        "headers", .map(keys: .fieldName, of: .text(.template), atLeast: 0),
        "The field's name and value."),
      Field(
        "body", .map(keys: .jsonPath, of: .text(.template), atLeast: 0),
        "The path of a field in a JSON body and its value: JSON if it is (`2`, `true`, `{\"a\": \"${request.id}\"}`), otherwise a text. Objects on the way are made; append makes an array of what is none."
      ),
    ])
}
