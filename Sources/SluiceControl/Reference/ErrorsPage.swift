import SluiceGateway
import SluiceWire

/// docs/reference/errors.md: every code of `GatewayError`, and why requests are malformed.
enum ErrorsPage {
  static func text() -> String {
    """
    # Errors

    <!-- Made from the code by `make docs`; edits here are lost. -->

    What the gateway answers itself is problem JSON ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)):

    ```json
    {"type":"about:blank","title":"No route matches this request.","status":404,"code":"no-route","requestId":"f4262bc5e92b296e814f9e69552b90c2"}
    ```

    `code` is stable: program against it, alert on it (`sluice_gateway_errors_total`), and find it in
    the access log. Texts may be improved. Some answers carry a `detail`. Answers that waiting helps
    with carry `Retry-After`.

    ## Codes

    The side says who can do something about it: the caller (`downstream`), the targets (`upstream`)
    or the gateway's operator (`gateway`).

    \(codes())
    A caller that speaks gRPC (`application/grpc` and the like) gets status 200, and in the problem's stead
    `grpc-status` as below and the meaning with the code as `grpc-message`.

    A caller that leaves before its answer is complete has status 499 and the code `client-gone` in the
    access log.

    ## What makes a request malformed

    Malformed and ambiguous requests are refused and never repaired. The `detail` of the answer is one
    of these, and the access log has its name as `fault`. The connection is closed, unless it is only the
    path that is wrong: then the next request is read. What HTTP/2 itself refuses has details of its own and no
    `fault`.

    \(faults())
    A body's framing has these; its `detail` is "The request body's framing is invalid.", with 400.

    \(MarkdownTable.text(
      ["Fault", "Meaning"], BodyError.allCases.map { ["`\($0.code)`", "\($0.text)"] }))
    ## What makes a response malformed

    A target's response that is malformed by HTTP/1.1 is not passed on: 502 `upstream-malformed`, or, when it is its
    body, a response that is cut short (`upstream-reset`). The access log says by `fault` why. Of heads these are possible beside the faults above that are about fields, line
    ends and lengths, and of bodies those above.

    \(MarkdownTable.text(
      ["Fault", "Meaning"],
      HeadError.allCases.filter(\.isOfResponse).map { ["`\($0.code)`", "\($0.text)"] }))
    """
  }

  private static func codes() -> String {
    let errors = GatewayError.allCases.sorted {
      ($0.status, "\($0.code)") < ($1.status, "\($1.code)")
    }
    return MarkdownTable.text(
      ["Code", "Status", "gRPC", "Side", "Meaning", "Retry-After"],
      errors.map { error in
        [
          "`\(error.code)`", "\(error.status)", error.grpcStatus.name, error.row.side.rawValue,
          "\(error.row.title)",
          error.row.retryAfter.map { "\($0) s" } ?? "",
        ]
      })
  }

  private static func faults() -> String {
    let heads = HeadError.allCases.filter { !$0.isOfResponse }
      .map { ["`\($0.code)`", "\($0.text)", "\($0.status)"] }
    let paths = PathError.allCases.map { ["`\($0.code)`", "\($0.text)", "400"] }
    return MarkdownTable.text(["Fault", "Detail", "Status"], heads + paths)
  }
}

extension HeadError {
  /// Faults that only a target's response can have.
  fileprivate var isOfResponse: Bool {
    switch self {
    case .invalidStatusLine, .invalidStatus, .unexpectedSuccessToConnect, .bodyNotAllowed: true
    default: false
    }
  }
}
