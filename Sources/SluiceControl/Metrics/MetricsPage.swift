import SluiceGateway
import SluiceReactor

/// What `/metrics` shows, from values: rendering touches no running gateway.
struct MetricsPage: Sendable {
  var reports: [WorkerReport] = []
  var control = ControlCounters.Values()
  var process = ProcessFacts()
  var isReady = true
  var lostLogBatches: UInt64 = 0
  var logCounts = LogCounts()

  /// In seconds, without the open last one.
  static let bounds = WorkerReport.latencyBounds.map { Double($0) / 1e9 }

  func render() -> [UInt8] {
    var output = Exposition()
    renderRoutes(to: &output)
    renderSessions(to: &output)
    renderListeners(to: &output)
    renderTargets(to: &output)
    renderWorkers(to: &output)
    renderProcess(to: &output)
    return output.bytes()
  }

  private func sum(_ value: (WorkerReport) -> UInt64) -> UInt64 {
    reports.reduce(0) { $0 + value($1) }
  }

  // MARK: Sections

  private func renderRoutes(to output: inout Exposition) {
    let routes = RouteTotals.sums(of: reports)
    let classes = routes.map { ($0.name, $0.totals.classes(bucketCount: Self.bounds.count + 1)) }
    output.begin(.requests)
    for (name, classes) in classes {
      for entry in classes { output.sample(name, entry.name, value: entry.counts.reduce(0, +)) }
    }
    output.begin(.requestDuration)
    for (name, classes) in classes {
      for entry in classes {
        output.histogram(
          name, entry.name, counts: entry.counts, bounds: Self.bounds, sum: entry.seconds)
      }
    }
    output.begin(.receivedBytes)
    for (name, totals) in routes { output.sample(name, value: totals.bytesReceived) }
    output.begin(.sentBytes)
    for (name, totals) in routes { output.sample(name, value: totals.bytesSent) }
    output.begin(.errors)
    for (name, totals) in routes {
      for error in GatewayError.allCases where Int(error.rawValue) < totals.errors.count {
        let count = totals.errors[Int(error.rawValue)]
        if count > 0 { output.sample(name, "\(error.code)", error.row.side.rawValue, value: count) }
      }
    }
    output.begin(.retries)
    for (name, totals) in routes { output.sample(name, value: totals.retries) }
    output.begin(.malformed)
    output.sample(value: sum(\.malformedRequests))
    output.begin(.inProgress)
    output.sample(value: reports.reduce(0) { $0 + $1.exchangesInProgress })
    output.begin(.mirrored)
    output.sample("answered", value: sum(\.mirrored.answered))
    output.sample("failed", value: sum(\.mirrored.failed))
    output.sample("busy", value: sum(\.mirrored.busy))
    output.sample("too-large", value: sum(\.mirrored.tooLarge))
    output.sample("late", value: sum(\.mirrored.late))
    output.begin(.regexLimits)
    output.sample(value: sum(\.regexLimitExceeded))
  }

  private func renderListeners(to output: inout Exposition) {
    var open: [String: Int] = [:]
    var exhaustions: [String: UInt64] = [:]
    for listener in reports.flatMap(\.listeners) {
      open[listener.name, default: 0] += listener.openConnections
      exhaustions[listener.name, default: 0] += listener.descriptorExhaustions
    }
    output.begin(.openConnections)
    for (name, count) in open.sorted(by: { $0.key < $1.key }) { output.sample(name, value: count) }
    output.begin(.accepted)
    output.sample(value: sum(\.acceptedConnections))
    output.begin(.refused)
    output.sample(value: sum(\.refusedConnections))
    output.begin(.handshakes)
    output.sample("full", value: sum(\.handshakes) - sum(\.resumedHandshakes))
    output.sample("resumed", value: sum(\.resumedHandshakes))
    output.sample("failed", value: sum(\.failedHandshakes))
    output.begin(.http2Connections)
    output.sample(value: sum(\.http2Connections))
    output.begin(.http2Requests)
    output.sample(value: sum(\.http2Requests))
    output.begin(.http2Floods)
    for (index, limit) in WorkerReport.http2Limits.enumerated() {
      output.sample(limit, value: reports.reduce(0) { $0 + $1.http2Floods[index] })
    }
    output.begin(.passthroughEnds)
    for (index, cause) in WorkerReport.passthroughCauses.enumerated() {
      output.sample(cause, value: reports.reduce(0) { $0 + $1.passthroughEnds[index] })
    }
    output.begin(.exhaustions)
    for (name, count) in exhaustions.sorted(by: { $0.key < $1.key }) {
      output.sample(name, value: count)
    }
  }

