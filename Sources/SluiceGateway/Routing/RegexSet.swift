internal import CPCRE2
internal import SluiceWire

/// The compiled regexes of a worker and the memory they match in.
///
/// A pattern sees bytes, not UTF-8, and has to match the whole path. Every run is bounded by
/// PCRE2's match, depth and heap limits, so that no pattern stalls a worker whatever path a
/// stranger picks; a run that reaches a limit tells nothing and is counted. Not thread-safe: one
/// per worker.
final class RegexSet {
  /// Steps of backtracking per run: 20,000 take about 60 µs with PCRE2's JIT compiler and 400 µs
  /// without, while a greedy `.*` over an 8 KiB path needs some 8,000.
  private static let matchLimit: UInt32 = 20_000
  private static let depthLimit: UInt32 = 1_000
  private static let heapLimitKiB: UInt32 = 256
  private static let jitStackBytes = 64 << 10

  private var codes: [OpaquePointer] = []
  private let matchData: OpaquePointer
  private let context: OpaquePointer
  private let jitStack: OpaquePointer?
  /// For the groups of a match; made when first asked for.
  private var groupData: OpaquePointer?
  /// Runs that ended at a limit.
  private(set) var limitExceeded: UInt64 = 0

  init() {
    // SAFETY: created here, freed in deinit, never handed out.
    guard let matchData = pcre2_match_data_create_8(1, nil),
      let context = pcre2_match_context_create_8(nil)
    else { fatalError("out of memory") }
    pcre2_set_match_limit_8(context, Self.matchLimit)
    pcre2_set_depth_limit_8(context, Self.depthLimit)
    pcre2_set_heap_limit_8(context, Self.heapLimitKiB)
    jitStack = pcre2_jit_stack_create_8(Self.jitStackBytes / 2, Self.jitStackBytes, nil)
    if let jitStack { pcre2_jit_stack_assign_8(context, nil, UnsafeMutableRawPointer(jitStack)) }
    self.matchData = matchData
    self.context = context
  }

  deinit {
    for code in codes { pcre2_code_free_8(code) }
    pcre2_match_data_free_8(matchData)
    if let groupData { pcre2_match_data_free_8(groupData) }
    pcre2_match_context_free_8(context)
    if let jitStack { pcre2_jit_stack_free_8(jitStack) }
  }

  /// Why a pattern is refused.
  struct PatternError: Error {
    var message: String
    var offset: Int
  }

  /// Compiles a pattern and returns its number. Unless it is anchored it may match anywhere.
  func add(_ pattern: String, isAnchored: Bool = true) throws(PatternError) -> Int {
    var options =
      UInt32(PCRE2_NEVER_UTF) | UInt32(PCRE2_NEVER_UCP) | UInt32(PCRE2_DOLLAR_ENDONLY)
    if isAnchored { options |= UInt32(PCRE2_ANCHORED) | UInt32(PCRE2_ENDANCHORED) }
    var code: Int32 = 0
    var offset = 0
    let compiled = Array(pattern.utf8).withUnsafeBufferPointer { bytes in
      // An empty array may have no address, which PCRE2 refuses.
      pcre2_compile_8(
        bytes.baseAddress ?? UnsafePointer(bitPattern: 1), bytes.count, options, &code, &offset, nil
      )
    }
    guard let compiled else { throw PatternError(message: Self.message(code), offset: offset) }
    // Without JIT support the interpreter runs the pattern, under the same limits.
    _ = pcre2_jit_compile_8(compiled, UInt32(PCRE2_JIT_COMPLETE))
    codes.append(compiled)
    return codes.count - 1
  }

  /// Whether a pattern can only match from the first byte on. Others are tried at every byte, and PCRE2's
  /// limits hold for each of these tries.
  func isAnchored(_ index: Int) -> Bool {
    var options: UInt32 = 0
    // SAFETY: the code is alive, and this kind of information is a UInt32.
    let result = pcre2_pattern_info_8(codes[index], UInt32(PCRE2_INFO_ALLOPTIONS), &options)
    return result == 0 && options & UInt32(PCRE2_ANCHORED) != 0
  }

  enum Outcome { case match, noMatch, limit }

  /// Whether a pattern matches all of `path`; a run that reaches a limit is counted.
  func test(_ index: Int, _ path: Span<UInt8>) -> Outcome {
    let outcome = run(index, path)
    if outcome == .limit { limitExceeded &+= 1 }
    return outcome
  }

