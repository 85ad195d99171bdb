import SluiceConfiguration
import SluiceGateway

/// docs/reference/admin-api.md, from the table of endpoints.
enum AdminPage {
  static func text() -> String {
    """
    # Admin API

    <!-- Made from the code by `make docs`; edits here are lost. -->

    The admin listener is there when the configuration has `admin`:

    ```yaml
    admin: {address: "\(Configuration.Admin().address)", token: "${env:SLUICE_ADMIN_TOKEN}"}
    ```

    With a token every request has to say `Authorization: Bearer TOKEN`, `/livez` and `/readyz` aside.
    Without one only loopback addresses and Unix sockets are allowed, whoever reaches them is let in,
    and a `Host` that is neither `localhost` nor a loopback address is refused, because a web page could
    have its own name resolved to this machine. So is what a web page makes a browser ask (`Origin`, or
    `Sec-Fetch-Site` other than `none` and `same-origin`), because any page may send requests to this
    machine. Changing `admin` needs a restart.

    Answers are JSON unless said otherwise, mistakes problem JSON with a stable `code`. `GET
    /openapi.json` has all of this as an OpenAPI 3.1 document. Request bodies have at most 1 MiB
    unless said otherwise; a larger one gets 413 `body-too-large`. Those above 1 MiB have
    \(AdminResponder.bodyBytes >> 20) MiB together; when there is no room, the answer is 503 `overloaded`
    with `Retry-After`. HEAD works where GET does, but for streams.

    \(operations())
    ## Events

    Server-sent events (`text/event-stream`), each with an `event` and JSON as its `data`:

    \(MarkdownTable.text(
      ["Event", "Meaning"],
      AdminEvent.Kind.allCases.map { ["`\($0.rawValue)`", $0.summary] }
        + [["`lost`", "The caller was too slow: so many `events` are missing here."]]))
    ## Events of a tap

    \(MarkdownTable.text(
      ["Event", "Meaning"], AdminEndpoint.tapEvents.map { ["`\($0.name)`", $0.summary] }))
    What became of a frame (`decision`): \(decisions()).

    ## Problems

    \(MarkdownTable.text(
      ["Code", "Status", "Meaning"],
      AdminProblem.Code.allCases.map { ["`\($0.rawValue)`", "\($0.status)", $0.title] }))
    See also: [metrics](metrics.md), [operating sessions](../guides/operating-sessions.md).

    """
  }

  private static func decisions() -> String {
    FrameRecord.Decision.allCases.map { "`\($0.label)`" }.joined(separator: ", ")
      + "; [operating sessions](../guides/operating-sessions.md) says what they mean"
  }

  private static func operations() -> String {
    AdminEndpoint.all.map(section).joined()
  }

  private static func section(_ endpoint: AdminEndpoint) -> String {
    var text = "## \(endpoint.method.rawValue) \(endpoint.path)\n\n\(endpoint.summary)\n\n"
    if let body = endpoint.body { text += "Body: \(body.summary)\n\n" }
    let parameters = endpoint.parameters.filter { !$0.isInPath }
    if !parameters.isEmpty {
      text += MarkdownTable.text(
        ["Parameter", "Value", "Meaning"],
        parameters.map {
          [
            "`\($0.name)`", $0.form,
            $0.summary + ($0.isRepeated ? " May be given several times." : ""),
          ]
        })
      text += "\n"
    }
    text += MarkdownTable.text(
      ["Status", "Answer"], endpoint.answers.map { ["\($0.status)", $0.summary] })
    return text + "\n"
  }
}
