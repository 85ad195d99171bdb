extension Configuration {
  /// Which messages a caller may send, by its groups.
  public struct MessageAuthorization: Codable, Equatable, Sendable {
    /// Leads to the text in a JSON message that says what it asks for.
    public var key = ""
    /// Groups by that text; `*` is everybody.
    public var allow: [String: [String]] = [:]
    /// Who may send messages that ask for something else, or for nothing.
    public var otherwise: [String] = []
    public var action = RefusalAction.refuse
    public init() {}
  }

  /// What happens to a message that its sender may not send.
  public enum RefusalAction: String, Codable, CaseIterable, Sendable { case refuse, close }
}

// MARK: Tables

extension Configuration.MessageAuthorization {
  static let schema = Schema(
    "MessageAuthorization", of: Self(),
    "Which messages a caller may send, by its groups as they are now: a reload that takes a group away applies to the next message.",
    [
      Field(
        "key", .text(.jsonPath),
        "Leads to the text in a JSON message that says what it asks for, as `$.action`. Of binary messages, too.",
        isRequired: true),
      Field(
        "allow", .map(keys: .any, of: .list(of: .text(.groupOrAll)), atLeast: 0),
        "By that text, the groups that may send such messages; `*` is everybody."),
      Field(
        "otherwise", .list(of: .text(.groupOrAll)),
        "The groups that may send messages with another text, or none; nobody unless set. A message that is no JSON, or has the key twice, is always refused."
      ),
      Field(
        "action", .choice(Configuration.RefusalAction.self),
        "What happens to the others: `refuse` drops the message and tells the caller by a message `{\"type\":\"error\",\"code\":\"message-forbidden\"…}`; `close` ends the session with 1008."
      ),
    ])
}

extension TextForm {
  static let groupOrAll = TextForm(
    "a group or *", reason: "write a group's name, or * for everybody",
    accepts: { $0 == "*" || entityName.check($0) == nil })
}
