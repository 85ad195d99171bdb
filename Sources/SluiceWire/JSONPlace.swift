/// Where a path leads in one text, with what an edit has to know of what is around it.
public enum JSONPlace: Equatable, Sendable {
  case found(Found)
  case missing(Missing)
  /// A value stands on the path that can't have what the path wants: no parts, or an array where a name
  /// is wanted, or an object where an index is.
  case blocked
  /// As for `JSONMatch`.
  case duplicateKey
  case invalid(JSONError)

  public struct Found: Equatable, Sendable {
    public var value: JSONValue
    /// The member's name with its quotes; nil for an element and the root.
    public var key: Range<Int>?
    /// What has to go for the value to go: with its name, and a comma if there is one.
    public var removal: Range<Int>
  }

  public struct Missing: Equatable, Sendable {
    /// So many steps of the path lead to the innermost container that is there.
    public var steps: Int
    /// Before its closing bracket.
    public var end: Int
    public var isEmpty: Bool
    /// The elements of an array.
    public var count: Int
  }
}

extension JSONPath {
  /// Of one: the root can't be removed or named.
  public var leadsToRoot: Bool { segments.isEmpty }

  /// The steps behind the first `steps`, and whether they are names; an index is nil.
  func names(behind steps: Int) -> [[UInt8]?] {
    segments[steps...].map { $0.index == nil ? Array(names[$0.name]) : nil }
  }

  func index(at step: Int) -> Int? { segments[step].index }

  /// The path to another member of the same object; nil when this one does not lead to a member.
  public func sibling(named name: String) -> JSONPath? {
    guard let last = segments.last, last.index == nil else { return nil }
    var text = "$"
    for segment in segments.dropLast() {
      if let index = segment.index {
        text += "[\(index)]"
      } else {
        text += Self.quoted(String(decoding: names[segment.name], as: UTF8.self))
      }
    }
    return try? JSONPath(text + Self.quoted(name))
  }

  private static func quoted(_ name: String) -> String {
    var text = "['"
    for character in name.unicodeScalars {
      if character == "'" || character == "\\" { text.unicodeScalars.append("\\") }
      text.unicodeScalars.append(character)
    }
    return text + "']"
  }

  /// Looks for the place in `bytes`, reading all of it: a place means that the text is valid and
  /// unambiguous.
  public func place(
    in bytes: Span<UInt8>, maxDepth: Int = JSONScanner.defaultDepth
  ) -> JSONPlace {
    do throws(JSONError) {
      return try locate(in: bytes, maxDepth)
    } catch {
      return .invalid(error)
    }
  }

  /// Where a search for a place is.
  private struct Search {
    /// Containers of the path that are open.
    var level = 0
    /// A bit for each open container: the child that the path wants was met.
    var met: UInt32 = 0
    /// Of the next element of the innermost container.
    var index = 0
    /// The name of the value that comes, and whether the path wants it.
    var key: Range<Int>?
    var isWanted: Bool?
    /// Of the last value in the innermost container.
    var previousEnd: Int?
    /// What was found is the first of its container: a comma behind it goes with it.
    var awaitsNext = false
    var result = JSONPlace.blocked

    /// Something stands behind what was found.
    mutating func meet(_ token: JSONToken) {
      if awaitsNext { JSONPath.extend(&result, to: token.range.lowerBound, &awaitsNext) }
    }
  }

  /// Only containers on the path are entered, so every key and value that the loop meets belongs to the
  /// innermost of them.
  private func locate(in bytes: Span<UInt8>, _ maxDepth: Int) throws(JSONError) -> JSONPlace {
    var scanner = JSONScanner(bytes, maxDepth: maxDepth)
    var search = Search()
    while true {
      let token = try scanner.next()
      switch token.kind {
      case .end: return search.result
      case .objectEnd, .arrayEnd: leave(token, &search)
      case .key:
        search.meet(token)
        if !enter(key: token, bytes, &search) { return .duplicateKey }
      default:
        search.meet(token)
        let name = search.key
        let isOnPath = isOnPath(&search)
        if isOnPath, search.level < segments.count,
          token.kind == .objectStart || token.kind == .arrayStart
        {
          search.level &+= 1
          search.index = 0
          search.previousEnd = nil
          continue
        }
        let range = try scanner.skip(token)
        if isOnPath, search.level == segments.count {
          let start = name?.lowerBound ?? range.lowerBound
          search.result = .found(
            JSONPlace.Found(
              value: JSONValue(token, range), key: name,
              removal: (search.previousEnd ?? start)..<range.upperBound))
          search.awaitsNext = search.previousEnd == nil
        }
        search.previousEnd = range.upperBound
      }
    }
  }

  private func leave(_ token: JSONToken, _ search: inout Search) {
    search.level &-= 1
    let level = search.level
    let bit: UInt32 = 1 &<< UInt32(level)
    let wantsElement = segments[level].index != nil
    if search.met & bit == 0, wantsElement == (token.kind == .arrayEnd) {
      search.result = .missing(
        JSONPlace.Missing(
          steps: level, end: token.range.lowerBound, isEmpty: search.previousEnd == nil,
          count: search.index))
    }
    search.met &= ~bit
    search.awaitsNext = false
    search.previousEnd = token.range.upperBound
  }

  /// False for a name that the path wants and that was there already.
  private func enter(
    key token: JSONToken, _ bytes: Span<UInt8>, _ search: inout Search
  ) -> Bool {
    search.key = token.range
    let isWanted = wants(token, of: search.level &- 1, bytes)
    search.isWanted = isWanted
    if !isWanted { return true }
    let bit: UInt32 = 1 &<< UInt32(search.level &- 1)
    if search.met & bit != 0 { return false }
    search.met |= bit
    return true
  }

  /// Whether the path leads to, or through, the value that comes.
  private func isOnPath(_ search: inout Search) -> Bool {
    let isWanted = search.isWanted
    search.key = nil
    search.isWanted = nil
    if let isWanted { return isWanted }
    if search.level == 0 { return true }
    let bit: UInt32 = 1 &<< UInt32(search.level &- 1)
    let isOnPath =
      search.met & bit == 0 && segments[search.level &- 1].index == search.index
    if isOnPath { search.met |= bit }
    search.index &+= 1
    return isOnPath
  }

  fileprivate static func extend(_ place: inout JSONPlace, to end: Int, _ awaitsNext: inout Bool) {
    awaitsNext = false
    guard case .found(var found) = place else { return }
    found.removal = found.removal.lowerBound..<end
    place = .found(found)
  }
}
