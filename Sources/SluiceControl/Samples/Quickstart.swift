/// The configuration that `sluice demo` runs, the text of examples/quickstart/sluice.yaml.
///
/// Part of the binary, so that the demo needs nothing but it; a test keeps the two the same.
public enum Quickstart {
  public static let path = "examples/quickstart/sluice.yaml"
  public static let text = #"""
    # What `sluice demo` runs: a time service and a stream of stock quotes behind one gateway.
    #
    #   curl -i http://127.0.0.1:8080/time
    version: 1

    listeners:
      web: {address: "127.0.0.1:8080"}

    # Health and metrics, for this machine only.
    admin: {address: "127.0.0.1:9901"}

    # The sample services run in the demo's own process; elsewhere DNS would answer for these names.
    hosts:
      time-service.internal: ["127.0.0.1"]
      stocks-service.internal: ["127.0.0.1"]

    services:
      time-service:
        targets: ["http://time-service.internal:8081"]
      stocks-service:
        targets: ["http://stocks-service.internal:8082"]

    routes:
      time:
        match: {path: /time, methods: [GET]}
        service: time-service
      stocks:
        kind: websocket
        match: {path: /stocks}
        service: stocks-service
        connection: {connectTimeout: 7s, idleTimeout: 24h}

    # For every route.
    policies:
      request-id: {}

    """#
}
