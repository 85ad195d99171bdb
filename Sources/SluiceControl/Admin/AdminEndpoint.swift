/// What the admin listener offers; the table behind docs/reference/admin-api.md.
enum AdminEndpoint: String, CaseIterable, Sendable {
  case live = "/livez"
  case ready = "/readyz"
  case metrics = "/metrics"

  /// One sentence for the reference page.
  var summary: String {
    switch self {
    case .live: "200 as long as the process answers; for restarting it when it does not."
    case .ready:
      "200 while the gateway takes requests, 503 while it drains; for load balancers."
    case .metrics: "Metrics in the Prometheus text format, see the page of metrics."
    }
  }
}
