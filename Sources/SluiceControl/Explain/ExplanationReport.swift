import Foundation
public import SluiceConfiguration
public import SluiceGateway

/// What `sluice explain` says: an explanation with what the configuration has to say about its
/// route. The JSON form has the properties' names and is stable.
public struct ExplanationReport: Encodable, Equatable, Sendable {
  struct Target: Encodable, Equatable, Sendable {
    /// Without the base path, which may hold a secret.
    let url: String
    let weight: Int
    let isBackup: Bool
    /// Path and query that this target gets; a base path in front is shown as `{base path}`.
    let requestTarget: String
  }

  struct Policy: Encodable, Equatable, Sendable {
    let name: String
    let stage: String
    /// The place in the file that decides: `route time`, `service time`, `every route`.
    let from: String
  }

  /// A service that the policy `split` may choose.
  struct Share: Encodable, Equatable, Sendable {
    let service: String
    let weight: Int
  }

  struct Answer: Encodable, Equatable, Sendable {
    let status: Int
    let code: String
    let title: String
    let detail: String?
    let allow: String?
  }

  /// What one of the file's variables is; absent where a regular expression gives up.
  struct Value: Encodable, Equatable, Sendable {
    let name: String
    let value: String?
  }

  /// A route that sent the request on to internal routes.
  struct Way: Encodable, Equatable, Sendable {
    let route: String
    let `internal`: String
    let path: String
    let query: String?
  }

  struct Other: Encodable, Equatable, Sendable {
    let route: String
    /// Which condition failed: `path`, `host`, `method`, …; `precedence` when none did.
    let reason: String
    let text: String
  }

  let method: String
  let url: String
  let listener: String
  let host: String?
  let path: String?
  let query: String?
  let route: String?
  let kind: String?
  /// What the gateway answers itself; absent when the request is forwarded.
  let answer: Answer?
  let service: String?
  let balance: String?
  let targets: [Target]
  /// What the policy `split` does with the requests; empty without one.
  let split: [Share]
  let policies: [Policy]
  /// Of those that routes ask for.
  let variables: [Value]
  /// What variables are made of that a request here has not: taken for empty.
  let unknown: [String]
  /// By way of which routes it came to `route`.
  let ways: [Way]
  /// The internal routes that failures of `route` lead to.
  let failuresTo: [String]
  let others: [Other]

  public init(_ explanation: RouteExplanation, url: String, in configuration: Configuration) {
    method = explanation.request.method
    self.url = url
    listener = explanation.request.listener
    host = explanation.host
    path = explanation.path
    query = explanation.query
    route = explanation.route
    if case .refused(let error, let detail, let allow) = explanation.outcome {
      answer = Answer(
        status: error.status, code: "\(error.code)", title: "\(error.row.title)", detail: detail,
        allow: allow)
    } else {
      answer = nil
    }
    let route = explanation.route.flatMap { configuration.routes[$0] }
    kind = route?.kind.rawValue
    let service = route.flatMap { configuration.services[$0.service] }
    self.service = route?.service
    balance = service?.balance.rawValue
    targets = (service?.targets ?? []).compactMap { target in
      guard let url = TargetURL(target.url),
        let requested = explanation.requestTarget(at: url.displayName)
      else { return nil }
      return Target(
        url: url.displayName, weight: target.weight, isBackup: target.backup,
        requestTarget: (url.basePath.isEmpty ? "" : "{base path}") + requested)
    }
    split = explanation.route.map { Self.split(of: $0, in: configuration) } ?? []
    policies = explanation.route.map { Self.policies(of: $0, in: configuration) } ?? []
    variables = explanation.variables.map { Value(name: $0.name, value: $0.text) }
    unknown = explanation.unknown
    ways = explanation.ways.map {
      Way(route: $0.route, internal: $0.section, path: $0.path, query: $0.query)
    }
    failuresTo = explanation.route.map { Self.failures(of: $0, in: configuration) } ?? []
    others = explanation.verdicts.filter { $0.reason != .matched }.map { verdict in
      let match = configuration.routes[verdict.route]?.match ?? Configuration.Match()
      return Other(
        route: verdict.route, reason: verdict.reason.name, text: verdict.reason.text(of: match))
    }
  }

  /// In the order in which a request meets them.
  private static func policies(of route: String, in configuration: Configuration) -> [Policy] {
    configuration.policies(ofRoute: route).map {
      Policy(name: $0.name, stage: $0.stage.name, from: $0.origin.text)
    }
  }

  private static func failures(of route: String, in configuration: Configuration) -> [String] {
    let pages = configuration.policies(ofRoute: route).lazy.compactMap {
      $0.settings as? Configuration.ErrorAnswers
    }.first
    return Set((pages?.answers ?? []).compactMap(\.to)).sorted()
  }

  private static func split(of route: String, in configuration: Configuration) -> [Share] {
    let split = configuration.policies(ofRoute: route).lazy.compactMap {
      $0.settings as? Configuration.Split
    }.first
    return (split?.services ?? [:]).sorted { $0.key < $1.key }.map {
      Share(service: $0.key, weight: $0.value)
    }
  }

  /// Indented, with sorted keys.
  public func json() -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    do {
      return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    } catch {
      preconditionFailure("strings and numbers have a JSON form: \(error)")
    }
  }
}

extension RouteExplanation.Reason {
  fileprivate var name: String {
    switch self {
    case .matched: "matched"
    case .lowerPrecedence: "precedence"
    case .host: "host"
    case .path: "path"
    case .regexLimit: "regex-limit"
    case .listener: "listener"
    case .serverName: "server-name"
    case .address: "address"
    case .method: "method"
    case .header: "header"
    case .query: "query"
    case .variable: "variable"
    }
  }

  /// Which condition of `match` does not hold.
  fileprivate func text(of match: Configuration.Match) -> String {
    switch self {
    case .matched: "matches"
    case .lowerPrecedence(let other): "matches too, but \(other) comes first"
    case .host: "other host: \(match.hosts.joined(separator: ", "))"
    case .path: "other path: \(Self.path(of: match))"
    case .regexLimit: "a regex gave up on this request"
    case .listener: "other listener: \(match.listeners.joined(separator: ", "))"
    case .serverName:
      "other name in the TLS handshake: \(match.serverNames.joined(separator: ", "))"
    case .address: "other address: \(match.addresses.joined(separator: ", "))"
    case .method: "other method: \(match.methods.joined(separator: ", "))"
    case .header(let name):
      "header: \(Self.condition(name, match.headers.merging(match.headersRegex) { $1 }, ignoringCase: true))"
    case .query(let name): "query: \(Self.condition(name, match.query, ignoringCase: false))"
    case .variable(let name):
      "variable: \(Self.condition(name, match.variables, ignoringCase: false)), which is not computed here"
    }
  }

  private static func path(of match: Configuration.Match) -> String {
    if let path = match.path { return path }
    if let prefix = match.prefix { return "\(prefix) and below" }
    if let start = match.startsWith { return "\(start)…" }
    return match.regex.map { "regex \($0)" } ?? "any"
  }

  private static func condition(
    _ name: String, _ conditions: [String: String], ignoringCase: Bool
  ) -> String {
    let found = conditions.first { key, _ in
      ignoringCase ? key.lowercased() == name.lowercased() : key == name
    }
    guard let found else { return name }
    // The value may be a secret, and the output ends up in tickets.
    return found.value == "*"
      ? "\(found.key) is missing" : "\(found.key) does not have the wanted value"
  }
}
