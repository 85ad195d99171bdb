extension Configuration {
  /// A credential in the first message of a WebSocket, for browsers, which can set no fields on a
  /// handshake.
  public struct FirstMessage: Codable, Equatable, Sendable {
    /// Leads to it in a JSON message; without, the whole message is the credential.
    public var path: String?
    /// From the handshake to the whole message.
    public var timeout = Timespan.seconds(5)
    public var maxSize = ByteCount.kibibytes(8)
    public init() {}
  }
}

extension Configuration.FirstMessage {
  static let schema = Schema(
    "FirstMessage", of: Self(),
    "A credential in the first message of a WebSocket. The gateway accepts the handshake itself, and asks the target when it knows who calls; the message goes no further. Who is refused gets a close frame, 4401 or 4403. Not asked for where `anonymous` lets callers pass.",
    [
      Field(
        "path", .text(.jsonPath),
        "Leads to the credential, a string, in a JSON message; without it the whole message is the credential."
      ),
      Field("timeout", .duration, "From the handshake to the whole message."),
      Field(
        "maxSize", .byteCount(ByteCount(16)...(.kibibytes(64))),
        "The largest first message; a larger one ends the connection with 1009."),
    ])

  /// The field of the policies that have it.
  static let field = Field(
    "firstMessage", .object(schema),
    "Looks for it in the first message of a WebSocket, when it is nowhere in the handshake.")
}
