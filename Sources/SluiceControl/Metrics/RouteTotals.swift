import SluiceGateway

/// One route's counters, summed over the workers.
struct RouteTotals {
  private(set) var buckets: [UInt64] = []
  private(set) var durationNanoseconds: [UInt64] = []
  private(set) var errors: [UInt64] = []
  private(set) var bytesReceived: UInt64 = 0
  private(set) var bytesSent: UInt64 = 0
  /// Nil where no handshake has succeeded.
  private(set) var sessions: SessionTotals?
  private(set) var retries: UInt64 = 0

  /// Whether there is anything to show: a route that was never used has no series.
  var isUsed: Bool { !buckets.isEmpty || sessions != nil }

  mutating func add(_ route: WorkerReport.Route) {
    Self.add(route.buckets, to: &buckets)
    Self.add(route.durationNanoseconds, to: &durationNanoseconds)
    Self.add(route.errors, to: &errors)
    bytesReceived += route.bytesReceived
    bytesSent += route.bytesSent
    if let report = route.sessions {
      var totals = sessions ?? SessionTotals()
      totals.add(report)
      sessions = totals
    }
    retries += route.retries
  }

  static func add(_ values: [UInt64], to sums: inout [UInt64]) {
    if sums.isEmpty {
      sums = values
      return
    }
    for index in values.indices { sums[index] += values[index] }
  }

  /// By status class that occurred, `1` to `5`.
  func classes(bucketCount: Int) -> [(name: String, counts: ArraySlice<UInt64>, seconds: Double)] {
    durationNanoseconds.indices.compactMap { index in
      let counts = buckets[index * bucketCount..<(index + 1) * bucketCount]
      guard counts.contains(where: { $0 > 0 }) else { return nil }
      return ("\(index + 1)xx", counts, Double(durationNanoseconds[index]) / 1e9)
    }
  }

  static func sums(of reports: [WorkerReport]) -> [(name: String, totals: RouteTotals)] {
    var totals: [String: RouteTotals] = [:]
    for report in reports {
      for route in report.routes { totals[route.name, default: RouteTotals()].add(route) }
    }
    return totals.filter(\.value.isUsed).sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }
}
