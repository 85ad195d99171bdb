import SluiceReactor

/// What the log line and the counters of an exchange are made from.
struct ExchangeRecord {
  var started = MonotonicTime(nanoseconds: 0)
  /// When a connection to a target was had; zero for never.
  var connected = MonotonicTime(nanoseconds: 0)
  /// When the response head came; zero for never.
  var responded = MonotonicTime(nanoseconds: 0)
  var status = 0
  /// Body bytes from the caller and to the caller.
  var received: UInt64 = 0
  var sent: UInt64 = 0
  /// Why the gateway answered, or why the response was cut short.
  var error: GatewayError?
  /// What was malformed when something was, by its stable name.
  var fault: StaticString?
  var routed = false
  /// How the caller's request came.
  var isHTTP2 = false
  /// By an extended CONNECT (RFC 8441).
  var wantsTunnel = false
  var isReusedConnection = false
  /// An expression of one of the file's variables gave up, so that nobody knows what it is.
  var hasReachedRegexLimit = false
  /// The response was begun and not completed.
  var isCutShort = false
  var isCallerGone = false
  /// What the cache did, for the log; nil without one.
  var cache: StaticString?
  /// Begun by the gateway itself; not counted, not logged.
  var isBackground = false
  /// Of the cookie that the caller gets so as to come back to its target.
  var cookieHash: UInt64?
  /// Became a session.
  var isUpgraded = false
}
