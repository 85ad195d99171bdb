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

      | Label | Values |
      | --- | --- |
      | `route` | a route's name; empty for requests that no route matched |
      | `class` | `1xx` to `5xx`; a caller that left before its answer counts as `4xx` |
      | `code`, `side` | see [errors](errors.md) |
      | `listener`, `service`, `target` | names, and a target's URL without its base path; a service's targets that differ in the base path only are counted together |
      | `state` | `busy`, `idle`, `connecting` |
      | `cause` | why a session ended: \(SessionCause.allCases.map { "`\($0.label)`" }.joined(separator: ", ")) |
      | `from` | who sent a message: `client`, `upstream` |
      | `result` | `success`, `refused` |
      | `worker` | the worker's number, from 0 |

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

  private static func bounds() -> String {
    let bounds = WorkerReport.latencyBounds.map { "\(Double($0) / 1e9)" }
    return bounds.dropLast().joined(separator: ", ") + " and " + (bounds.last ?? "")
  }
}
