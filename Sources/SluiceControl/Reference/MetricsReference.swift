import SluiceGateway

/// docs/reference/metrics.md, from the table of families.
enum MetricsReference {
  static func text() -> String {
    var text = """
      # Metrics

      <!-- Made from the code by `make docs`; edits here are lost. -->

      `GET /metrics` on the [admin listener](admin-api.md) answers in the Prometheus text format, version
      0.0.4. Counters are sums over the workers. Every label has values from a closed set: names in the
      configuration, or the ones below.

      \(MarkdownTable.text(["Label", "Values"], labels.map { ["`\($0.name)`", $0.values] }))
      A route that was never used has no series. The buckets end at \(bounds())
      seconds.


      """
    for (title, families) in MetricFamily.sections {
      text += "## \(title)\n\n"
      text += MarkdownTable.text(
        ["Name", "Type", "Labels", "Meaning"],
        families.map { family in
          let labels = family.labels.map { "`\($0)`" }.joined(separator: ", ")
          return ["`\(family.name)`", family.kind.rawValue, labels, family.help]
        })
      text += "\n"
    }
    return String(text.dropLast())
  }

  /// In the order of the page; every label of `MetricFamily` is here.
  static let labels: [(name: String, values: String)] = [
    ("route", "a route's name; empty for requests that no route matched"),
    ("class", "`1xx` to `5xx`; a caller that left before its answer counts as `4xx`"),
    ("code", "see [errors](errors.md); of sessions' ends the close code"),
    ("side", "see [errors](errors.md)"),
    ("listener", "a listener's name"),
    ("service", "a service's name"),
    (
      "target",
      "a target's URL without its base path; a service's targets that differ in the base path only are counted together"
    ),
    ("state", "`busy`, `idle`, `connecting`"),
    (
      "cause",
      "why a session ended: \(list(SessionCause.allCases.map { "\($0.label)" })); or what became of a connection for a name that is not decrypted: \(list(WorkerReport.passthroughCauses))"
    ),
    ("from", "who sent a message: `client`, `upstream`"),
    (
      "reason",
      "why a message did not reach the other end: \(list(MessageDrop.allCases.map { "\($0.label)" }))"
    ),
    (
      "result",
      "of reloads `success`, `refused`; of TLS handshakes `full`, `resumed`, `failed`; of checks `passed`, `failed`; of lines of logs `written`, `lost`; of copies `answered`, `failed`, `busy`, `too-large`, `late`"
    ),
    ("limit", "which limit an HTTP/2 connection went beyond: \(list(WorkerReport.http2Limits))"),
    ("policy", "`file-log`, `http-log`"),
    ("worker", "the worker's number, from 0"),
    ("version", "the gateway's version"),
  ]

  private static func list(_ values: [String]) -> String {
    values.map { "`\($0)`" }.joined(separator: ", ")
  }

  private static func bounds() -> String {
    let bounds = WorkerReport.latencyBounds.map { "\(Double($0) / 1e9)" }
    return bounds.dropLast().joined(separator: ", ") + " and " + (bounds.last ?? "")
  }
}
