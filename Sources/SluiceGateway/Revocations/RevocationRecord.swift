import SluiceWire

/// One line of the file that keeps revocations over restarts, as JSON.
///
/// ```
/// {"revocations":1,"last":7}                                   the first line; ids so far
/// {"id":8,"until":1789000000000,"by":"consumer","value":"mallory","reason":"stolen laptop"}
/// {"id":8}                                                     trusted again
/// ```
enum RevocationRecord: Equatable {
  case began(lastID: UInt64)
  /// `until` in milliseconds of Unix time.
  case revoked(id: UInt64, Revocation.What, reason: String, until: Int64)
  case takenBack(id: UInt64)

  /// Nil for what ends with the process: a session's revocation means nothing to the next one.
  static func revoked(_ revocation: Revocation, until: Int64) -> RevocationRecord? {
    if case .session = revocation.what { return nil }
    return .revoked(
      id: revocation.id, revocation.what, reason: revocation.reason, until: until)
  }

  /// With its line end.
  func append(to output: inout ByteBuffer) {
    switch self {
    case .began(let lastID):
      output.append(#"{"revocations":1,"last":"#)
      output.append(decimal: lastID)
    case .takenBack(let id):
      output.append(#"{"id":"#)
      output.append(decimal: id)
    case .revoked(let id, let what, let reason, let until):
      output.append(#"{"id":"#)
      output.append(decimal: id)
      output.append(#","until":"#)
      output.append(decimal: UInt64(max(0, until)))
      output.append(#","by":""#)
      let (kind, value) = Self.parts(of: what)
      output.append(kind)
      output.append(#"","value":"#)
      output.append(jsonString: value.span)
      output.append(#","reason":"#)
      output.append(jsonString: Array(reason.utf8).span)
    }
    output.append("}\n")
  }

  private static func parts(of what: Revocation.What) -> (StaticString, [UInt8]) {
    switch what {
    case .consumer(let name): ("consumer", name)
    case .credential(let name): ("credential", name)
    case .tokenID(let name): ("jti", name)
    case .subject(let name): ("sub", name)
    case .session(let id): ("session", id.bytes)
    }
  }

  /// Nil for a line that is none of these.
  init?(_ line: Span<UInt8>) {
    guard let tree = JSONTree(parsing: line), tree.members != nil else { return nil }
    func number(_ name: String) -> UInt64? {
      guard case .number(let text)? = tree[name] else { return nil }
      return UInt64(String(decoding: text, as: UTF8.self))
    }
    if tree["revocations"] != nil {
      guard number("revocations") == 1, let last = number("last") else { return nil }
      self = .began(lastID: last)
      return
    }
    guard let id = number("id") else { return nil }
    if tree.members?.count == 1 {
      self = .takenBack(id: id)
      return
    }
    guard let until = number("until").flatMap({ Int64(exactly: $0) }),
      let kind = tree["by"]?.string, let value = tree["value"]?.string,
      let reason = tree["reason"]?.string
    else { return nil }
    let what: Revocation.What
    switch String(decoding: kind, as: UTF8.self) {
    case "consumer": what = .consumer(value)
    case "credential": what = .credential(value)
    case "jti": what = .tokenID(value)
    case "sub": what = .subject(value)
    default: return nil
    }
    self = .revoked(id: id, what, reason: String(decoding: reason, as: UTF8.self), until: until)
  }
}

/// What a whole file says. Pure.
struct RevocationReplay: Equatable {
  /// Those that were not taken back, by id; whether they are over is for the clock to say.
  private(set) var records: [UInt64: RevocationRecord] = [:]
  private(set) var lastID: UInt64 = 0
  private var ids: [Revocation.What: UInt64] = [:]

  /// Which line is none, counted from 1.
  struct Problem: Error, Equatable {
    let line: Int
  }

  init() {}

  /// What stands behind the last line end was being written when the process or the machine stopped, and
  /// nobody was told that it is kept. Anything else that is no record is an error: to pass over it could be to
  /// trust again.
  init(_ text: Span<UInt8>) throws(Problem) {
    var start = 0
    var line = 0
    for at in text.indices where text[at] == 0x0A {
      line += 1
      guard let record = RevocationRecord(text.extracting(start..<at)) else {
        throw Problem(line: line)
      }
      // Whatever this file is, it is not overwritten.
      if line == 1 {
        guard case .began = record else { throw Problem(line: 1) }
      }
      take(record)
      start = at + 1
    }
    if line == 0 && !text.isEmpty { throw Problem(line: 1) }
  }

  private mutating func take(_ record: RevocationRecord) {
    switch record {
    case .began(let id): lastID = max(lastID, id)
    case .takenBack(let id): records[id] = nil
    case .revoked(let id, let what, _, _):
      lastID = max(lastID, id)
      // It has taken the place of what was said before: that must not come back when this one goes.
      if let former = ids.updateValue(id, forKey: what) { records[former] = nil }
      records[id] = record
    }
  }
}
