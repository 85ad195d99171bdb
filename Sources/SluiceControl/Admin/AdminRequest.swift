import Foundation
import SluiceConfiguration
import SluiceGateway
import SluiceWire

/// A request that was matched with an endpoint: every parameter is known and has the right form.
struct AdminRequest: Sendable {
  let contentType: String?
  /// Kept whole, because the body's memory is counted for as long as it is there.
  private let request: LocalRequest
  private let values: [String: [String]]

  /// Checks the query against the endpoint's table. `pathValues`: what the segments in braces are.
  init(
    _ request: LocalRequest, _ endpoint: AdminEndpoint, pathValues: [String: String]
  ) throws(AdminProblem) {
    var values = pathValues.mapValues { [$0] }
    for (name, value) in Self.parameters(of: request.query) {
      guard let parameter = endpoint.parameters.first(where: { $0.name == name && !$0.isInPath })
      else {
        let known = endpoint.parameters.filter { !$0.isInPath }.map(\.name)
        throw AdminProblem(
          .unknownParameter,
          known.isEmpty
            ? "\(endpoint.path) takes no parameters."
            : "'\(name)' is none of \(known.joined(separator: ", ")).")
      }
      guard parameter.accepts(value) else {
        throw AdminProblem(.invalidParameter, "\(name): write \(parameter.form).")
      }
      guard values[name] == nil || parameter.isRepeated else {
        throw AdminProblem(.invalidParameter, "\(name) is given twice.")
      }
      values[name, default: []].append(value)
    }
    self.values = values
    contentType = request.field("content-type")
    self.request = request
    let body = request.body
    if endpoint.body?.isRequired == true, body.isEmpty { throw AdminProblem(.bodyMissing) }
    if endpoint.body == nil, !body.isEmpty {
      throw AdminProblem(.invalidParameter, "\(endpoint.path) takes no body.")
    }
  }

  /// Names and values as RFC 3986 and forms write them; what can't be decoded stays as it is.
  static func parameters(of query: String?) -> [(name: String, value: String)] {
    (query ?? "").split(separator: "&").map { part in
      let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      return (decoded(sides[0]), sides.count == 2 ? decoded(sides[1]) : "")
    }
  }

  private static func decoded(_ text: Substring) -> String {
    let text = String(text.replacing("+", with: " "))
    return text.removingPercentEncoding ?? text
  }

  // MARK: Values

  var body: [UInt8] { request.body }
  func text(_ name: String) -> String? { values[name]?.first }
  func texts(_ name: String) -> [String] { values[name] ?? [] }
  func integer(_ name: String) -> Int? { text(name).flatMap { Int($0) } }
  func nanoseconds(_ name: String) -> Int64? {
    text(name).flatMap { Timespan(text: $0)?.nanoseconds }
  }

  /// The session that the path names.
  func sessionID() throws(AdminProblem) -> SessionID {
    guard let id = text("id").flatMap({ SessionID($0) }) else { throw AdminProblem(.noSuchSession) }
    return id
  }

  var filter: SessionFilter {
    var filter = SessionFilter()
    filter.route = text("route")
    filter.service = text("service")
    filter.target = text("target")
    filter.consumer = text("consumer")
    filter.address = text("address").flatMap { CIDR($0) }
    for label in texts("label").compactMap(AdminParameter.label) {
      filter.labels[label.name] = label.value
    }
    filter.minAge = nanoseconds("minAge")
    filter.maxAge = nanoseconds("maxAge")
    filter.idleFor = nanoseconds("idleFor")
    return filter
  }

  /// What `code`, `reason` ask for; the code is legal on the wire and the reason fits a frame.
  func ending(_ cause: SessionCause) throws(AdminProblem) -> SessionEndRequest {
    var ending = SessionEndRequest(cause)
    if let code = integer("code") {
      guard WebSocketCloseCode(rawValue: UInt16(code)).isAllowedOnWire else {
        throw AdminProblem(
          .invalidParameter,
          "code: a close frame carries 1000 to 1003, 1007 to 1014 or 3000 to 4999.")
      }
      ending.code = UInt16(code)
    }
    ending.reason = text("reason")
    guard (ending.reason?.utf8.count ?? 0) <= WebSocketClose.maxReason else {
      throw AdminProblem(
        .invalidParameter, "reason: a close frame has room for \(WebSocketClose.maxReason) bytes.")
    }
    return ending
  }
}

extension AdminParameter {
  /// Which sessions; all that are given must hold.
  static let filters = [
    AdminParameter("route", .text, "Sessions of this route."),
    AdminParameter("service", .text, "Sessions to this service."),
    AdminParameter("target", .text, "Sessions to this target, its URL without a base path."),
    AdminParameter("consumer", .text, "Sessions of this consumer."),
    AdminParameter("address", .addressRange, "Sessions of callers from there."),
    AdminParameter("label", .label, "Sessions with this label.", isRepeated: true),
    AdminParameter("minAge", .duration, "Sessions that are open at least so long."),
    AdminParameter("maxAge", .duration, "Sessions that are open at most so long."),
    AdminParameter("idleFor", .duration, "Sessions on which nothing passed for so long."),
  ]

  static let ending = [
    AdminParameter(
      "code", .integer(1_000...4_999), "The close code for the client; 1001 unless given."),
    AdminParameter("reason", .text, "The reason in the close frame, at most 123 bytes."),
  ]

  static let session = AdminParameter(
    "id", .sessionID, "The session's id.", isInPath: true)
  static let job = AdminParameter("id", .jobID, "The job's id.", isInPath: true)
}
