import Foundation
import Testing

@testable import SluiceConfiguration

@Suite struct JSONSchemaTests {
  private let schema = JSONSchemaWriter().document(Configuration.schema)

  @Test func isJSON() throws {
    let data = Data(ConfigurationSchema.jsonSchema().utf8)
    let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    #expect(object["$schema"] as? String == "https://json-schema.org/draft/2020-12/schema")
    #expect(try JSONDecoder().decode(JSONValue.self, from: data)["$defs"]?["Route"] != nil)
  }

  @Test(arguments: ["examples/quickstart/sluice.yaml", "examples/services/sluice.yaml"])
  func acceptsTheExamples(example: String) throws {
    #expect(problems(try text(of: example)) == [])
  }

  @Test(arguments: [
    file(), file(rest: "workers: 4"), file(rest: "workers: \"${env:W}\""), file(rest: "accessLog:"),
    file(listener: "limits: {fields: \"${env:W}\", head: \"16${env:W}KiB\"}"),
    file(route: "match: {headers: {X: true, Y: 7}}"),
  ])
  func acceptsWhatTheReaderAccepts(text: String) {
    #expect(read(text, environment: ["W": "4"]).diagnostics == [])
    #expect(problems(text) == [])
  }

  @Test(arguments: [
    file(rest: "polices: {}"), file(rest: "workers: some"), file(rest: "accessLog: json"),
    file(listener: "limits: {fields: 0}"), file(listener: "limits: {fields: '7'}"),
    file(listener: "timeouts: {head: 7}"), file(listener: "trustedProxies: 10.0.0.0/8"),
    file(service: "balance: fair"), file(route: "match: {path: a}"), file(route: "kind: grpc"),
    "version: 1", "version: 2\nlisteners: {a: {address: unix:/a}}", "version: 1\nlisteners: {}",
    "version: 1\nlisteners: {-a: {address: unix:/a}}", "version: 1\nlisteners: {a: {}}",
    file().replacing("http://api.internal", with: "ftp://api.internal"),
  ])
  func refusesWhatTheReaderRefuses(text: String) {
    #expect(read(text).configuration == nil)
    #expect(problems(text) != [])
  }

  private func problems(_ text: String) -> [String] {
    var diagnostics = DiagnosticCollector(file: "f")
    guard let root = SourceTree.parse(text, diagnostics: &diagnostics) else { return ["no YAML"] }
    return SchemaWalker(root: schema).check(JSONValue(root), against: schema, at: "")
  }
}

extension JSONValue {
  /// What YAML's core schema makes of the text, as an editor sees it.
  fileprivate init(_ node: SourceNode) {
    switch node.content {
    case .mapping(let mapping):
      self = .object(mapping.entries.map { ($0.key, JSONValue($0.value)) })
    case .sequence(let elements): self = .array(elements.map { JSONValue($0) })
    case .scalar(let scalar):
      if node.isNull {
        self = .null
      } else if scalar.isPlain, let value = Int(scalar.text) {
        self = .integer(value)
      } else if scalar.isPlain, scalar.text == "true" || scalar.text == "false" {
        self = .boolean(scalar.text == "true")
      } else {
        self = .string(scalar.text)
      }
    }
  }

  fileprivate var typeName: String {
    switch self {
    case .null: "null"
    case .boolean: "boolean"
    case .integer: "integer"
    case .string: "string"
    case .array: "array"
    case .object: "object"
    }
  }
}

/// The part of JSON Schema that ours is written in; an unknown word is a problem, too.
private struct SchemaWalker {
  let root: JSONValue

  func check(_ value: JSONValue, against schema: JSONValue, at path: String) -> [String] {
    guard case .object(let members) = schema else {
      return schema == false ? ["\(path): refused"] : []
    }
    return members.flatMap { (word, rule) -> [String] in
      holds(word, rule, value, schema, path).map { ["\(path): \(word) \($0)"] } ?? []
    }
  }

  /// What is wrong with the value; nil when the rule holds.
  private func holds(
    _ word: String, _ rule: JSONValue, _ value: JSONValue, _ schema: JSONValue, _ path: String
  ) -> String? {
    switch (word, rule, value) {
    case ("$schema", _, _), ("title", _, _), ("description", _, _), ("default", _, _),
      ("examples", _, _), ("$defs", _, _):
      return nil
    case ("type", .string(let name), _): return isType(value, name) ? nil : value.typeName
    case ("type", .array(let names), _):
      return names.contains { isType(value, $0.string) } ? nil : value.typeName
    case ("enum", .array(let choices), _): return choices.contains(value) ? nil : value.text()
    case ("minimum", .integer(let bound), .integer(let number)):
      return number >= bound ? nil : "less"
    case ("maximum", .integer(let bound), .integer(let number)):
      return number <= bound ? nil : "more"
    case ("minItems", .integer(let bound), .array(let elements)):
      return elements.count >= bound ? nil : "few"
    case ("minProperties", .integer(let bound), .object(let members)):
      return members.count >= bound ? nil : "few"
    case ("pattern", .string(let pattern), .string(let text)):
      guard let regex = try? Regex(pattern) else { return "no pattern" }
      return text.contains(regex) ? nil : text
    case ("required", .array(let keys), .object):
      return keys.first { value[$0.string] == nil }?.text()
    case ("anyOf", .array(let options), _):
      let problems = options.map { check(value, against: $0, at: path) }
      return problems.contains { $0.isEmpty } ? nil : "\(problems)"
    case ("$ref", .string(let reference), _):
      let name = String(reference.dropFirst("#/$defs/".count))
      guard let definition = root["$defs"]?[name] else { return "unknown \(reference)" }
      return first(check(value, against: definition, at: path))
    case ("items", _, .array(let elements)):
      return first(elements.flatMap { check($0, against: rule, at: path + "[]") })
    case ("propertyNames", _, .object(let members)):
      return first(members.flatMap { check(.string($0.key), against: rule, at: path) })
    case ("properties", _, .object(let members)):
      return first(
        members.flatMap { member in
          rule[member.key].map { check(member.value, against: $0, at: "\(path).\(member.key)") }
            ?? []
        })
    case ("additionalProperties", _, .object(let members)):
      let others = members.filter { schema["properties"]?[$0.key] == nil }
      return first(others.flatMap { check($0.value, against: rule, at: "\(path).\($0.key)") })
    case ("minimum", _, _), ("maximum", _, _), ("minItems", _, _), ("minProperties", _, _),
      ("pattern", _, _), ("required", _, _), ("items", _, _), ("propertyNames", _, _),
      ("properties", _, _), ("additionalProperties", _, _):
      // Rules for values of another type.
      return nil
    default: return "unknown word"
    }
  }

  private func first(_ problems: [String]) -> String? { problems.first }

  private func isType(_ value: JSONValue, _ name: String) -> Bool {
    value.typeName == name || (name == "number" && value.typeName == "integer")
  }
}

extension JSONValue {
  fileprivate var string: String {
    if case .string(let text) = self { text } else { "" }
  }
}
