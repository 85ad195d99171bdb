import SluiceReactor

/// How long what may take; nanoseconds.
extension Exchange {
  var connectTimeout: Int64 { route?.connectTimeout ?? 0 }
  var responseTimeout: Int64 { route?.responseTimeout ?? 0 }
  var idleTimeout: Int64 { route?.idleTimeout ?? 0 }

  /// When the route's or service's `total` timeout, or that of a call of gRPC, ends the exchange. What
  /// answers in the place of a failure has its own time, but for what a caller allows a call.
  var totalDeadline: MonotonicTime? {
    let own = route?.totalTimeout.map {
      (internalRedirect?.failedAt ?? record.started).advanced(byNanoseconds: $0)
    }
    guard let callTimeout else { return own }
    let called = record.started.advanced(byNanoseconds: callTimeout)
    return own.map { min($0, called) } ?? called
  }
}
