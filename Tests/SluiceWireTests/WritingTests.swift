import SluiceWire
import Testing

@Suite struct WritingTests {
  @Test func messages() {
    var out = ByteBuffer()
    let value = ascii("v w")
    let name = ascii("X-Name")
    let get = ascii("GET")
    let path = ascii("/a")
    let query = ascii("b")
    out.appendRequestLine(method: get.span, target: path.span)
    out.appendRequestLine(method: get.span, path: path.span, query: query.span)
    out.appendRequestLine(method: get.span, path: path.span, query: nil)
    out.appendStatusLine(404)
    out.appendStatusLine(599)
    out.appendStatusLine(200, reason: value.span)
    out.appendField("Server", value.span)
    out.appendField("Via", "sluice")
    out.appendField("Age", decimal: 120)
    out.appendField(name: name.span, value: value.span)
    out.appendLineEnd()
    #expect(
      text(out.span)
        == "GET /a HTTP/1.1\r\nGET /a?b HTTP/1.1\r\nGET /a HTTP/1.1\r\n"
        + "HTTP/1.1 404 Not Found\r\nHTTP/1.1 599 \r\nHTTP/1.1 200 v w\r\n"
        + "Server: v w\r\nVia: sluice\r\nAge: 120\r\nX-Name: v w\r\n\r\n")
  }

  @Test func lowerCase() {
    var out = ByteBuffer()
    let mixed = ascii("aZ-@[`{09.Example:80")
    out.append(0x41)
    out.append(lowercased: mixed.span)
    out.append(lowercased: mixed.span.extracting(..<0))
    #expect(text(out.span) == "Aaz-@[`{09.example:80")
  }

  /// What the chunk writer writes, the chunk decoder reads.
  @Test func chunks() {
    var out = ByteBuffer()
    var payload: [UInt8] = []
    for size in [1, 9, 15, 16, 255, 256, 4_095, 70_000] {
      let chunk = [UInt8](repeating: UInt8(size & 0xFF), count: size)
      out.appendChunkHeader(size: size)
      out.append(chunk)
      out.appendChunkEnd()
      payload += chunk
    }
    out.appendLastChunk()
    var encoded: [UInt8] = []
    out.withUnsafeBytes { encoded += $0 }
    let outcome = decode(encoded, .chunked) { 1_000 }
    #expect(
      outcome == BodyOutcome(payload: payload, consumed: encoded.count, isComplete: true))
  }

  @Test func trailers() throws {
    var decoder = BodyDecoder(.chunked)
    let body = ascii("0\r\nX-A: 1\r\nHost: b\r\nX-C:  d \r\n\r\n")
    #expect(try decoder.next(body.span, from: 0) == .complete(consumed: body.count))
    var out = ByteBuffer()
    out.appendLastChunk(trailers: decoder.trailers)
    #expect(text(out.span) == "0\r\nX-A: 1\r\nX-C: d\r\n\r\n")
  }

  @Test func syntaxChecks() {
    for (value, isValid) in [
      ("", true), ("a b\tc", true), ("é", true), (" a", false), ("a ", false), ("a\r\nb", false),
      ("a\nb", false), ("a\0", false), ("\u{7F}", false), ("\t", false),
    ] {
      #expect(isValue(ascii(value)) == isValid, "\(value.debugDescription)")
    }
    for (name, isValid) in [
      ("", false), ("X-A_b.1", true), ("a b", false), ("a:", false), ("é", false), ("a\n", false),
    ] {
      #expect(isToken(ascii(name)) == isValid, "\(name.debugDescription)")
    }
  }

  @Test func bytesOfEverySet() {
    let token = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    for byte in UInt8.min...UInt8.max {
      let expected = byte < 0x80 && token.unicodeScalars.contains(UnicodeScalar(byte))
      #expect(isToken([byte]) == expected, "\(byte)")
    }
  }
}

@Suite struct NameTests {
  @Test func fieldNamesAreInterned() {
    for name in FieldName.allCases where name != .other {
      let spelled = "\(name.text)"
      #expect(fieldName(ascii(spelled)) == name)
      #expect(fieldName(ascii(spelled.uppercased())) == name)
      // Any other byte in any place makes another name.
      let bytes = ascii(spelled)
      for index in bytes.indices {
        for flip: UInt8 in [0x20, 0x40, 0x80, 0x01] {
          var other = bytes
          other[index] ^= flip
          let same = String(decoding: other, as: UTF8.self).lowercased() == spelled
          let found = fieldName(other)
          #expect(same ? found == name : found == .other, "\(other)")
        }
      }
      #expect(fieldName(bytes.dropLast().map { $0 }) != name)
      #expect(fieldName((bytes + [0x61])) != name)
    }
    #expect(fieldName([]) == .other)
    #expect(FieldName.allCases.count <= 128, "heads keep one bit per name in 128")
  }

  @Test func methods() {
    for known in HTTPMethod.allCases where known != .other {
      let name = ascii("\(known.name)")
      #expect(method(name) == known)
      #expect(method(ascii("\(known.name)".lowercased())) == .other)
      var changed = name
      changed[name.count - 1] ^= 1
      #expect(method(changed) == .other)
    }
    for other in ["", "G", "LINK", "PROPFIND", "GETS"] {
      #expect(method(ascii(other)) == .other)
    }
    #expect(HTTPMethod.allCases.filter(\.isSafe) == [.get, .head, .options, .trace])
    #expect(
      HTTPMethod.allCases.filter(\.isIdempotent) == [.get, .head, .put, .delete, .options, .trace])
  }
}

// Spans can't pass through the macros.
private func isValue(_ bytes: [UInt8]) -> Bool { FieldSyntax.isValue(bytes.span) }
private func isToken(_ bytes: [UInt8]) -> Bool { FieldSyntax.isToken(bytes.span) }
private func fieldName(_ bytes: [UInt8]) -> FieldName { FieldName(bytes.span) }
private func method(_ bytes: [UInt8]) -> HTTPMethod { HTTPMethod(bytes.span) }
