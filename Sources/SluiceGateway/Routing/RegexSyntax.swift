internal import SluiceConfiguration

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

  /// What is wrong with the first of these that is none, wherever they may match.
  static func problem(inEachOf patterns: [String]) -> String? {
    let set = RegexSet()
    for (index, pattern) in patterns.enumerated() {
      do throws(RegexSet.PatternError) {
        _ = try set.add(pattern, isAnchored: false)
      } catch {
        // The text may come from a reference, and is not shown.
        return "regular expression \(index + 1) is none: \(error.message) at character "
          + "\(error.offset + 1)"
      }
    }
    return nil
  }

  /// What is wrong with a pattern, or with the groups of it that these texts hold; nil for nothing.
  static func problem(
    in pattern: String, _ key: String = "regex", groupsIn texts: [String?]
  ) -> String? {
    if let problem = problem(in: pattern) { return "\(key): \(problem)" }
    let count = groups(in: pattern)
    for case let text? in texts {
      if let largest = GroupReference.largest(in: text), largest > count {
        return "$\(largest) is no group of \(key), which has \(count)"
      }
    }
    return nil
  }

  /// How many groups a pattern has; 0 for one that routes don't take.
  static func groups(in pattern: String) -> Int {
    let set = RegexSet()
    return (try? set.add(pattern)).map { set.groupCount($0) } ?? 0
  }
}
