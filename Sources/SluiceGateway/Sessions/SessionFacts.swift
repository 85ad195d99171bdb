import SluiceWire

/// A name and value that finds sessions, from the route, a grant, or the target's answer to the handshake.
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
  /// So many of the labels, the first ones, are not from the target.
  private var ownLabels: UInt8 = 0
  private(set) var labels: [SessionLabel] = []

  /// Fields of the target's 101 that begin so are labels; they are not passed on.
  static let labelPrefix = Array("sluice-label-".utf8)
  /// Longer texts are cut: they are for people to read.
  static let maxTextBytes = 256
  static let maxLabels = 16
  static let maxLabelBytes = 128

  /// `authority`: host and port as the caller sees them, for who has an origin.
  init(origin: [UInt8]?, userAgent: [UInt8]?, subprotocol: [UInt8]?, authority: [UInt8]?) {
    var text: [UInt8] = []
    func append(_ part: [UInt8]?) -> UInt16 {
      if let part { text += part.prefix(Self.maxTextBytes) }
      return UInt16(text.count)
    }
    ends = (append(origin), append(userAgent), append(subprotocol))
    _ = append(authority)
    // A million sessions hold no room for more.
    self.text = Array(text[...])
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

  /// Those of the route or of a grant, which are bounded.
  mutating func addLabels(_ known: [SessionLabel]) {
    // The route's are shared by all its sessions that have no others.
    if labels.isEmpty { labels = known } else { labels += known.filter { !labels.contains($0) } }
    // Two lists of 16 at most.
    ownLabels = UInt8(clamping: labels.count)
  }

  /// Those that only the target has given.
  var labelsOfTarget: ArraySlice<SessionLabel> { labels[Int(ownLabels)...] }

  /// Another target has answered the handshake: its labels take the place of those of the one before.
  mutating func replaceLabelsOfTarget(_ given: ArraySlice<SessionLabel>) {
    labels.removeLast(labelsOfTarget.count)
    for label in given where labels.count < Self.maxLabels && !labels.contains(label) {
      labels.append(label)
    }
  }

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
