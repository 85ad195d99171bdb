extension Configuration {
  /// What becomes of the claims about a caller.
  public struct ClaimUse: Codable, Equatable, Sendable {
    /// The claim that holds the consumer's name; none when empty.
    public var consumer = ""
    /// The claim that holds the groups, as a list or as words with spaces between them.
    public var groups = ""
    /// Field of the request to the target → claim.
    public var headers: [String: String] = [:]
    /// The claims that are kept with the caller; all when empty.
    public var keep: [String] = []
    public init() {}
  }
}

extension Configuration.ClaimUse {
  static let schema = Schema(
    "ClaimUse", of: Self(), "What becomes of the claims about a caller.",
    [
      Field(
        "consumer", .text(.optionalReference),
        "The claim that holds the consumer's name; none when empty."),
      Field(
        "groups", .text(.optionalReference),
        "The claim that holds the caller's groups, a list or words with spaces between them; none when empty. They come on top of those of the consumer."
      ),
      Field(
        "headers", .map(keys: .fieldName, of: .text(.entityReference), atLeast: 0),
        "Fields that targets get, each with the claim that it holds; what callers send under their names is dropped."
      ),
      Field(
        "keep", .list(of: .text(.entityReference)),
        "The claims that other policies can see; all when empty."),
    ])
}
