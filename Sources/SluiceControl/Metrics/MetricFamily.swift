/// What one metric is: the table behind `/metrics` and docs/reference/metrics.md.
struct MetricFamily: Sendable {
  enum Kind: String, Sendable { case counter, gauge, histogram }

  let name: String
  let kind: Kind
  let labels: [String]
  /// One sentence, in the page and in the exposition.
  let help: String

  init(_ name: String, _ kind: Kind, _ labels: [String], _ help: String) {
    self.name = name
    self.kind = kind
    self.labels = labels
    self.help = help
  }

  init(_ name: String, _ kind: Kind, _ help: String) { self.init(name, kind, [], help) }
}

extension MetricFamily {
  // MARK: Requests

  static let requests = MetricFamily(
    "sluice_requests_total", .counter, ["route", "class"],
    "Requests that ended, by route and status class; a WebSocket counts when it closes.")
  static let requestDuration = MetricFamily(
    "sluice_request_duration_seconds", .histogram, ["route", "class"],
    "From the request head to the end of the response; for WebSockets, to the handshake's answer.")
  static let receivedBytes = MetricFamily(
    "sluice_received_bytes_total", .counter, ["route"], "Bytes of request bodies from callers.")
  static let sentBytes = MetricFamily(
    "sluice_sent_bytes_total", .counter, ["route"], "Bytes of response bodies to callers.")
  static let errors = MetricFamily(
    "sluice_gateway_errors_total", .counter, ["route", "code", "side"],
    "Requests that the gateway answered or cut short itself; the codes are on the page of errors.")
  static let retries = MetricFamily(
    "sluice_retries_total", .counter, ["route"],
    "Idempotent requests sent to a further target after one had failed.")
  static let malformed = MetricFamily(
    "sluice_malformed_requests_total", .counter, "Requests refused because they are no valid HTTP.")
  static let inProgress = MetricFamily(
    "sluice_requests_in_progress", .gauge, "Requests, WebSockets included, under way now.")
  static let mirrored = MetricFamily(
    "sluice_mirrored_requests_total", .counter, ["result"],
    "Copies of the policy `mirror`: `answered`; `failed` (no answer, or one with 5xx); not made because too many are under way (`busy`), the body is too large (`too-large`) or took longer than the policy's `timeout` to come (`late`)."
  )
  static let regexLimits = MetricFamily(
    "sluice_regex_limit_exceeded_total", .counter,
    "Runs of a route's regex that were given up; mostly the request was refused for it.")

  // MARK: Listeners

  static let openConnections = MetricFamily(
    "sluice_open_connections", .gauge, ["listener"], "Connections of callers open now.")
  static let accepted = MetricFamily(
    "sluice_accepted_connections_total", .counter, "Connections of callers that were accepted.")
  static let refused = MetricFamily(
    "sluice_refused_connections_total", .counter,
    "Connections closed at once because their address has too many.")
  static let handshakes = MetricFamily(
    "sluice_tls_handshakes_total", .counter, ["result"],
    "TLS handshakes with callers: `full`, `resumed`, or `failed`.")
  static let http2Connections = MetricFamily(
    "sluice_http2_connections_total", .counter, "Connections of callers that spoke HTTP/2.")
  static let http2Requests = MetricFamily(
    "sluice_http2_requests_total", .counter, "Requests that came by HTTP/2.")
  static let http2Floods = MetricFamily(
    "sluice_http2_floods_total", .counter, ["limit"],
    "HTTP/2 connections ended with ENHANCE_YOUR_CALM, by the limit that they went beyond.")
  static let passthroughEnds = MetricFamily(
    "sluice_passthrough_ends_total", .counter, ["cause"],
    "Connections of listeners with `passthrough` that were passed on and are over, or were not passed on, by their cause."
  )
  static let exhaustions = MetricFamily(
    "sluice_descriptor_exhaustions_total", .counter, ["listener"],
    "Times that accepting paused because the process was out of descriptors or memory.")

  // MARK: Targets