  /// Runs a pattern over all of `path` and counts nothing.
  func run(_ index: Int, _ path: Span<UInt8>) -> Outcome {
    let code = codes[index]
    // SAFETY: PCRE2 reads `count` bytes and keeps no pointer that is used after the call.
    let result = unsafe path.withUnsafeBufferPointer { bytes in
      pcre2_match_8(
        code, bytes.baseAddress ?? UnsafePointer(bitPattern: 1), bytes.count, 0, 0, matchData,
        context)
    }
    if result >= 0 { return .match }
    return result == PCRE2_ERROR_NOMATCH ? .noMatch : .limit
  }

  /// The most groups that `captures` tells of, besides the whole.
  static let mostGroups = 9

  /// Runs a pattern over all of `path`. After a match `groups` are what its groups matched, the whole
  /// as the first; nil for one that took no part.
  func captures(_ index: Int, _ path: Span<UInt8>, into groups: inout [Range<Int>?]) -> Outcome {
    groups.removeAll(keepingCapacity: true)
    // SAFETY: created here, freed in deinit, never handed out.
    guard let data = groupData ?? pcre2_match_data_create_8(UInt32(Self.mostGroups + 1), nil) else {
      return .limit
    }
    groupData = data
    let code = codes[index]
    // SAFETY: PCRE2 reads `count` bytes and keeps no pointer that is used after the call.
    let result = unsafe path.withUnsafeBufferPointer { bytes in
      pcre2_match_8(
        code, bytes.baseAddress ?? UnsafePointer(bitPattern: 1), bytes.count, 0, 0, data, context)
    }
    if result == PCRE2_ERROR_NOMATCH { return .noMatch }
    guard result >= 0, let offsets = pcre2_get_ovector_pointer_8(data) else {
      limitExceeded &+= 1
      return .limit
    }
    // 0 says that there are more groups than were asked for.
    let count = result == 0 ? Self.mostGroups + 1 : Int(result)
    for group in 0..<count {
      // SAFETY: PCRE2 has set so many pairs of offsets.
      let (start, end) = (offsets[2 * group], offsets[2 * group + 1])
      groups.append(start <= end && end <= path.count ? start..<end : nil)
    }
    return .match
  }

  /// How many groups a pattern has.
  func groupCount(_ index: Int) -> Int {
    var count: UInt32 = 0
    // SAFETY: writes the one number that this question is answered with.
    pcre2_pattern_info_8(codes[index], UInt32(PCRE2_INFO_CAPTURECOUNT), &count)
    return Int(count)
  }

  /// The names of a pattern's groups, as written and in lower case, and their numbers as names.
  func groupNumbers(_ index: Int) -> [[UInt8]: Int] {
    var numbers: [[UInt8]: Int] = [:]
    for number in 1...Self.mostGroups { numbers[Array("\(number)".utf8)] = number }
    for (name, number) in groupNames(index) {
      numbers[name.map(\.asciiLowercased)] = number
      numbers[name] = number
    }
    return numbers
  }

  private func groupNames(_ index: Int) -> [(name: [UInt8], number: Int)] {
    var count: UInt32 = 0
    var size: UInt32 = 0
    var table: UnsafePointer<UInt8>?
    // SAFETY: each call writes the one value that it is asked for; the table lives as long as the code.
    unsafe pcre2_pattern_info_8(codes[index], UInt32(PCRE2_INFO_NAMECOUNT), &count)
    unsafe pcre2_pattern_info_8(codes[index], UInt32(PCRE2_INFO_NAMEENTRYSIZE), &size)
    unsafe pcre2_pattern_info_8(codes[index], UInt32(PCRE2_INFO_NAMETABLE), &table)
    guard let table, size > 2 else { return [] }
    return (0..<Int(count)).map { place in
      // SAFETY: `count` entries of `size` bytes: the number, the name and a NUL.
      let entry = unsafe UnsafeBufferPointer(start: table + place * Int(size), count: Int(size))
      let name = entry.dropFirst(2).prefix { $0 != 0 }
      return (Array(name), Int(entry[0]) << 8 | Int(entry[1]))
    }
  }

  private static func message(_ code: Int32) -> String {
    var buffer = [UInt8](repeating: 0, count: 256)
    let count = buffer.withUnsafeMutableBufferPointer {
      pcre2_get_error_message_8(code, $0.baseAddress, $0.count)
    }
    return String(decoding: buffer.prefix(max(0, Int(count))), as: UTF8.self)
  }
}
