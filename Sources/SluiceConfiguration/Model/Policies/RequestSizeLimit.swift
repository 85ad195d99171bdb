extension Configuration {
  /// How large the body of a request may be.
  public struct RequestSizeLimit: PolicySettings {
    public var maxSize = ByteCount.mebibytes(1)
    /// Refuses bodies whose length is not said beforehand.
    public var requireLength = false
    public init() {}
  }
}

extension Configuration.RequestSizeLimit {
  public static let policyName = "request-size-limit"
  public static let stage = PolicyStage.limit

  public static let schema = Schema(
    "RequestSizeLimit", of: Self(),
    "Limits the body of a request, for some callers otherwise than for all; a larger one gets 413, at once when `Content-Length` says so. A route's `maxBodySize` holds, too.",
    [
      Field(
        "maxSize", .byteCount(ByteCount(0)...ByteCount(1 << 40)), "The largest body that may pass."),
      Field(
        "requireLength", .boolean,
        "Answers 411 to a body whose length is not said by `Content-Length`."),
    ])

  public static let example = """
    version: 1
    listeners:
      web: {address: "127.0.0.1:8080"}
    services:
      upload: {targets: ["http://127.0.0.1:9000"]}
    consumers:
      alice:
        credentials: [{key-auth: "${env:ALICE_KEY}"}]
        policies:
          request-size-limit: {maxSize: 100MiB}
    routes:
      upload:
        match: {path: /upload}
        service: upload
        policies:
          key-auth: {}
          request-size-limit: {maxSize: 10MiB, requireLength: true}
    """
}
