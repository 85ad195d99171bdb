internal import SluiceWire

/// What a route says about the path, taken apart.
///
/// A pattern is a list of segments; one written `{name}` stands for exactly one segment that is not
/// empty. A slash at the end is part of the pattern: the path `/a/` is not `/a`, and the prefix
/// `/a/` matches `/a/` and what is below it, but not `/a`. Literals are kept in `PathNormalizer`'s
/// spelling.
struct PathPattern: Equatable {
  enum Segment: Equatable {
    case literal([UInt8])
    case parameter

    var isParameter: Bool { self == .parameter }
  }

  var segments: [Segment]
  var endsInSlash: Bool

  var hasParameters: Bool { segments.contains(.parameter) }

  /// How specific a prefix is: the number of segments, then whether it ends in a slash.
  var prefixRank: Int { segments.count * 2 + (endsInSlash ? 1 : 0) }

  /// Nil when the text does not begin with `/`, has an empty or dot segment, a character that no
  /// path holds, or a brace anywhere but around a whole segment's name.
  init?(_ text: String) {
    let bytes = Array(text.utf8)
    guard bytes.first == UInt8(ascii: "/") else { return nil }
    var parts = bytes.dropFirst().split(
      separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    endsInSlash = parts.last?.isEmpty ?? true
    if endsInSlash { parts = parts.dropLast() }
    segments = []
    for part in parts {
      guard let segment = Self.segment(part) else { return nil }
      segments.append(segment)
    }
  }

  private static func segment(_ part: ArraySlice<UInt8>) -> Segment? {
    let (open, close) = (UInt8(ascii: "{"), UInt8(ascii: "}"))
    if part.isEmpty { return nil }
    if part.first == open, part.last == close {
      let name = part.dropFirst().dropLast()
      let isName = name.allSatisfy { byte in
        byte.asciiLowercased &- 0x61 < 26 || byte &- 0x30 < 10 || byte == 0x5F || byte == 0x2D
      }
      return isName && !name.isEmpty ? .parameter : nil
    }
    if part.contains(open) || part.contains(close) { return nil }
    return normalized(part).map(Segment.literal)
  }

  /// The spelling that a request's path has when it is matched, so `/caf%c3%a9` and `/café` in a
  /// configuration both match; nil for dots and what no path can hold.
  private static func normalized(_ part: ArraySlice<UInt8>) -> [UInt8]? {
    let digits = Array("0123456789ABCDEF".utf8)
    var escaped: [UInt8] = [UInt8(ascii: "/")]
    for byte in part {
      if byte == 0x20 || byte >= 0x80 {
        escaped += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      } else {
        escaped.append(byte)
      }
    }
    var output = ByteBuffer()
    do {
      try PathNormalizer.normalize(escaped.span, slashes: .keep, into: &output)
    } catch {
      return nil
    }
    return output.count > 1 ? output.withUnsafeBytes { Array($0.dropFirst()) } : nil
  }

  /// The bytes of a pattern without parameters.
  var literalBytes: [UInt8] {
    var bytes: [UInt8] = []
    for case .literal(let part) in segments {
      bytes.append(UInt8(ascii: "/"))
      bytes += part
    }
    if endsInSlash { bytes.append(UInt8(ascii: "/")) }
    return bytes
  }

  /// Whether `self` comes before `other`: at the first segment where one has a literal and the
  /// other a parameter, the literal wins. Nil when neither does. Patterns of different lengths
  /// never match the same path as exact paths; the shorter comes first, so that the order is a
  /// total one.
  func isMoreLiteral(than other: PathPattern) -> Bool? {
    for (left, right) in zip(segments, other.segments)
    where left.isParameter != right.isParameter {
      return right.isParameter
    }
    return segments.count == other.segments.count ? nil : segments.count < other.segments.count
  }

  /// How many bytes of `path` the pattern matches, as an exact path or as a prefix (then without
  /// the slash it may end in); nil when it does not. Slow: `Router.match` has tables for this.
  func matchedLength(_ path: Span<UInt8>, asPrefix: Bool) -> Int? {
    let slash = UInt8(ascii: "/")
    guard !path.isEmpty, path[0] == slash else { return nil }
    var offset = 0
    for segment in segments {
      guard offset < path.count, path[offset] == slash else { return nil }
      let start = offset + 1
      var end = start
      while end < path.count, path[end] != slash { end += 1 }
      switch segment {
      case .parameter: if start == end { return nil }
      case .literal(let bytes):
        if !bytesEqual(path.extracting(start..<end), bytes.span) { return nil }
      }
      offset = end
    }
    if asPrefix { return endsInSlash && offset == path.count ? nil : offset }
    return path.count - offset == (endsInSlash ? 1 : 0) ? path.count : nil
  }
}

/// Which of the four ways (or none) a route looks at the path; the order is that of precedence.
enum PathRule: Equatable {
  case exact(PathPattern)
  case prefix(PathPattern)
  /// The first bytes, whatever segment they end in.
  case start([UInt8])
  case regex(String)
  case any

  var precedence: Int {
    switch self {
    case .exact: 0
    case .prefix: 1
    case .start: 2
    case .regex: 3
    case .any: 4
    }
  }

  /// How many bytes of the path it matches, as `RouteMatch.route` has it; nil when it does not. Of a
  /// regex nothing is known here: 0.
  func matchedLength(_ path: Span<UInt8>) -> Int? {
    switch self {
    case .any, .regex: return 0
    case .exact(let pattern): return pattern.matchedLength(path, asPrefix: false)
    case .prefix(let pattern): return pattern.matchedLength(path, asPrefix: true)
    case .start(let bytes):
      guard path.count >= bytes.count, bytesEqual(path.extracting(0..<bytes.count), bytes.span)
      else { return nil }
      return bytes.count
    }
  }
}
