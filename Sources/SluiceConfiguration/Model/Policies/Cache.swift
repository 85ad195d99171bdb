extension Configuration {
  /// Remembers responses and answers with them (RFC 9111).
  public struct Cache: PolicySettings {
    /// How long a response is fresh about which the target says nothing; 0 stores none of these.
    public var ttl = Timespan.milliseconds(0)
    /// The same for 404, 405, 410, 414, 451 and 501.
    public var negativeTtl = Timespan.milliseconds(0)
    /// How much of the time since Last-Modified counts as fresh, where nothing else says it.
    public var heuristicPercent = 0
    public var staleWhileRevalidate = Timespan.milliseconds(0)
    public var staleIfError = Timespan.milliseconds(0)
    public var maxObjectSize = ByteCount.mebibytes(1)
    public var maxVariants = 16
    public var key = CacheKey()
    /// How long requests wait for one that is under way; 0 for not at all.
    public var collapse = Timespan.seconds(5)
    public var shared = false
    public var ignoreCookies = false
    public var setCookie = SetCookie.refuse
    public var callerControl = false
    /// Of what may be stored only responses with one of these statuses, and with one of these values of
    /// Content-Type; all when empty.
    public var statuses: [Int] = []
    public var types: [String] = []
    /// What Cache-Status calls the gateway; empty for no such field.
    public var status = "sluice"
    /// How responses tell of the cache; `fields` in the file.
    public var fields = FieldStyle.standard
    public init() {}

    public enum FieldStyle: String, Codable, CaseIterable, Sendable { case standard, kong }

    public enum SetCookie: String, Codable, CaseIterable, Sendable { case refuse, strip }
  }

  /// What makes two requests different, besides host and path.
  public struct CacheKey: Codable, Equatable, Sendable {
    public var queryOnly: [String]?
    public var queryIgnored: [String] = []
    public var headers: [String] = []
    public init() {}
  }
}

extension Configuration.Cache {
  public static let policyName = "cache"
  public static let stage = PolicyStage.cache

  public static let schema = Schema(
    "Cache", of: Self(),
    "Remembers responses and answers with them, as RFC 9111 says for shared caches.",
    [
      Field(
        "ttl", .optionalDuration,
        "How long a response is fresh when the target says nothing; 0s stores only what it allows."),
      Field(
        "negativeTtl", .optionalDuration,
        "The same for the statuses 404, 405, 410, 414, 451 and 501."),
      Field(
        "heuristicPercent", .integer(0...50),
        "How much of the time since `Last-Modified` counts as fresh, up to a day, when nothing else says it."
      ),
      Field(
        "staleWhileRevalidate", .optionalDuration,
        "How long a stale response is still served while a new one is fetched, unless the target says it."
      ),
      Field(
        "staleIfError", .optionalDuration,
        "How long a stale response is served when the target fails, unless the target says it."),
      Field(
        "maxObjectSize", .byteCount(ByteCount(1)...(.mebibytes(65_536))),
        "Larger bodies are not stored; at most a sixteenth of `cacheStore.maxBytes`."),
      Field(
        "maxVariants", .integer(1...256), "Responses to one key that differ by what `Vary` names."),
      Field(
        "key", .object(Configuration.CacheKey.schema),
        "What makes two requests different, besides host and path."),
      Field(
        "collapse", .optionalDuration,
        "How long requests wait for one that is fetching the same; 0s lets each fetch for itself."),
      Field(
        "shared", .boolean,
        "Serves one consumer's responses to others, too; otherwise only those that the target calls public."
      ),
      Field(
        "ignoreCookies", .boolean,
        "Treats requests with cookies like others; otherwise they get only what the target calls public."
      ),
      Field(
        "setCookie", .choice(SetCookie.self),
        "Whether a response with `Set-Cookie` is not stored (refuse) or stored without that field (strip)."
      ),
      Field(
        "callerControl", .boolean,
        "Obeys `no-cache`, `max-age`, `min-fresh` and `max-stale` of requests; `no-store` and `only-if-cached` always count."
      ),
      Field(
        "statuses", .list(of: .integer(200...599)),
        "Of the responses that may be stored, only those with one of these statuses are; all when empty."
      ),
      Field(
        "types", .list(of: .text(.fieldValue)),
        "The same by the whole `Content-Type`, in any case: `application/json` is not `application/json; charset=utf-8`."
      ),
      Field(
        "status", .text(.pseudonym),
        "What `Cache-Status` calls the gateway; no such field when empty, with either of `fields`."),
      Field(
        "fields", .choice(FieldStyle.self),
        "How responses tell of the cache: `standard` by `Cache-Status`, `kong` by `X-Cache-Status` with `Hit`, `Miss`, `Refresh` or `Bypass`."
      ),
    ])

  public static let example = """
    version: 1
    listeners:
      web: {address: "127.0.0.1:8080"}
    services:
      time: {targets: ["http://127.0.0.1:9000"]}
    cacheStore: {maxBytes: 256MiB}
    routes:
      time:
        match: {path: /time}
        service: time
        policies:
          cache:
            ttl: 1s
            staleIfError: 1m
            key: {queryIgnored: [utm_source, utm_medium]}
    """

  public func check(_ check: inout PolicyCheck) {
    let most = check.configuration.cacheStore.maxObjectSize
    if maxObjectSize > most {
      check.error(
        "is more than a sixteenth of cacheStore.maxBytes, which is \(most.text)",
        at: "maxObjectSize", hint: "raise cacheStore.maxBytes")
    }
    if key.queryOnly != nil && !key.queryIgnored.isEmpty {
      check.error("has both 'queryOnly' and 'queryIgnored'", at: "key")
    }
    for (index, name) in key.headers.enumerated()
    where ["authorization", "cookie", "host"].contains(name.lowercased()) {
      check.error(
        "\(name) can't be a part of the key", at: "key", "headers", "\(index)",
        hint: "host is one; who calls is told apart by the consumer")
    }
  }
}

extension Configuration.CacheKey {
  static let schema = Schema(
    "CacheKey", of: Self(), "What makes two requests different, besides host and path.",
    [
      Field(
        "queryOnly", .list(of: .text(.parameterName)),
        "Only these parameters of the query count; the others are not sent to the target. All when absent."
      ),
      Field(
        "queryIgnored", .list(of: .text(.parameterName)),
        "These parameters of the query don't count and are not sent to the target."),
      Field(
        "headers", .list(of: .text(.fieldName)),
        "Request fields that count, besides those that a response names in `Vary`."),
    ])
}
