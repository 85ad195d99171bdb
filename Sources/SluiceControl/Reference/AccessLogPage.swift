/// docs/reference/access-log.md; a test compares the keys with the ones that are written.
enum AccessLogPage {
  /// In the order of the line. An optional key is absent when there is nothing to say.
  static let keys: [(key: String, isOptional: Bool, meaning: String)] = [
    (
      "time", false,
      "When the line was written, in seconds since 1970, with microseconds. Lines of one turn of a worker have the same."
    ),
    ("id", false, "The request's id, also in error answers and in `X-Request-Id`."),
    ("client", false, "The caller's address; behind trusted proxies, the one they report."),
    ("listener", false, "The listener's name."),
    ("protocol", false, "`HTTP/1.0`, `HTTP/1.1` or `HTTP/2`: what the caller spoke."),
    ("method", false, "As sent; empty when the request is not well-formed."),
    ("host", false, "The Host the caller asked for, with its port."),
    (
      "path", false,
      "The normalised path that the caller asked for, without the query, which may hold secrets."
    ),
    ("route", true, "The route that matched; after internal redirects the last one."),
    ("service", true, "The route's service."),
    (
      "firstRoute", true, "After an internal redirect: the route that the caller's request matched."
    ),
    ("target", true, "The target that was tried last: its URL without the base path."),
    ("consumer", true, "Who called, by its name in the configuration."),
    ("credential", true, "The id of what proved it; never the secret itself."),
    ("status", false, "The status the caller got; 499 when it left before."),
    (
      "code", true,
      "Why the gateway answered itself, cut the response short or let another route answer; see errors.md."
    ),
    (
      "fault", true,
      "What was malformed, for codes about the form of the request or of the target's response; see errors.md."
    ),
    ("duration", false, "Milliseconds from the request head to the end of the response."),
    ("connectDuration", true, "Milliseconds until a connection to the target was had."),
    ("responseDuration", true, "Milliseconds from there to the response head."),
    ("bytesReceived", false, "Body bytes from the caller."),
    ("bytesSent", false, "Body bytes to the caller."),
    ("connection", true, "`new` or `reused`: the connection to the target."),
    ("retries", true, "How many further attempts there were."),
    (
      "cache", true,
      "What the cache did: `hit`, `stale`, `revalidated`, `expired`, `miss` or `bypass`."
    ),
    ("cutShort", true, "`true` when the response was begun and not completed."),
    ("session", true, "The id of the session that a handshake (status 101) began."),
  ]

  /// Of lines about sessions, in their order; `time` and `event` come first.
  static let sessionKeys: [(key: String, isOptional: Bool, meaning: String)] = [
    ("time", false, "When the line was written, in seconds since 1970, with microseconds."),
    ("event", false, "`session-opened`, `session-reconnected` or `session-closed`."),
    ("session", false, "The session's id, also in the target's `Sluice-Connection-Id`."),
    ("client", false, "The caller's address; behind trusted proxies, the one they report."),
    ("listener", false, "The listener's name."),
    ("route", false, "The route's name."),
    ("service", false, "The route's service."),
    ("target", false, "The target's URL without the base path."),
    ("consumer", true, "Whose session it is, by a name in the configuration."),
    ("gap", true, "After a reconnection: milliseconds without a target."),
    ("cause", true, "At the end: why, one of the causes in [sessions](../concepts/session.md)."),
    ("code", true, "At the end: the close code that was said; 1006 stands for none."),
    ("side", true, "Whose doing it was, `client` or `upstream`, where it was one side's."),
    ("policy", true, "The policy that ended it, for the cause `policy`."),
    ("reason", true, "The close frame's reason."),
    ("duration", true, "At the end: milliseconds since the 101."),
    ("messagesReceived", true, "At the end: messages from the caller."),
    ("bytesReceived", true, "Their payload bytes."),
    ("messagesSent", true, "At the end: messages from the target."),
    ("bytesSent", true, "Their payload bytes."),
    ("messagesDropped", true, "Those of both that did not reach the other end."),
    ("roundTrip", true, "Milliseconds from the latest answered ping to its pong."),
    (
      "frames", true,
      "After an abnormal end, the last 16 frames that the route's `flightRecorder` has; see [operating sessions](../guides/operating-sessions.md)."
    ),
  ]

