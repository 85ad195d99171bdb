/// Content codings that responses can be given (RFC 9110 8.4.1, RFC 7932, RFC 8878).
public enum ContentCoding: String, CaseIterable, Sendable {
  case gzip, br, zstd
}

/// What Accept-Encoding says (RFC 9110 12.5.3).
///
/// `add` takes the value of each such field. What breaks the syntax makes the whole malformed, and then
/// nothing but identity is acceptable. A coding that is named twice has the lower of its weights.
public struct AcceptEncoding: Equatable, Sendable {
  /// In thousandths, by the coding's place in `allCases`.
  private var weights: [UInt16?] = [nil, nil, nil]
  private var identity: UInt16?
  private var any: UInt16?
  public private(set) var isMalformed = false

  public init() {}

  /// Those of `codings` that may be used, the most wanted first; among equals the order is that of
  /// `codings`. A coding that the caller wants less than none at all is not among them.
  public func acceptable(among codings: [ContentCoding]) -> [ContentCoding] {
    if isMalformed { return [] }
    let least = identity ?? 1
    let weighted = codings.enumerated().map { ($0, $1, weight(of: $1)) }
      .filter { $0.2 > 0 && $0.2 >= least }
    return weighted.sorted { $0.2 == $1.2 ? $0.0 < $1.0 : $0.2 > $1.2 }.map { $0.1 }
  }

  /// In thousandths; 0 for one that must not be used.
  public func weight(of coding: ContentCoding) -> UInt16 {
    isMalformed ? 0 : weights[Self.place(coding)] ?? any ?? 0
  }

  private static func place(_ coding: ContentCoding) -> Int {
    switch coding {
    case .gzip: 0
    case .br: 1
    case .zstd: 2
    }
  }

  /// Reads one field's value.
  public mutating func add(_ value: Span<UInt8>) {
    var at = 0
    while !isMalformed {
      while at < value.count, value[at] == 0x2C || FieldSyntax.isWhitespace(value[at]) { at &+= 1 }
      if at == value.count { return }
      let start = at
      let token = ByteSet.token
      while at < value.count, token.contains(value[at]) { at &+= 1 }
      let name = start..<at
      guard !name.isEmpty, let weight = Self.weight(value, &at),
        at == value.count || value[at] == 0x2C
      else {
        isMalformed = true
        return
      }
      set(value.extracting(name), weight)
    }
  }

  private mutating func set(_ name: Span<UInt8>, _ weight: UInt16) {
    if name.equalsIgnoringCase("gzip") || name.equalsIgnoringCase("x-gzip") {
      weights[0] = min(weights[0] ?? weight, weight)
    } else if name.equalsIgnoringCase("br") {
      weights[1] = min(weights[1] ?? weight, weight)
    } else if name.equalsIgnoringCase("zstd") {
      weights[2] = min(weights[2] ?? weight, weight)
    } else if name.equalsIgnoringCase("identity") {
      identity = min(identity ?? weight, weight)
    } else if name.equalsIgnoringCase("*") {
      any = min(any ?? weight, weight)
    }
  }

  /// `[ OWS ";" OWS "q=" qvalue ] OWS`; 1000 without a weight, nil for what is none.
  private static func weight(_ value: Span<UInt8>, _ at: inout Int) -> UInt16? {
    skipSpaces(value, &at)
    guard at < value.count, value[at] == 0x3B else { return 1_000 }
    at &+= 1
    skipSpaces(value, &at)
    guard at &+ 2 < value.count, value[at] | 0x20 == 0x71, value[at &+ 1] == 0x3D else {
      return nil
    }
    at &+= 2
    let whole = value[at]
    guard whole == 0x30 || whole == 0x31 else { return nil }
    at &+= 1
    var weight: UInt16 = whole == 0x31 ? 1_000 : 0
    if at < value.count, value[at] == 0x2E {
      at &+= 1
      var unit: UInt16 = 100
      while at < value.count, value[at].isDigit {
        // Three digits at most, and nothing beyond one.
        guard unit > 0 else { return nil }
        weight += UInt16(value[at] &- 0x30) * unit
        guard weight <= 1_000 else { return nil }
        unit /= 10
        at &+= 1
      }
    }
    skipSpaces(value, &at)
    return weight
  }

  private static func skipSpaces(_ value: Span<UInt8>, _ at: inout Int) {
    while at < value.count, FieldSyntax.isWhitespace(value[at]) { at &+= 1 }
  }
}
