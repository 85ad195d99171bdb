import SluiceWire

/// Where the gateway itself sends something: scheme, host and port of a target, and the path and query
/// that it is asked for.
public struct CallURL: Equatable, Sendable {
  /// Scheme and authority alone: what a target is written as.
  public let server: String
  /// Path and query as they are written, at least `/`.
  public let target: String

  public init?(_ text: String) {
    guard let url = try? Self(parsing: text) else { return nil }
    self = url
  }

  public init(parsing text: String) throws(TextProblem) {
    guard let separator = text.firstRange(of: "://") else {
      throw TextProblem("it has no scheme", hint: "write it like https://host/path")
    }
    let scheme = text[..<separator.lowerBound].lowercased()
    guard scheme == "http" || scheme == "https" else {
      throw TextProblem("the scheme must be http or https")
    }
    let rest = text[separator.upperBound...]
    let end = rest.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? rest.endIndex
    server = String(text[..<end])
    _ = try TargetURL(parsing: server)
    let written = rest[end...]
    target = written.hasPrefix("/") ? String(written) : "/\(written)"
    guard target.utf8.allSatisfy({ isAlphanumeric($0) || Self.others.contains($0) }) else {
      throw TextProblem("path and query have a character that no URL has", hint: "write it as %XX")
    }
    guard target.utf8.count <= 8_192 else { throw TextProblem("it is longer than 8192 bytes") }
  }

  /// What RFC 3986 lets a path and a query have besides letters and digits.
  private static let others = Set("-._~:/?@!$&'()*+,;=%".utf8)
}
