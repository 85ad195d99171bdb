extension TextForm {
  /// Media types without parameters; what matches them is a `MediaTypeSet` of the gateway.
  public static let mediaType = TextForm(
    "a media type", examples: ["application/json", "text/*", "*+json"],
    check: { text in
      if text.hasPrefix("*+") {
        return isToken(String(text.dropFirst(2))) ? nil : TextProblem("a suffix is a token")
      }
      let parts = text.split(separator: "/", omittingEmptySubsequences: false)
      guard parts.count == 2, isToken(String(parts[0])), parts[0] != "*",
        isToken(String(parts[1]))
      else {
        return TextProblem(
          "", hint: "write type/subtype, type/* or *+suffix, without parameters")
      }
      return nil
    })
}
