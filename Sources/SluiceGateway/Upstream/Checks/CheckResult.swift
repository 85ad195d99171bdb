import SluiceWire

/// What one check found.
enum CheckResult: Equatable, Sendable {
  case passed
  /// No connection, no response in time, or none that means anything.
  case failed(GatewayError)
  /// `http`: another status than those that were asked for.
  case status(Int)
  /// `grpc`: the call did not end with OK; nil without a status.
  case call(GRPCStatus?)
  /// `grpc`: the call was answered with another state than SERVING; nil for what is no answer.
  case state(GRPCHealth.Status?)

  var hasPassed: Bool { self == .passed }

  /// For the log and the admin API: from a closed set, but for the number of a status.
  var reason: String {
    switch self {
    case .passed: "passed"
    case .failed(let error): "\(error.code)"
    case .status(let status): "status \(status)"
    case .call(let status): status.map { "grpc-status \($0.name)" } ?? "no grpc-status"
    case .state(.unknown): "UNKNOWN"
    case .state(.serving): "SERVING"
    case .state(.notServing): "NOT_SERVING"
    case .state(.serviceUnknown): "SERVICE_UNKNOWN"
    case .state(nil): "no health response"
    }
  }

  /// Of a call of `grpc.health.v1.Health/Check`.
  init(ofCall response: borrowing ClientResponse) {
    if response.status != 200 {
      self = .status(response.status)
      return
    }
    let code = response.last(Self.statusField).flatMap { GRPCStatus($0.span) }
    guard code == .ok else {
      self = .call(code)
      return
    }
    let state = GRPCHealth.status(ofResponse: response.body.span)
    self = state == .serving ? .passed : .state(state)
  }

  private static let statusField = Array("grpc-status".utf8)
}