  static let targetHealthy = MetricFamily(
    "sluice_target_healthy_ratio", .gauge, ["service", "target"],
    "Share of the workers that send requests to the target; 0 when all have ejected it, or when it fails "
      + "its checks.")
  static let targetChecks = MetricFamily(
    "sluice_target_checks_total", .counter, ["service", "target", "result"],
    "Active checks of the target that passed or failed; begins anew when a reload changes how it is checked."
  )
  static let targetCheckHealthy = MetricFamily(
    "sluice_target_check_healthy", .gauge, ["service", "target"],
    "1 when the target's active checks find it healthy, 0 when unhealthy; not there before the first result."
  )
  static let targetConnections = MetricFamily(
    "sluice_target_connections", .gauge, ["service", "target", "state"],
    "Connections to the target that are busy, idle or connecting.")
  static let targetQueue = MetricFamily(
    "sluice_target_queue_length", .gauge, ["service", "target"],
    "Requests that wait for a connection to the target.")
  static let targetInProgress = MetricFamily(
    "sluice_target_requests_in_progress", .gauge, ["service", "target"],
    "Requests under way at the target, those that wait included.")
  static let ejections = MetricFamily(
    "sluice_target_ejections_total", .counter,
    "Times that a worker ejected a target after failures in a row.")
  static let upstreamConnections = MetricFamily(
    "sluice_target_connections_opened_total", .counter, "Connections opened to targets.")
  static let nameFailures = MetricFamily(
    "sluice_name_lookup_failures_total", .counter, "Look-ups of targets' names that failed.")
  static let nameChanges = MetricFamily(
    "sluice_name_changes_total", .counter,
    "Times that a look-up gave a target's name other addresses than before.")

  // MARK: The process

  static let turns = MetricFamily(
    "sluice_worker_turns_total", .counter, ["worker"], "Turns of the worker's event loop.")
  static let turnSeconds = MetricFamily(
    "sluice_worker_turn_seconds_total", .counter, ["worker"],
    "Time spent in turns; divided by the turns, how long an event waits for others on average.")
  static let longestTurn = MetricFamily(
    "sluice_worker_longest_turn_seconds", .gauge, ["worker"], "The longest turn since the start.")
  static let spliced = MetricFamily(
    "sluice_spliced_bytes_total", .counter,
    "Bytes of large bodies that the kernel passed on without copying them.")
  static let ready = MetricFamily(
    "sluice_ready", .gauge, "1 while the gateway accepts requests, 0 while it drains.")
  static let reloads = MetricFamily(
    "sluice_reloads_total", .counter, ["result"],
    "Reloads of the configuration: success or refused.")
  static let lastReload = MetricFamily(
    "sluice_configuration_loaded_timestamp_seconds", .gauge,
    "When the configuration in force was put in force.")
  static let logLines = MetricFamily(
    "sluice_log_lines_total", .counter, ["policy", "result"],
    "Lines of the policies `file-log` and `http-log`: `written` to a file or sent to a server, or `lost`. What goes where the access log goes is counted with that."
  )
  static let lostLog = MetricFamily(
    "sluice_access_log_lost_batches_total", .counter,
    "Batches of access log lines lost because the output was too slow.")
  static let build = MetricFamily(
    "sluice_build_info", .gauge, ["version"], "Always 1; the label says what runs.")
  static let cpu = MetricFamily(
    "process_cpu_seconds_total", .counter, "CPU time of the process, user and system.")
  static let memory = MetricFamily(
    "process_resident_memory_bytes", .gauge, "Resident memory of the process.")
  static let maxDescriptors = MetricFamily(
    "process_max_fds", .gauge, "Descriptors the process may have open.")
  static let startTime = MetricFamily(
    "process_start_time_seconds", .gauge, "When the process was started.")

  /// In the order of the page.
  static let sections: [(title: String, families: [MetricFamily])] = [
    (
      "Requests",
      [
        requests, requestDuration, receivedBytes, sentBytes, errors, retries, malformed,
        inProgress, mirrored, regexLimits,
      ]
    ),
    (
      "Sessions",
      [
        openSessions, sessionsOpened, sessionsReconnected, sessionsClosed, sessionCloseCodes,
        handshakeDuration,
        sessionMessages, sessionBytes, sessionDropped, sessionBacklog, sessionRoundTrip,
        sessionLifetime,
      ]
    ),
    (
      "Listeners",
      [
        openConnections, accepted, refused, handshakes, http2Connections, http2Requests,
        http2Floods, passthroughEnds, exhaustions,
      ]
    ),
    (
      "Targets",
      [
        targetHealthy, targetCheckHealthy, targetChecks, targetConnections, targetQueue,
        targetInProgress, ejections, upstreamConnections, nameFailures, nameChanges,
      ]
    ),
    (
      "Workers and process",
      [
        turns, turnSeconds, longestTurn, spliced, ready, reloads, lastReload, logLines, lostLog,
        build, cpu,
        memory, maxDescriptors, startTime,
      ]
    ),
  ]
}
