import SluiceReactor

/// How long what may take; nanoseconds.
extension Exchange {
  var connectTimeout: Int64 { route?.connectTimeout ?? 0 }
  var responseTimeout: Int64 { route?.responseTimeout ?? 0 }
  var idleTimeout: Int64 { route?.idleTimeout ?? 0 }

  /// When the route's or service's `total` timeout, or that of a call of gRPC, ends the exchange.
  var totalDeadline: MonotonicTime? {
    var timeout = route?.totalTimeout
    if let callTimeout { timeout = min(timeout ?? callTimeout, callTimeout) }
    return timeout.map { record.started.advanced(byNanoseconds: $0) }
  }
}
