/// Regular expressions as routes take them, for who checks a configuration.
public enum RegexSyntax {
  /// What is wrong with a pattern, nil when routes take it.
  public static func problem(in pattern: String) -> String? {
    do throws(RegexSet.PatternError) {
      _ = try RegexSet().add(pattern)
      return nil
    } catch {
      return "\(error.message) at character \(error.offset + 1)"
    }
  }
}
