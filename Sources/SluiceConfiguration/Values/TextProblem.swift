/// Why a text is not the value it should be. Never repeats the text itself: it may be a secret.
public struct TextProblem: Error, Equatable, Sendable {
  public var reason: String
  public var hint: String?

  public init(_ reason: String, hint: String? = nil) {
    self.reason = reason
    self.hint = hint
  }
}
