/// Why a session ended; every session has exactly one.
///
/// This is the one table: the log line, the metric label, the admin API's events and the close frames
/// that both sides get come from here.
public enum SessionCause: UInt8, CaseIterable, Sendable {
  case client
  case upstream
  case idleTimeout
  case lifetime
  case slowConsumer
  case protocolError
  case messageTooBig
  case policy
  case tokenExpired
  case revoked
  case routeRemoved
  case drain
  case admin
  case shutdown
  case network

  public struct Row: Sendable {
    public let label: StaticString
    /// What the caller's close frame says; 0 where the frame passes on what the other side said.
    public let downstreamCode: UInt16
    /// What the target's close frame says.
    public let upstreamCode: UInt16
    public let summary: StaticString
  }

  public var row: Row {
    switch self {
    case .client: Row("client", 0, 0, "The caller closed it.")
    case .upstream: Row("upstream", 0, 0, "The target closed it, or was lost for good.")
    case .idleTimeout: Row("idle-timeout", 1001, 1001, "Nothing passed for too long.")
    case .lifetime: Row("lifetime", 1001, 1001, "It reached its longest life.")
    case .slowConsumer: Row("slow-consumer", 1008, 1001, "One side did not read fast enough.")
    case .protocolError: Row("protocol-error", 1002, 1002, "One side sent what is not WebSocket.")
    case .messageTooBig: Row("message-too-big", 1009, 1009, "A message was larger than allowed.")
    case .policy: Row("policy", 1008, 1001, "A policy of the route ended it.")
    case .tokenExpired: Row("token-expired", 4401, 1001, "What proved the identity has expired.")
    case .revoked: Row("revoked", 4403, 1001, "The identity was revoked.")
    case .routeRemoved: Row("route-removed", 1012, 1001, "A reload removed its route.")
    case .drain: Row("drain", 1012, 1001, "The gateway was drained.")
    case .admin: Row("admin", 1001, 1001, "It was closed through the admin API.")
    case .shutdown: Row("shutdown", 1012, 1001, "The gateway stopped before the drain was over.")
    case .network: Row("network", 1011, 1001, "A connection broke, or its other end fell silent.")
    }
  }

  public var label: StaticString { row.label }
}

extension SessionCause.Row {
  fileprivate init(
    _ label: StaticString, _ downstreamCode: UInt16, _ upstreamCode: UInt16,
    _ summary: StaticString
  ) {
    self.label = label
    self.downstreamCode = downstreamCode
    self.upstreamCode = upstreamCode
    self.summary = summary
  }
}