  private func renderTargets(to output: inout Exposition) {
    let targets = TargetTotals.sums(of: reports)
    output.begin(.targetHealthy)
    for (key, totals) in targets {
      let ratio = Double(totals.healthyWorkers) / Double(max(1, totals.workers))
      output.sample(key.service, key.url, value: ratio)
    }
    output.begin(.targetCheckHealthy)
    for (key, totals) in targets {
      guard let isHealthy = totals.check?.isHealthy else { continue }
      output.sample(key.service, key.url, value: isHealthy ? 1 : 0)
    }
    output.begin(.targetChecks)
    for (key, totals) in targets {
      guard let check = totals.check else { continue }
      output.sample(key.service, key.url, "passed", value: check.passed)
      output.sample(key.service, key.url, "failed", value: check.failed)
    }
    output.begin(.targetConnections)
    for (key, totals) in targets {
      output.sample(key.service, key.url, "busy", value: totals.open - totals.idle)
      output.sample(key.service, key.url, "idle", value: totals.idle)
      output.sample(key.service, key.url, "connecting", value: totals.connecting)
    }
    output.begin(.targetQueue)
    for (key, totals) in targets { output.sample(key.service, key.url, value: totals.waiting) }
    output.begin(.targetInProgress)
    for (key, totals) in targets { output.sample(key.service, key.url, value: totals.inFlight) }
    output.begin(.ejections)
    output.sample(value: sum(\.ejections))
    output.begin(.upstreamConnections)
    output.sample(value: sum(\.upstreamConnections))
    output.begin(.nameFailures)
    output.sample(value: control.nameFailures)
    output.begin(.nameChanges)
    output.sample(value: control.nameChanges)
  }

  private func renderWorkers(to output: inout Exposition) {
    output.begin(.turns)
    for report in reports { output.sample("\(report.worker)", value: report.lag.turns) }
    output.begin(.turnSeconds)
    for report in reports {
      output.sample("\(report.worker)", value: Double(report.lag.totalNanoseconds) / 1e9)
    }
    output.begin(.longestTurn)
    for report in reports {
      output.sample("\(report.worker)", value: Double(report.lag.longestNanoseconds) / 1e9)
    }
    output.begin(.spliced)
    output.sample(value: sum(\.splicedBytes))
  }

  private func renderProcess(to output: inout Exposition) {
    output.begin(.ready)
    output.sample(value: isReady ? 1 : 0)
    output.begin(.reloads)
    output.sample("success", value: control.reloads)
    output.sample("refused", value: control.refusedReloads)
    output.begin(.lastReload)
    output.sample(value: control.loadedSeconds)
    output.begin(.logLines)
    output.sample("file-log", "written", value: logCounts.fileWritten)
    output.sample("file-log", "lost", value: logCounts.fileLost)
    output.sample("http-log", "written", value: logCounts.httpSent)
    output.sample("http-log", "lost", value: logCounts.httpLost)
    output.begin(.lostLog)
    output.sample(value: lostLogBatches)
    output.begin(.build)
    output.sample(SluiceVersion.current, value: 1)
    output.begin(.cpu)
    output.sample(value: process.cpuSeconds)
    output.begin(.memory)
    output.sample(value: process.residentBytes)
    output.begin(.maxDescriptors)
    output.sample(value: process.maxDescriptors)
    output.begin(.startTime)
    output.sample(value: process.startSeconds)
  }
}
