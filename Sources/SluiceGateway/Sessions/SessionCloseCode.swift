/// Close codes as metrics count them, a closed set whatever peers send: those of RFC 6455 7.4.1 and its
/// registry by number, the ranges of applications as one each.
public enum SessionCloseCode {
  private static let numbers: [UInt16] = [
    1_000, 1_001, 1_002, 1_003, 1_005, 1_006, 1_007, 1_008, 1_009, 1_010, 1_011, 1_012, 1_013,
    1_014,
  ]

  /// How many there are.
  public static let count = numbers.count + 3

  /// The place of a code among them.
  public static func index(of code: UInt16) -> Int {
    if let index = numbers.firstIndex(of: code) { return index }
    switch code {
    case 3_000...3_999: return numbers.count
    case 4_000...4_999: return numbers.count + 1
    default: return numbers.count + 2
    }
  }

  /// What stands in the metric's label for the code at `index`, which is below `count`.
  public static func label(_ index: Int) -> String {
    if index < numbers.count { return "\(numbers[index])" }
    return ["3xxx", "4xxx", "other"][index - numbers.count]
  }
}
