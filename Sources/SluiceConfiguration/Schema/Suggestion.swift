/// "Did you mean …".
public enum Suggestion {
  /// The candidate that is nearest to the text, if it is near enough to be a typing mistake.
  static func nearest(to text: String, among candidates: some Sequence<String>) -> String? {
    guard text.utf8.count <= 64 else { return nil }
    let bytes = Array(text.lowercased().utf8)
    let limit = max(1, bytes.count / 3)
    var best: (distance: Int, candidate: String)?
    for candidate in candidates where abs(candidate.utf8.count - bytes.count) <= limit {
      let distance = distance(bytes, Array(candidate.lowercased().utf8))
      if distance <= limit, distance < best?.distance ?? .max { best = (distance, candidate) }
    }
    return best?.candidate
  }

  /// A hint with the nearest candidate, if one is near.
  public static func hint(for text: String, among candidates: some Sequence<String>) -> String? {
    nearest(to: text, among: candidates).map { "did you mean '\($0)'?" }
  }

  /// Insertions, deletions, substitutions and swaps of neighbours that turn one into the other.
  static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var beforePrevious: [Int] = []
    var previous = Array(0...right.count)
    for (row, leftByte) in left.enumerated() {
      var current = [row + 1]
      for (column, rightByte) in right.enumerated() {
        var cost = min(previous[column + 1], current[column]) + 1
        cost = min(cost, previous[column] + (leftByte == rightByte ? 0 : 1))
        if row > 0, column > 0, leftByte == right[column - 1], left[row - 1] == rightByte {
          cost = min(cost, beforePrevious[column - 1] + 1)
        }
        current.append(cost)
      }
      beforePrevious = previous
      previous = current
    }
    return previous[right.count]
  }
}
