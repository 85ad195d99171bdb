/// Why a path was refused.
public enum PathError: UInt8, Error, CaseIterable {
  case notAbsolute, invalidCharacter, invalidEscape, encodedNul, encodedControl, encodedSlash
  case backslash, aboveRoot, dotParameters

  /// A stable name for logs and documentation.
  public var code: StaticString {
    switch self {
    case .notAbsolute: "path-not-absolute"
    case .invalidCharacter: "path-invalid-character"
    case .invalidEscape: "path-invalid-escape"
    case .encodedNul: "path-encoded-nul"
    case .encodedControl: "path-encoded-control"
    case .encodedSlash: "path-encoded-slash"
    case .backslash: "path-backslash"
    case .aboveRoot: "path-above-root"
    case .dotParameters: "path-dot-parameters"
    }
  }

  /// One sentence for a person.
  public var text: StaticString {
    switch self {
    case .notAbsolute: "The path does not begin with a slash."
    case .invalidCharacter: "The path contains a character that is not allowed."
    case .invalidEscape: "A percent sign in the path is not followed by two hexadecimal digits."
    case .encodedNul: "The path contains an encoded NUL byte."
    case .encodedControl: "The path contains an encoded control character."
    case .encodedSlash: "The path contains an encoded slash."
    case .backslash: "The path contains a backslash."
    case .aboveRoot: "The path leads above the root."
    case .dotParameters: "A dot segment of the path has parameters."
    }
  }
}

/// Gives every path that means the same one spelling (RFC 3986 6.2.2), so that the route that is
/// matched is the resource that the target serves.
///
/// - Escapes of unreserved characters are decoded, the others get upper-case digits.
/// - `.` and `..` segments, escaped or not, are resolved; empty segments are merged away.
/// - Visible ASCII that RFC 3986 does not allow in a path (`|`, `[`, `^`, …) is escaped.
/// - Refused: controls (raw or escaped), spaces, bytes above 0x7E, `?` and `#`, bad escapes, `..`
///   above the root, a raw backslash, and `.` or `..` with parameters (`..;x`, `..%3B`), which servlet
///   containers drop before they resolve dots.
/// - An escaped slash is as `EncodedSlashes` says. An escaped backslash, which some targets take for
///   a slash, is refused unless escaped slashes are kept; it is never decoded.
public enum PathNormalizer {
  public enum EncodedSlashes: Sendable {
    /// Refuse the path.
    case reject
    /// Keep `%2F` as data within a segment.
    case keep
    /// Take `%2F` for a slash, as a target that decodes first would.
    case decode
  }

  /// Whether `path` is already in normal form, whatever the setting for slashes; false may also mean
  /// that it can't be normalised, or that it holds an escape. Most requests end here.
  public static func isNormal(_ path: Span<UInt8>) -> Bool {
    let allowed = ByteSet.path
    let count = path.count
    guard count > 0, path[0] == 0x2F else { return false }
    var at = 1
    var previous: UInt8 = 0x2F
    while at < count {
      let byte = path[at]
      if !allowed.contains(byte) { return false }
      // Behind a slash, a slash merges, and a dot may begin a dot segment.
      if previous == 0x2F {
        if byte == 0x2F { return false }
        if byte == 0x2E, isDotSegment(path, at) { return false }
      }
      previous = byte
      at &+= 1
    }
    return true
  }

  private static func isDotSegment(_ path: Span<UInt8>, _ start: Int) -> Bool {
    var at = start
    while at < path.count, path[at] == 0x2E { at &+= 1 }
    // With parameters it is refused, so it isn't normal either.
    return at &- start <= 2 && (at == path.count || path[at] == 0x2F || path[at] == 0x3B)
  }

  /// Appends the normal form of `path` to `output`, which is left as it was on error.
  public static func normalize(
    _ path: Span<UInt8>, slashes: EncodedSlashes, into output: inout ByteBuffer
  ) throws(PathError) {
    let base = output.count
    do {
      try write(path, slashes, &output, base)
    } catch {
      output.truncate(to: base)
      throw error
    }
  }

