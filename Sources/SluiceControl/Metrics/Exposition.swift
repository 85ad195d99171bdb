import SluiceWire

/// Writes the Prometheus text format, version 0.0.4.
struct Exposition: ~Copyable {
  static let contentType: StaticString = "text/plain; version=0.0.4; charset=utf-8"

  private var output = ByteBuffer(capacity: 16 * 1_024)
  private var family: MetricFamily?

  init() {}

  /// The samples that follow are of this family; each family comes once.
  mutating func begin(_ family: MetricFamily) {
    self.family = family
    output.append(utf8: "# HELP \(family.name) \(Self.escape(family.help, quotes: false))\n")
    output.append(utf8: "# TYPE \(family.name) \(family.kind.rawValue)\n")
  }

  mutating func sample(_ labels: String..., value: UInt64) { sample(labels, text: String(value)) }

  mutating func sample(_ labels: String..., value: Int) { sample(labels, text: String(value)) }

  mutating func sample(_ labels: String..., value: Double) { sample(labels, text: "\(value)") }

  /// `counts` has one more element than `bounds`: what is above all of them.
  mutating func histogram(
    _ labels: String..., counts: ArraySlice<UInt64>, bounds: [Double], sum: Double
  ) {
    precondition(counts.count == bounds.count + 1)
    var total: UInt64 = 0
    for (count, bound) in zip(counts, bounds) {
      total += count
      sample(labels, suffix: "_bucket", bound: "\(bound)", text: String(total))
    }
    total += counts.last ?? 0
    sample(labels, suffix: "_bucket", bound: "+Inf", text: String(total))
    sample(labels, suffix: "_sum", text: "\(sum)")
    sample(labels, suffix: "_count", text: String(total))
  }

  private mutating func sample(
    _ values: [String], suffix: String = "", bound: String? = nil, text: String
  ) {
    guard let family else { preconditionFailure("a sample needs a family") }
    precondition(values.count == family.labels.count, family.name)
    var pairs = zip(family.labels, values).map { "\($0)=\"\(Self.escape($1, quotes: true))\"" }
    if let bound { pairs.append("le=\"\(bound)\"") }
    let labels = pairs.isEmpty ? "" : "{\(pairs.joined(separator: ","))}"
    output.append(utf8: "\(family.name)\(suffix)\(labels) \(text)\n")
  }

  consuming func bytes() -> [UInt8] { output.copiedBytes() }

  private static func escape(_ text: String, quotes: Bool) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\"" where quotes: result += "\\\""
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
