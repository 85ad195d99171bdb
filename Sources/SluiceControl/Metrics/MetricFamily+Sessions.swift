extension MetricFamily {
  static let openSessions = MetricFamily(
    "sluice_open_sessions", .gauge, ["route"], "WebSocket sessions open now.")
  static let sessionsOpened = MetricFamily(
    "sluice_sessions_opened_total", .counter, ["route"],
    "WebSocket sessions that began: handshakes that were answered with 101.")
  static let sessionsReconnected = MetricFamily(
    "sluice_sessions_reconnected_total", .counter, ["route"],
    "Times that a WebSocket session lost its target and went on with another connection.")
  static let sessionsClosed = MetricFamily(
    "sluice_sessions_closed_total", .counter, ["route", "cause"],
    "WebSocket sessions that ended; each for one cause.")
  static let sessionCloseCodes = MetricFamily(
    "sluice_session_close_codes_total", .counter, ["route", "code"],
    "WebSocket sessions that ended, by the code in the log: `3xxx` and `4xxx` are applications' own, 1006 is an end without a close frame."
  )
  static let handshakeDuration = MetricFamily(
    "sluice_handshake_duration_seconds", .histogram, ["route"],
    "From the head of a handshake that succeeded to its 101; not in the durations of requests.")
  static let sessionMessages = MetricFamily(
    "sluice_session_messages_total", .counter, ["route", "from"],
    "Messages on sessions, open ones included, by who sent them.")
  static let sessionBytes = MetricFamily(
    "sluice_session_bytes_total", .counter, ["route", "from"],
    "Payload bytes of messages on sessions, open ones included, by who sent them.")
  static let sessionDropped = MetricFamily(
    "sluice_session_messages_dropped_total", .counter, ["route", "reason"],
    "Messages on sessions that did not reach the other end: over a limit, not allowed, or left out or replaced (conflated) for a slow caller."
  )
  static let sessionBacklog = MetricFamily(
    "sluice_session_backlog_bytes", .gauge, ["route"],
    "Bytes that the ends of open sessions did not take yet.")
  static let sessionRoundTrip = MetricFamily(
    "sluice_session_round_trip_seconds", .histogram, ["route"],
    "From the gateway's ping to the caller's pong.")
  static let sessionLifetime = MetricFamily(
    "sluice_session_lifetime_seconds", .histogram, ["route"],
    "From the 101 to the end, of sessions that have ended.")
}