  private static func write(
    _ path: Span<UInt8>, _ slashes: EncodedSlashes, _ output: inout ByteBuffer, _ base: Int
  ) throws(PathError) {
    let allowed = ByteSet.path
    guard path.count > 0, path[0] == 0x2F else { throw .notAbsolute }
    output.reserve(path.count)
    output.append(0x2F)
    // Where the segment being written begins, in the output.
    var segment = output.count
    var at = 1
    while at < path.count {
      let byte = path[at]
      at += 1
      if byte == 0x2F {
        try endSegment(&output, base, &segment, isLast: false)
      } else if byte == 0x25 {
        let value = try escaped(path, at)
        at += 2
        if value == 0x2F, slashes == .decode {
          try endSegment(&output, base, &segment, isLast: false)
        } else {
          try append(escape: value, slashes, &output)
        }
      } else if allowed.contains(byte) {
        output.append(byte)
      } else if byte == 0x5C {
        throw .backslash
      } else if byte > 0x20, byte < 0x7F, byte != 0x23, byte != 0x3F {
        append(percent: byte, &output)
      } else {
        throw .invalidCharacter
      }
    }
    try endSegment(&output, base, &segment, isLast: true)
  }

  private static func escaped(_ path: Span<UInt8>, _ at: Int) throws(PathError) -> UInt8 {
    guard at + 1 < path.count, let high = path[at].hexValue, let low = path[at + 1].hexValue else {
      throw .invalidEscape
    }
    return high << 4 | low
  }

  private static func append(
    escape value: UInt8, _ slashes: EncodedSlashes, _ output: inout ByteBuffer
  ) throws(PathError) {
    switch value {
    case 0: throw .encodedNul
    case 1..<0x20, 0x7F: throw .encodedControl
    case 0x2F where slashes == .reject: throw .encodedSlash
    case 0x5C where slashes != .keep: throw .backslash
    default: break
    }
    if ByteSet.unreserved.contains(value) {
      output.append(value)
    } else {
      append(percent: value, &output)
    }
  }

  private static func append(percent value: UInt8, _ output: inout ByteBuffer) {
    output.append(0x25)
    output.append(upperHex(value >> 4))
    output.append(upperHex(value & 15))
  }

  private static func upperHex(_ digit: UInt8) -> UInt8 {
    digit < 10 ? 0x30 + digit : 0x37 + digit
  }

  /// Ends the segment that begins at `segment`: resolves it if it is dots, drops it if it is empty,
  /// and otherwise puts a slash behind it unless it is the last.
  private static func endSegment(
    _ output: inout ByteBuffer, _ base: Int, _ segment: inout Int, isLast: Bool
  ) throws(PathError) {
    let count = output.count - segment
    if count == 0 { return }
    let isDots = count <= 2 && output.span[segment] == 0x2E && output.span[output.count - 1] == 0x2E
    if !isDots {
      if isDotsWithParameters(output.span.extracting(segment..<output.count)) {
        throw .dotParameters
      }
      if !isLast { output.append(0x2F) }
      segment = output.count
      return
    }
    output.truncate(to: segment)
    if count == 1 { return }
    // Behind the root's slash there is nothing to go back from.
    if segment == base + 1 { throw .aboveRoot }
    var at = segment - 1
    while output.span[at - 1] != 0x2F { at -= 1 }
    output.truncate(to: at)
    segment = at
  }

  /// One or two dots and a semicolon, escaped or not; dots are never escaped in the output.
  private static func isDotsWithParameters(_ segment: Span<UInt8>) -> Bool {
    guard segment[0] == 0x2E else { return false }
    let dots = segment.count > 1 && segment[1] == 0x2E ? 2 : 1
    guard segment.count > dots else { return false }
    if segment[dots] == 0x3B { return true }
    return segment.count >= dots + 3 && segment[dots] == 0x25 && segment[dots + 1] == 0x33
      && segment[dots + 2] == 0x42
  }
}
