import SluiceGateway

/// Finds the endpoint for a request; pure.
struct AdminRouter: Sendable {
  private struct Entry: Sendable {
    let segments: [String]
    let endpoint: AdminEndpoint
  }

  typealias Match = (endpoint: AdminEndpoint, pathValues: [String: String])

  private let entries: [Entry]

  init(_ endpoints: [AdminEndpoint] = AdminEndpoint.all) {
    entries = endpoints.map { Entry(segments: Self.segments(of: $0.path), endpoint: $0) }
  }

  /// Throws 404 or, with the methods that there are, 405.
  func match(
    method: String, path: String
  ) throws(AdminProblem) -> Match {
    let segments = Self.segments(of: path)
    var candidates: [(entry: Entry, values: [String: String])] = []
    for entry in entries {
      if let values = Self.values(of: segments, in: entry.segments) {
        candidates.append((entry, values))
      }
    }
    // `/connections/close` is nobody's id.
    if let literal = candidates.first(where: { $0.values.isEmpty }) {
      candidates.removeAll { $0.entry.segments != literal.entry.segments }
    }
    if candidates.isEmpty { throw AdminProblem(.noSuchResource) }
    for (entry, values) in candidates {
      let endpoint = entry.endpoint
      if endpoint.method.rawValue == method || method == "HEAD" && endpoint.allowsHead {
        return (endpoint, values)
      }
    }
    var problem = AdminProblem(.methodNotAllowed)
    problem.allow = candidates.flatMap { candidate in
      let endpoint = candidate.entry.endpoint
      return endpoint.allowsHead
        ? [endpoint.method.rawValue, "HEAD"] : [endpoint.method.rawValue]
    }.joined(separator: ", ")
    throw problem
  }

  private static func segments(of path: String) -> [String] {
    path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
  }

  /// Nil when the path is another one.
  private static func values(
    of segments: [String], in template: [String]
  ) -> [String: String]? {
    guard segments.count == template.count else { return nil }
    var values: [String: String] = [:]
    for (segment, part) in zip(segments, template) {
      if part.hasPrefix("{"), !segment.isEmpty {
        values[String(part.dropFirst().dropLast())] = segment
      } else if part != segment {
        return nil
      }
    }
    return values
  }
}
