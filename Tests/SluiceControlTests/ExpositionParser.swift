/// A strict reader of the Prometheus text format 0.0.4, for tests.
struct ExpositionParser {
  struct Sample {
    let name: String
    let labels: [String: String]
    let value: Double
  }

  struct Family {
    let name: String
    var help: String
    var kind: String
    var samples: [Sample] = []
  }

  struct Failure: Error, CustomStringConvertible { let description: String }

  private(set) var families: [Family] = []

  subscript(name: String) -> Family? { families.first { $0.name == name } }

  /// The value of the only sample that has these labels.
  func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
    let family = families.first { name == $0.name || name.hasPrefix($0.name + "_") }
    let found = family?.samples.filter { sample in
      sample.name == name && labels.allSatisfy { sample.labels[$0.key] == $0.value }
    }
    return found?.count == 1 ? found?[0].value : nil
  }

  init(_ text: String) throws {
    guard text.hasSuffix("\n") else { throw Failure(description: "no line feed at the end") }
    for line in text.dropLast().split(separator: "\n", omittingEmptySubsequences: false) {
      try read(line)
    }
    for family in families { try Self.check(family) }
  }

  private mutating func read(_ line: Substring) throws {
    if line.hasPrefix("# HELP ") {
      let parts = line.dropFirst(7).split(separator: " ", maxSplits: 1)
      guard parts.count == 2, self[String(parts[0])] == nil else {
        throw Failure(description: "HELP without text or twice: \(line)")
      }
      families.append(Family(name: String(parts[0]), help: String(parts[1]), kind: ""))
    } else if line.hasPrefix("# TYPE ") {
      let parts = line.dropFirst(7).split(separator: " ")
      guard parts.count == 2, let last = families.last, last.name == parts[0], last.kind.isEmpty,
        ["counter", "gauge", "histogram"].contains(parts[1])
      else { throw Failure(description: "TYPE without HELP before it, or twice: \(line)") }
      families[families.count - 1].kind = String(parts[1])
    } else {
      let sample = try Self.sample(line)
      guard let last = families.last, !last.kind.isEmpty,
        Self.names(of: last).contains(sample.name)
      else { throw Failure(description: "a sample of another family: \(line)") }
      families[families.count - 1].samples.append(sample)
    }
  }

  private static func names(of family: Family) -> [String] {
    family.kind == "histogram"
      ? ["_bucket", "_sum", "_count"].map { family.name + $0 } : [family.name]
  }

  private static func sample(_ line: Substring) throws -> Sample {
    var rest = line
    let name = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == ":") }
    rest = rest.dropFirst(name.count)
    guard let first = name.first, !first.isNumber else { throw Failure(description: "\(line)") }
    var labels: [String: String] = [:]
    if rest.first == "{" {
      repeat {
        rest = rest.dropFirst()
        let key = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
        rest = rest.dropFirst(key.count)
        guard !key.isEmpty, rest.hasPrefix("=\""), labels[String(key)] == nil else {
          throw Failure(description: "a label without name or twice: \(line)")
        }
        rest = rest.dropFirst(2)
        labels[String(key)] = try value(&rest)
      } while rest.first == ","
      guard rest.first == "}" else { throw Failure(description: "labels don't end: \(line)") }
      rest = rest.dropFirst()
    }
    guard rest.first == " ", let number = Double(rest.dropFirst()) else {
      throw Failure(description: "no number at the end: \(line)")
    }
    return Sample(name: String(name), labels: labels, value: number)
  }

  /// A label's value up to and with its quote.
  private static func value(_ rest: inout Substring) throws -> String {
    var text = ""
    while let next = rest.popFirst() {
      if next == "\"" { return text }
      guard next == "\\" else {
        text.append(next)
        continue
      }
      switch rest.popFirst() {
      case "n": text.append("\n")
      case "\\": text.append("\\")
      case "\"": text.append("\"")
      default: throw Failure(description: "an escape that does not exist")
      }
    }
    throw Failure(description: "a value does not end")
  }

  private static func check(_ family: Family) throws {
    if family.kind.isEmpty { throw Failure(description: "\(family.name) has no TYPE") }
    if family.kind == "counter", !family.name.hasSuffix("_total") {
      throw Failure(description: "\(family.name) is a counter without _total")
    }
    let identities = family.samples.map { "\($0.name)\($0.labels.sorted { $0.key < $1.key })" }
    if Set(identities).count != identities.count {
      throw Failure(description: "\(family.name) has a sample twice")
    }
    if family.kind == "histogram" { try checkHistogram(family) }
  }

  /// Buckets are cumulative, in order, and end in +Inf, which is the count.
  private static func checkHistogram(_ family: Family) throws {
    let series = Dictionary(grouping: family.samples) { sample in
      var labels = sample.labels
      labels["le"] = nil
      return "\(labels.sorted { $0.key < $1.key })"
    }
    for samples in series.values {
      let buckets = samples.filter { $0.name.hasSuffix("_bucket") }
      let bounds = buckets.compactMap { $0.labels["le"].flatMap(Double.init) }
      let counts = buckets.map(\.value)
      let total = samples.first { $0.name.hasSuffix("_count") }?.value
      guard bounds.count == buckets.count, bounds == bounds.sorted(), bounds.last == .infinity,
        counts == counts.sorted(), counts.last == total,
        samples.contains(where: { $0.name.hasSuffix("_sum") })
      else { throw Failure(description: "\(family.name) has buckets that don't fit") }
    }
  }
}
