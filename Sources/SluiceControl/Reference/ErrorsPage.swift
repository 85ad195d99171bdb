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

    Malformed and ambiguous requests are refused and the connection is closed; they are never
    repaired. The `detail` of the answer is one of these.

    \(faults())
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
    let heads = HeadError.allCases.filter { !$0.isOfResponse }.map { ("\($0.text)", $0.status) }
    let paths = PathError.allCases.map { ("\($0.text)", 400) }
    return MarkdownTable.text(
      ["Detail", "Status"], (heads + paths).map { [$0.0, "\($0.1)"] })
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
