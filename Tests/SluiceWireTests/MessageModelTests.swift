import SluiceWire
import Testing

/// The grammar of a request head again, slow and obvious, on strings of Latin-1: whether the head
/// is acceptable, and its fields. Leaves out what only the corpus checks (Connection, IPv6, sizes).
private struct HeadModel {
  var fields: [(name: String, value: String)] = []
  let tokens = Set("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")

  init?(_ bytes: [UInt8]) {
    // As scalars: a Character would join CR and LF.
    var text = bytes.map { Character(UnicodeScalar($0)) }
    func drop(_ prefix: String) -> Bool {
      let prefix = prefix.unicodeScalars.map { Character($0) }
      guard text.starts(with: prefix) else { return false }
      text.removeFirst(prefix.count)
      return true
    }
    func line() -> [Character]? {
      guard let end = text.firstIndex(of: "\r"), end + 1 < text.count, text[end + 1] == "\n" else {
        return nil
      }
      defer { text.removeFirst(end + 2) }
      return Array(text[..<end])
    }
    _ = drop("\r\n")
    guard let first = line() else { return nil }
    let parts = first.split(separator: " ", omittingEmptySubsequences: false)
    guard parts.count == 3, isToken(parts[0]), parts[0].count <= 32 else { return nil }
    let version = String(parts[2])
    guard version == "HTTP/1.1" || version == "HTTP/1.0" else { return nil }
    guard parts[1].first == "/", String(parts[0]) != "CONNECT" else { return nil }
    for character in parts[1] {
      guard character > " ", character < "\u{7F}", !"\"<>#".contains(character) else { return nil }
    }
    while true {
      guard let content = line() else { return nil }
      if content.isEmpty { break }
      guard let colon = content.firstIndex(of: ":"), isToken(content[..<colon]) else { return nil }
      var value = content[(colon + 1)...]
      while let last = value.last, last == " " || last == "\t" { value.removeLast() }
      while let first = value.first, first == " " || first == "\t" { value.removeFirst() }
      for character in value {
        if character < " " && character != "\t" || character == "\u{7F}" { return nil }
      }
      fields.append((String(content[..<colon]), String(value)))
    }
    guard text.isEmpty, fieldsMakeSense(version) else { return nil }
  }

  private func isToken(_ text: ArraySlice<Character>) -> Bool {
    !text.isEmpty && text.allSatisfy(tokens.contains)
  }

  private func values(_ name: String) -> [String] {
    fields.filter { $0.name.lowercased() == name }.map(\.value)
  }

  private func fieldsMakeSense(_ version: String) -> Bool {
    let hosts = values("host")
    let lengths = values("content-length")
    let codings = values("transfer-encoding")
    if hosts.count > 1 || hosts.isEmpty && version == "HTTP/1.1" { return false }
    if let host = hosts.first {
      let name = host.split(separator: ":", omittingEmptySubsequences: false)
      let letters = tokens.subtracting("!#$%&'*+^`|").union(".")
      guard name.count <= 2, !name[0].isEmpty, name[0].allSatisfy(letters.contains),
        !name[0].hasPrefix("."), !name[0].contains("..")
      else { return false }
      if name.count == 2 {
        let isNumber = name[1].allSatisfy { "0123456789".contains($0) } && !name[1].hasPrefix("0")
        guard isNumber, let port = Int(name[1]), port < 65_536 else { return false }
      }
    }
    if lengths.count > 1 || codings.count > 1 || !lengths.isEmpty && !codings.isEmpty {
      return false
    }
    if let length = lengths.first {
      guard !length.isEmpty, length.allSatisfy({ "0123456789".contains($0) }),
        Int64(length) != nil
      else { return false }
    }
    if let coding = codings.first {
      return version == "HTTP/1.1" && coding.lowercased() == "chunked"
    }
    return true
  }
}

@Suite struct MessageModelTests {
  /// Heads with a few bytes changed, added, removed or repeated are accepted when the model
  /// accepts them, with the model's fields.
  @Test func mutatedHeadsEqualModel() {
    var chance = SplitMix(4)
    let seeds = [
      "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
      "POST /ab?c=d HTTP/1.1\r\nHost: a.b:80\r\nContent-Length: 10\r\nX-Yz: \t v w \r\n\r\n",
      "\r\nPUT /x HTTP/1.0\r\nHost: a\r\nAccept: */*\r\nX:y\r\n\r\n",
      "PATCH /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nVery-Long-Name-Here: 1\r\n\r\n",
    ].map(ascii)
    let bytes = ascii("\r\n\r\n :/?#\t\0\u{1F}\u{7F}aA0,-\"(") + [0x80, 0xFF]
    var accepted = 0
    for _ in 0..<15_000 {
      var head = seeds.randomElement(using: &chance)!
      for _ in 0..<Int.random(in: 1...3, using: &chance) {
        let index = Int.random(in: 0..<head.count, using: &chance)
        switch Int.random(in: 0...3, using: &chance) {
        case 0: head[index] = bytes.randomElement(using: &chance)!
        case 1: head.insert(bytes.randomElement(using: &chance)!, at: index)
        case 2: head.remove(at: index)
        default:
          let end = min(head.count, index + Int.random(in: 1...30, using: &chance))
          head.insert(contentsOf: head[index..<end], at: index)
        }
      }
      let model = HeadModel(head)
      var parsed: [(name: String, value: String)]?
      var request = RequestHead()
      do throws(HeadError) {
        try request.parse(head.span, limits: HeadLimits())
        parsed = []
        for field in request.fields {
          parsed?.append((latin1(request.span(field.name)), latin1(request.span(field.value))))
        }
      } catch {
        parsed = nil
      }
      let shown = String(decoding: head, as: UTF8.self).debugDescription
      #expect((parsed == nil) == (model == nil), "\(shown)")
      if let parsed, let model {
        accepted += 1
        #expect(parsed.elementsEqual(model.fields, by: ==), "\(shown)")
      }
      // However it arrives, the outcome is the same.
      let step = Int.random(in: 1...16, using: &chance)
      #expect(readRequest(head, step: step).isEqual(readRequest(head)), "\(shown)")
    }
    #expect(accepted > 1_000)
  }
}

extension HeadOutcome {
  /// Both refuse, or both find the same head. Which of several faults is named may depend on how
  /// much of the head was there.
  fileprivate func isEqual(_ other: HeadOutcome) -> Bool {
    if case .refused = self, case .refused = other { return true }
    return self == other
  }
}

private func latin1(_ bytes: Span<UInt8>) -> String {
  var result = ""
  for index in bytes.indices { result.unicodeScalars.append(UnicodeScalar(bytes[index])) }
  return result
}
