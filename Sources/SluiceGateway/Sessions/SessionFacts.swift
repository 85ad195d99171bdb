import SluiceWire

/// A name and value that finds sessions, from the target's answer to the handshake.
struct SessionLabel: Hashable, Sendable {
  let name: [UInt8]
  let value: [UInt8]
}

/// What the handshake said and nobody needs while messages pass: one packed block, because a million
/// sessions hold one each.
struct SessionFacts {
  /// Origin, user agent, subprotocol and authority behind each other.
  private let text: [UInt8]
  private let ends: (origin: UInt16, userAgent: UInt16, subprotocol: UInt16)
  private let has: (origin: Bool, userAgent: Bool, subprotocol: Bool)
  private(set) var labels: [SessionLabel] = []

  /// Fields of the target's 101 that begin so are labels; they are not passed on.
  static let labelPrefix = Array("sluice-label-".utf8)
  /// Longer texts are cut: they are for people to read.
  static let maxTextBytes = 256
  static let maxLabels = 16
  static let maxLabelBytes = 128

  /// `authority`: host and port as the caller sees them, for who has an origin.
  init(origin: [UInt8]?, userAgent: [UInt8]?, subprotocol: [UInt8]?, authority: [UInt8]?) {
    let parts = [origin, userAgent, subprotocol, authority].map {
      ($0 ?? []).prefix(Self.maxTextBytes)
    }
    text = Array(parts.joined())
    let two = parts[0].count + parts[1].count
    ends = (UInt16(parts[0].count), UInt16(two), UInt16(two + parts[2].count))
    has = (origin != nil, userAgent != nil, subprotocol != nil)
  }

  var origin: String? { has.origin ? part(0, Int(ends.origin)) : nil }
  var userAgent: String? { has.userAgent ? part(Int(ends.origin), Int(ends.userAgent)) : nil }
  var subprotocol: String? {
    has.subprotocol ? part(Int(ends.userAgent), Int(ends.subprotocol)) : nil
  }
  var authority: [UInt8] { Array(text[Int(ends.subprotocol)...]) }

  private func part(_ start: Int, _ end: Int) -> String {
    String(decoding: text[start..<end], as: UTF8.self)
  }

  /// Those of a grant, which are bounded.
  mutating func addLabels(_ granted: [SessionLabel]) { labels += granted }

  /// The target may not make this session a burden by its labels.
  mutating func addLabel(name: Span<UInt8>, value: Span<UInt8>) {
    guard !name.isEmpty, name.count <= Self.maxLabelBytes, value.count <= Self.maxLabelBytes,
      labels.count < Self.maxLabels
    else { return }
    var lowered: [UInt8] = []
    for index in name.indices {
      let byte = name[index]
      lowered.append(65...90 ~= byte ? byte | 0x20 : byte)
    }
    let label = SessionLabel(
      name: lowered, value: value.withUnsafeBufferPointer { Array($0) })
    if !labels.contains(label) { labels.append(label) }
  }
}
