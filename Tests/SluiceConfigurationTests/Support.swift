import Foundation
import Testing

@testable import SluiceConfiguration

let repository = URL(filePath: #filePath).deletingLastPathComponent()
  .deletingLastPathComponent().deletingLastPathComponent()

func text(of path: String) throws -> String {
  try String(contentsOf: repository.appending(path: path), encoding: .utf8)
}

func read(
  _ text: String, environment: [String: String] = [:], files: [String: String] = [:]
) -> ReadResult {
  ConfigurationReader.read(
    contentsOf: text, file: "f.yaml", environment: environment,
    readFile: { path in
      files[path].map { .success($0) } ?? .failure(TextProblem("No such file or directory"))
    },
    regexCheck: { $0.contains("(") && !$0.contains(")") ? "missing )" : nil })
}

/// The diagnostics as printed, without the file's name.
func diagnostics(
  _ text: String, environment: [String: String] = [:], files: [String: String] = [:]
) -> [String] {
  read(text, environment: environment, files: files).diagnostics
    .map { $0.description.replacing("f.yaml:", with: "") }
}

/// A whole file around a few lines: a listener, a service and a route, each extended or replaced.
func file(
  listener: String = "", service: String = "", route: String = "match: {path: /a}",
  rest: String = ""
) -> String {
  """
  version: 1
  listeners: {web: {address: "127.0.0.1:8080", \(listener)}}
  services: {api: {targets: ["http://api.internal"], \(service)}}
  routes: {a: {service: api, \(route)}}
  \(rest)
  """
}
