extension Configuration {
  /// Finds the consumer by an API key that the caller sends.
  public struct KeyAuth: PolicySettings {
    /// The header fields, query parameters and cookies that may hold the key.
    public var names = ["apikey"]
    public var header = true
    public var query = true
    public var cookie = false
    /// A `Sec-WebSocket-Protocol` entry `<name>.<key>`: browsers can't set header fields on a handshake.
    public var subprotocol = false
    /// Looks into the body, too: a form, or a JSON object.
    public var body = false
    public var maxBodySize = ByteCount.kibibytes(64)
    /// Whether requests with OPTIONS need a key, too.
    public var preflight = true
    public var firstMessage: FirstMessage?
    /// Takes the key out of what targets get.
    public var hide = true
    public var realm = ""
    public init() {}
  }
}

extension Configuration.KeyAuth {
  public static let policyName = "key-auth"
  public static let stage = PolicyStage.identify

  public static let schema = Schema(
    "KeyAuth", of: Self(),
    "Finds the consumer by an API key; who has none or a wrong one gets 401.",
    [
      Field(
        "names", .list(of: .text(.fieldName), atLeast: 1),
        "Names of the header field, query parameter or cookie that holds the key; the first found counts."
      ),
      Field("header", .boolean, "Looks for it among the header fields."),
      Field("query", .boolean, "Looks for it in the query."),
      Field("cookie", .boolean, "Looks for it among the cookies."),
      Field(
        "subprotocol", .boolean,
        "Looks for an entry `<name>.<key>` of `Sec-WebSocket-Protocol`, for browsers, which can set no fields on a handshake."
      ),
      Field(
        "body", .boolean,
        "Looks for it in the body, when it is nowhere else: a field of a form (`application/x-www-form-urlencoded`) or a text of a JSON object. `hide` takes it out there if it was found there; what is left of the body goes on as it came."
      ),
      Field(
        "maxBodySize", .byteCount(ByteCount(1)...(.mebibytes(16))),
        "Larger bodies of these types get 413, where `body` is set and the key is nowhere else."),
      Field(
        "preflight", .boolean,
        "Whether requests with `OPTIONS` need a key; without, they pass unknown, and what they send as a key is not looked at."
      ),
      Configuration.FirstMessage.field,
      Field("hide", .boolean, "Takes the key out of what targets get."),
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
        groups: [partners]
        credentials: [{key-auth: "${env:ALICE_KEY}"}]
    routes:
      time:
        match: {path: /time}
        service: time
        policies:
          key-auth: {names: [X-Api-Key], query: false}
    """

  public func check(_ check: inout PolicyCheck) {
    if !header && !query && !cookie && !subprotocol && !body && firstMessage == nil {
      check.error(
        "looks nowhere for the key",
        hint: "set one of header, query, cookie, subprotocol and body to true, or firstMessage")
    }
  }
}
