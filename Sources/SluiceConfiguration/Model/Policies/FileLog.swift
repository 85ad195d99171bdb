extension Configuration {
  /// Writes a line for every exchange to a file.
  public struct FileLog: PolicySettings {
    /// `stdout`, `stderr` or a file's path.
    public var path = ""
    public var format = LogFormat.json
    public init() {}
  }

  /// What a line of a log is like.
  public enum LogFormat: String, Codable, CaseIterable, Sendable {
    /// That of the access log.
    case json
    /// With the keys that readers of Kong's logs know.
    case kong
  }

  /// Paths of files, and `stdout` and `stderr`, that anything in the file logs to.
  public var logOutputs: Set<String> {
    var outputs = Set(everyPolicy.compactMap { ($0.settings as? FileLog)?.path })
    if accessLog.format != .off { outputs.insert(accessLog.output) }
    return outputs
  }
}

extension Configuration.FileLog {
  public static let policyName = "file-log"
  public static let stage = PolicyStage.log

  public static let schema = Schema(
    "FileLog", of: Self(),
    "Writes a line of JSON for every request that is over to a file of its own, also for those that other policies refused; for sessions those of the access log, too. Requests that no route matches are in the log that is set for everything. `accessLog` is a log of its own beside these; places that name one file write to it together. A file that was renamed or removed is made anew with the next line (it is looked for twice a second at most), and at a reload. Lines that can't be written, or that are more than 16 MiB behind, are lost and counted in `sluice_log_lines_total`; nobody waits for a disk.",
    [
      Field(
        "path", .text(.logOutput),
        "`stdout`, `stderr` or the path of a file, which is made if it is not there; its directory has to be there.",
        isRequired: true),
      Field("format", .choice(Configuration.LogFormat.self), Configuration.LogFormat.summary),
    ])

  public static let example = """
    version: 1
    listeners:
      web: {address: "127.0.0.1:8080"}
    services:
      time: {targets: ["http://127.0.0.1:9000"]}
    routes:
      time:
        match: {path: /time}
        service: time
        policies:
          file-log: {path: /tmp/sluice-time.log}
    """
}

extension Configuration.LogFormat {
  static let summary =
    "`json`: lines of the access log. `kong`: with the keys of Kong's logs (`request`, `response`, `latencies`, `route`, `service`, `consumer`, `client_ip`, `started_at` and the like), without header fields and query, which may hold secrets."
}
