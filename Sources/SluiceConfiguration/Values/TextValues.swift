/// A value that the file writes as one piece of text (or a plain number).
public protocol TextValue: Codable, Sendable {
  /// Reads the text; nil when it is no such value.
  init?(text: String)
  var text: String { get }
}

extension TextValue {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text =
      try (try? container.decode(Int.self)).map(String.init) ?? container.decode(String.self)
    guard let value = Self(text: text) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "not valid: \(text)")
    }
    self = value
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }
}

extension Timespan: TextValue {
  private static let units: [(suffix: String, nanoseconds: Int64)] = [
    ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000),
    ("us", 1_000),
  ]

  public init?(text: String) {
    var total: Int64 = 0
    var rest = Substring(text)
    guard !rest.isEmpty else { return nil }
    // Each unit at most once, the larger first.
    var units = Self.units[...]
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isASCII && $0.isNumber }
      rest = rest.dropFirst(digits.count)
      let suffix = rest.prefix { $0.isLetter }
      rest = rest.dropFirst(suffix.count)
      guard let count = Int64(digits),
        let index = units.firstIndex(where: { $0.suffix == suffix })
      else { return nil }
      let unit = units[index]
      units = units[(index + 1)...]
      let (product, overflow) = count.multipliedReportingOverflow(by: unit.nanoseconds)
      let (sum, overflowToo) = total.addingReportingOverflow(product)
      guard !overflow, !overflowToo else { return nil }
      total = sum
    }
    self.init(nanoseconds: total)
  }

  public var text: String {
    var rest = nanoseconds
    var text = ""
    for unit in Self.units where rest >= unit.nanoseconds {
      text += "\(rest / unit.nanoseconds)\(unit.suffix)"
      rest %= unit.nanoseconds
    }
    return text.isEmpty ? "0s" : text
  }
}

extension ByteCount: TextValue {
  private static let units: [(suffix: String, bytes: Int)] = [
    ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10),
    ("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1_000), ("B", 1), ("", 1),
  ]

  public init?(text: String) {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard let count = Int(digits),
      let unit = Self.units.first(where: { $0.suffix == text.dropFirst(digits.count) })
    else { return nil }
    let (bytes, overflow) = count.multipliedReportingOverflow(by: unit.bytes)
    guard !overflow else { return nil }
    self.init(bytes)
  }

  public var text: String {
    for unit in Self.units where bytes >= unit.bytes && bytes % unit.bytes == 0 {
      return "\(bytes / unit.bytes)\(unit.suffix)"
    }
    return "\(bytes)B"
  }
}

extension Configuration.WorkerCount: TextValue {
  public init?(text: String) {
    if text == "auto" {
      self = .automatic
    } else if let count = Int(text), count > 0 {
      self = .count(count)
    } else {
      return nil
    }
  }

  public var text: String {
    switch self {
    case .automatic: "auto"
    case .count(let count): String(count)
    }
  }
}

extension Configuration.HashKey: TextValue {
  public init?(text: String) {
    switch text {
    case "address": self = .address
    case "path": self = .path
    case "consumer": self = .consumer
    default:
      let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
      switch (parts.first, parts.count) {
      case ("query", 2): self = .parameter(parts[1])
      case ("capture", 2): self = .capture(parts[1])
      default:
        guard let key = FieldKey(text: text) else { return nil }
        self = .field(key)
      }
    }
  }

  public var text: String {
    switch self {
    case .address: "address"
    case .path: "path"
    case .consumer: "consumer"
    case .field(let key): key.text
    case .parameter(let name): "query:\(name)"
    case .capture(let name): "capture:\(name)"
    }
  }
}

extension Configuration.HostField: TextValue {
  public init?(text: String) {
    switch text {
    case "": return nil
    case "preserve": self = .preserve
    case "target": self = .target
    default: self = .literal(text)
    }
  }

  public var text: String {
    switch self {
    case .preserve: "preserve"
    case .target: "target"
    case .literal(let name): name
    }
  }
}

extension Configuration.Target: Codable {
  private enum CodingKeys: CodingKey { case url, weight, backup }

  public init(from decoder: any Decoder) throws {
    if let url = try? decoder.singleValueContainer().decode(String.self) {
      self.init(url: url)
    } else {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      self.init(
        url: try container.decode(String.self, forKey: .url),
        weight: try container.decodeIfPresent(Int.self, forKey: .weight) ?? 1,
        backup: try container.decodeIfPresent(Bool.self, forKey: .backup) ?? false)
    }
  }

  public func encode(to encoder: any Encoder) throws {
    if weight == 1, !backup {
      var container = encoder.singleValueContainer()
      try container.encode(url)
    } else {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(url, forKey: .url)
      try container.encode(weight, forKey: .weight)
      if backup { try container.encode(backup, forKey: .backup) }
    }
  }
}
