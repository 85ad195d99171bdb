import SluiceWire

extension Configuration {
  /// Compresses responses for callers that accept it (RFC 9110 8.4, 12.5.3).
  public struct Compression: PolicySettings {
    /// The most preferred first; what a caller prefers counts more.
    public var encodings = [Encoding.zstd, .br, .gzip]
    /// From fast to small, the same scale for all encodings.
    public var level = 5
    /// Of a body whose length is known.
    public var minSize = ByteCount(1_024)
    public var types = Self.textTypes
    /// Compresses streams of events, too.
    public var events = false
    /// What compressors may take at a time, on one worker and for one place that sets the policy.
    public var memory = ByteCount.mebibytes(64)
    public init() {}

    public enum Encoding: String, Codable, CaseIterable, Sendable { case zstd, br, gzip }

    static let textTypes = [
      "text/*", "application/json", "*+json", "application/xml", "*+xml",
      "application/javascript", "application/x-javascript", "application/graphql",
      "application/yaml", "application/wasm", "font/otf", "font/ttf",
      "application/vnd.ms-fontobject",
    ]
  }
}

extension Configuration.Compression {
  public static let policyName = "compression"
  /// The first of the stage, so that a response meets it when all else has been done to it.
  public static let stage = PolicyStage.transform

  public static let schema = Schema(
    "Compression", of: Self(),
    "Compresses responses for callers whose `Accept-Encoding` allows it. Left as they are: what is encoded already or `no-transform`, parts (206), and responses with a digest of their content. An entity tag becomes a weak one.",
    [
      Field(
        "encodings", .list(of: .choice(Encoding.self), atLeast: 1),
        "What is offered, the most preferred first; among those a caller wants equally the order decides."
      ),
      Field(
        "level", .integer(1...9), "From fast (1) to small (9); the scale of every encoding."),
      Field(
        "minSize", .byteCount(ByteCount(0)...(.mebibytes(1_024))),
        "Bodies known to be smaller are left as they are."),
      Field(
        "types", .list(of: .text(.mediaType), atLeast: 1),
        "What is compressed: `type/subtype`, `type/*` or `*+suffix`."),
      Field(
        "events", .boolean,
        "Compresses `text/event-stream`, too; each piece is then flushed, so that no event waits."),
      Field(
        "memory", .byteCount(.mebibytes(4)...(.mebibytes(65_536))),
        "What compressors may take at a time, on each worker and for each place that sets the policy: 0.3 MiB for gzip, 1.5 MiB for zstd, 2.6 MiB for br. Responses beyond it are left as they are."
      ),
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
          compression: {encodings: [zstd, gzip], minSize: 512B}
    """
}
