/// Columns for a terminal: as wide as their widest text, numbers to the right.
struct TextTable {
  struct Column {
    let title: String
    var isRight = false

    init(_ title: String, isRight: Bool = false) {
      self.title = title
      self.isRight = isRight
    }
  }

  let columns: [Column]
  var rows: [[String]] = []

  /// One line each, the titles first.
  func lines() -> [String] {
    let all = [columns.map(\.title)] + rows
    let widths = columns.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
    return all.map { row in
      let cells = columns.indices.map { column in
        let padding = String(repeating: " ", count: widths[column] - row[column].count)
        return columns[column].isRight ? padding + row[column] : row[column] + padding
      }
      let line = cells.joined(separator: "  ")
      return String(line.reversed().drop { $0 == " " }.reversed())
    }
  }

  func text() -> String { lines().map { $0 + "\n" }.joined() }
}

/// Numbers as people read them.
enum Readable {
  /// `250ms`, `12s`, `3m05s`, `2h10m`, `4d3h`.
  static func time(_ seconds: Double) -> String {
    if seconds < 1 { return "\(Int(seconds * 1_000))ms" }
    let whole = Int(seconds)
    switch whole {
    case ..<60: return "\(whole)s"
    case ..<3_600: return "\(whole / 60)m\(padded(whole % 60))s"
    case ..<86_400: return "\(whole / 3_600)h\(padded(whole / 60 % 60))m"
    default: return "\(whole / 86_400)d\(whole / 3_600 % 24)h"
    }
  }

  /// `0.4ms`, `21ms`.
  static func latency(_ seconds: Double?) -> String {
    guard let seconds else { return "-" }
    let tenths = Int((seconds * 10_000).rounded())
    return tenths < 100 ? "\(tenths / 10).\(tenths % 10)ms" : "\(tenths / 10)ms"
  }

  /// `812`, `1.2k`, `35k`, `4.0M`.
  static func count(_ value: Double) -> String { scaled(value, 1_000, ["", "k", "M", "G", "T"]) }

  /// `812B`, `1.2KiB`, `35KiB`.
  static func bytes(_ value: Double) -> String {
    scaled(value, 1_024, ["B", "KiB", "MiB", "GiB", "TiB"])
  }

  private static func scaled(_ value: Double, _ base: Double, _ units: [String]) -> String {
    var value = max(0, value)
    var unit = 0
    while value >= base && unit < units.count - 1 {
      value /= base
      unit += 1
    }
    if unit == 0 || value >= 10 { return "\(Int(value.rounded()))\(units[unit])" }
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10)\(units[unit])"
  }

  private static func padded(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }

  /// What a stranger chose must not steer the terminal.
  static func safe(_ text: String) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.map { scalar in
          switch scalar.properties.generalCategory {
          case .control, .format, .surrogate, .lineSeparator, .paragraphSeparator: "\u{FFFD}"
          default: scalar
          }
        }))
  }
}
