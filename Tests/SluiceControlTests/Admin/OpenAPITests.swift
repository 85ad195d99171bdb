import Foundation
import Testing

@testable import SluiceControl

/// The OpenAPI file says what the API does: no more and no less.
@Suite struct OpenAPITests {
  private static func document() throws -> [String: Any] {
    let text = OpenAPIDocument.document().text()
    return try #require(
      JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  /// `GET /path` for each operation.
  private static func operations() throws -> [String: [String: Any]] {
    let paths = try #require(try document()["paths"] as? [String: [String: [String: Any]]])
    var operations: [String: [String: Any]] = [:]
    for (path, methods) in paths {
      for (method, operation) in methods {
        operations["\(method.uppercased()) \(path)"] = operation
      }
    }
    return operations
  }

  @Test func everyEndpointIsInItAndNothingElse() throws {
    #expect(
      Set(try Self.operations().keys)
        == Set(AdminEndpoint.all.map { "\($0.method.rawValue) \($0.path)" }))
    #expect(try Self.document()["openapi"] as? String == "3.1.0")
  }

  @Test func operationsHaveNamesOfTheirOwn() throws {
    let names = try Self.operations().values.compactMap { $0["operationId"] as? String }
    #expect(names.count == AdminEndpoint.all.count)
    #expect(Set(names).count == names.count)
    #expect(names.contains("getConnectionsId"))
  }

  @Test func whatIsInBracesIsAParameterOfThePath() throws {
    for (name, operation) in try Self.operations() {
      let parameters = operation["parameters"] as? [[String: Any]] ?? []
      let inPath = parameters.filter { $0["in"] as? String == "path" }
      #expect(inPath.compactMap { $0["name"] as? String } == (name.contains("{id}") ? ["id"] : []))
      #expect(inPath.allSatisfy { $0["required"] as? Bool == true })
    }
  }

  @Test func everyAnswerHasADescription() throws {
    for (name, operation) in try Self.operations() {
      let responses = try #require(operation["responses"] as? [String: [String: Any]], "\(name)")
      #expect(!responses.isEmpty)
      for response in responses.values {
        #expect((response["description"] as? String)?.isEmpty == false, "\(name)")
      }
    }
  }

  @Test func schemasComeFromExamples() {
    let schema = OpenAPIDocument.schema(
      of: ["a": 1, "b": ["x"], "c": ["d": true], "e": .null, "f": .number(0.5), "g": []])
    #expect(
      schema == [
        "type": "object",
        "properties": [
          "a": ["type": "number"], "b": ["type": "array", "items": ["type": "string"]],
          "c": ["type": "object", "properties": ["d": ["type": "boolean"]]], "e": [:],
          "f": ["type": "number"], "g": ["type": "array", "items": [:]],
        ],
      ])
  }

  /// Of a running gateway, so that no handler is missing.
  @Test func everyEndpointAnswersWhatItSays() async throws {
    let gateway = try AdminFixture()
    for endpoint in AdminEndpoint.all where !endpoint.isStream {
      let (status, type) = try gateway.ask(
        endpoint.method.rawValue, AdminRouterTests.path(of: endpoint))
      #expect(
        endpoint.answers.contains { $0.status == status && type.hasPrefix($0.contentType) },
        "\(endpoint.method.rawValue) \(endpoint.path) answered \(status) \(type)")
    }
  }
}
