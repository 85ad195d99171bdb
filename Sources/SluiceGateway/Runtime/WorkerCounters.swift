/// What one worker counts beside its routes. Touched by that worker only.
struct WorkerCounters {
  var acceptedConnections: UInt64 = 0
  var refusedConnections: UInt64 = 0
  /// TLS with callers: done, and of these resumed; not done.
  var handshakes: UInt64 = 0
  var resumedHandshakes: UInt64 = 0
  var failedHandshakes: UInt64 = 0
  var requests: UInt64 = 0
  /// Of `acceptedConnections` and `requests`, those by HTTP/2.
  var http2Connections: UInt64 = 0
  var http2Requests: UInt64 = 0
  /// HTTP/2 connections that were ended for what they cost, by `HTTP2Flood`.
  var http2Floods = [UInt64](repeating: 0, count: HTTP2Flood.allCases.count)
  /// Connections passed on undecrypted, or not, by `PassthroughEnd`.
  var passthroughEnds = [UInt64](repeating: 0, count: PassthroughEnd.allCases.count)
  var malformedRequests: UInt64 = 0
  var exchangesInProgress = 0
  var upstreamConnections: UInt64 = 0
  var ejections: UInt64 = 0
  /// Bytes of bodies that the kernel moved by itself.
  var splicedBytes: UInt64 = 0
  var mirrored = MirrorCounts()
  /// Requests that no route matched.
  let unrouted = RouteCounters()
}
