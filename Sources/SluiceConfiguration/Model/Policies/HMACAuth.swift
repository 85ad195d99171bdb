extension Configuration {
  /// Finds the consumer by a signature over parts of the request.
  public struct HMACAuth: PolicySettings {
    public enum Algorithm: String, Codable, CaseIterable, Sendable {
      case sha256 = "hmac-sha256"
      case sha384 = "hmac-sha384"
      case sha512 = "hmac-sha512"
    }

    public var algorithms: [Algorithm] = [.sha256, .sha384, .sha512]
    /// What every signature must cover.
    public var require = ["date", "request-line"]
    public var clockSkew = Timespan.seconds(300)
    /// The body must be as its Digest or Content-Digest field says, which the signature must cover.
    public var body = false
    public var maxBodySize = ByteCount.mebibytes(1)
    public var hide = true
    public var realm = ""
    public init() {}
  }
}

extension Configuration.HMACAuth {
  public static let policyName = "hmac-auth"
  public static let stage = PolicyStage.identify

  public static let schema = Schema(
    "HMACAuth", of: Self(),
    "Finds the consumer by an HMAC over parts of the request: `Authorization: hmac username=\"…\", algorithm=\"hmac-sha256\", headers=\"date request-line\", signature=\"…\"`. Who has none or a wrong one gets 401.",
    [
      Field(
        "algorithms", .list(of: .choice(Algorithm.self), atLeast: 1), "The HMACs that count."),
      Field(
        "require", .list(of: .text(.fieldName)),
        "What every signature must cover: names of fields, and `request-line` for method, target and version as sent. `x-date` in the place of `date` counts as both."
      ),
      Field(
        "clockSkew", .duration,
        "How far `X-Date` or `Date` may be from now; a request that was overheard can be sent again for so long."
      ),
      Field(
        "body", .boolean,
        "Reads the whole body and compares it with `Content-Digest: sha-256=:…:` (RFC 9530) or, where `require` names that, `Digest: SHA-256=…` (RFC 3230); one of them must be in `require`."
      ),
      Field(
        "maxBodySize", .byteCount(ByteCount(0)...(.mebibytes(64))),
        "The largest body that is read for that; larger ones get 413."),
      Field("hide", .boolean, "Takes `Authorization` out of what targets get."),
      Field("realm", .text(.fieldText), "The realm that a 401 names; none when empty."),
    ])

  public static let example = """
    version: 1
    listeners:
      web: {address: "127.0.0.1:8080"}
    services:
      time: {targets: ["http://127.0.0.1:9000"]}
    consumers:
      alice:
        credentials:
          - hmac-auth: {username: alice, secret: "${env:CLIENT_SECRET}"}
    routes:
      time:
        match: {path: /time}
        service: time
        policies:
          hmac-auth: {require: [date, request-line, content-digest], body: true}
    """

  public func check(_ check: inout PolicyCheck) {
    let names = require.map { $0.lowercased() }
    if !names.contains("date") && !names.contains("x-date") {
      check.warning(
        "signatures without a date are good for ever", at: "require", hint: "add date")
    }
    if body && !names.contains("digest") && !names.contains("content-digest") {
      check.error(
        "a body that the signature does not cover can be changed together with its digest",
        at: "body", hint: "add content-digest or digest to require")
    }
  }
}