  /// Of lines about connections that were passed on undecrypted; `time` and `event` come first.
  static let passthroughKeys: [(key: String, isOptional: Bool, meaning: String)] = [
    ("time", false, "When the line was written, in seconds since 1970, with microseconds."),
    ("event", false, "`passthrough-closed`."),
    ("client", false, "The caller's address; what a PROXY header says, where one is taken."),
    ("listener", false, "The listener's name."),
    ("serverName", false, "The name that the caller asked for."),
    ("service", false, "The service of that name."),
    ("target", true, "The last target that was tried."),
    (
      "cause", false,
      "`client` or `upstream`: whose end came first; `network`, `idle-timeout`, `no-target`, `shutdown`."
    ),
    ("duration", false, "Milliseconds since the caller's first message was whole."),
    ("bytesReceived", false, "Bytes from the caller, those of TLS itself included."),
    ("bytesSent", false, "The same to the caller."),
  ]

  static func text() -> String {
    """
    # Access log

    <!-- Made from the code by `make docs`; edits here are lost. -->

    One line of JSON for each request that ended, to standard output unless `accessLog` says otherwise.
    Requests of the admin listener are not logged. An output that does not take lines fast enough
    loses them rather than slowing requests (`sluice_access_log_lost_batches_total`). A log file
    that was renamed or removed is made anew with the next line, and opened again at every reload, so that it can be
    rotated. The policies [`file-log`](policies/file-log.md) and [`http-log`](policies/http-log.md) write such lines
    of a route, a service or a caller to other files, or send them to a server, also with the keys of Kong's logs.

    ```json
    {"time":1795396887.472513,"id":"20995a5cb3569f25e958220787595a8c","client":"127.0.0.1","listener":"web","protocol":"HTTP/1.1","method":"GET","host":"127.0.0.1:8080","path":"/time","route":"time","service":"time-service","target":"http://time-service.internal:8081","status":200,"duration":0.480,"connectDuration":0.271,"responseDuration":0.209,"bytesReceived":0,"bytesSent":26,"connection":"new"}
    ```

    \(MarkdownTable.text(
      ["Key", "Always", "Meaning"],
      keys.map { ["`\($0.key)`", $0.isOptional ? "" : "yes", $0.meaning] }))
    ## Sessions

    A WebSocket session writes two further lines, one when it opens and one when it has ended, and one each
    time it went on after losing its target.

    ```json
    {"time":1795396901.120881,"event":"session-closed","session":"Cq0Yx3PqTj2Zb0m9d1kXwA","client":"127.0.0.1","listener":"web","route":"stocks","service":"stocks-service","target":"http://stocks-service.internal:8082","cause":"client","code":1000,"side":"client","duration":13648.210,"messagesReceived":0,"bytesReceived":0,"messagesSent":27,"bytesSent":917,"roundTrip":0.164}
    ```

    \(MarkdownTable.text(
      ["Key", "Always", "Meaning"],
      sessionKeys.map { ["`\($0.key)`", $0.isOptional ? "" : "yes", $0.meaning] }))
    ## Connections passed on undecrypted

    A connection of a listener with `passthrough` that went on to a service writes one line when it has
    ended. Those that did not go on are only counted (`sluice_passthrough_ends_total`).

    ```json
    {"time":1795396911.015002,"event":"passthrough-closed","client":"127.0.0.1","listener":"web","serverName":"mail.example.com","service":"mail","target":"https://10.0.0.7:993","cause":"client","duration":1204.118,"bytesReceived":2210,"bytesSent":5480}
    ```

    \(MarkdownTable.text(
      ["Key", "Always", "Meaning"],
      passthroughKeys.map { ["`\($0.key)`", $0.isOptional ? "" : "yes", $0.meaning] }))
    """
  }
}
