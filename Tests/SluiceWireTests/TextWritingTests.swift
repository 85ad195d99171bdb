import SluiceWire
import Testing

/// What is written or compared eight bytes at a time, beside what does so one by one.
@Suite struct TextWritingTests {
  private func written(_ write: (inout ByteBuffer) -> Void) -> String {
    var out = ByteBuffer()
    write(&out)
    return text(out.span)
  }

  @Test func decimals() {
    var values: [UInt64] = [0, .max, .max - 1]
    var power: UInt64 = 1
    for _ in 0..<19 {
      power *= 10
      values += [power - 1, power, power + 1, power / 2 * 3]
    }
    for value in values { #expect(written { $0.append(decimal: value) } == String(value)) }
  }

  @Test func decimalsOfAWidth() {
    #expect(written { $0.append(decimal: 0, digits: 3) } == "000")
    #expect(written { $0.append(decimal: 42, digits: 6) } == "000042")
    #expect(written { $0.append(decimal: 12_345, digits: 3) } == "345")
    #expect(written { $0.append(decimal: .max, digits: 20) } == String(UInt64.max))
  }

  @Test func wholeHexadecimals() {
    var values: [UInt64] = [0, .max, 0x0123_4567_89AB_CDEF, 0xFEDC_BA98_7654_3210]
    for shift in 0..<64 { values += [1 << UInt64(shift), 10 << UInt64(shift)] }
    for value in values {
      let digits = String(value, radix: 16)
      let padded = String(repeating: "0", count: 16 - digits.count) + digits
      #expect(written { $0.append(wholeHex: value) } == padded)
    }
  }

  private func escaped(_ bytes: [UInt8]) -> String {
    bytes.map { byte in
      switch byte {
      case 0x22, 0x5C: return "\\" + String(UnicodeScalar(byte))
      case 0x20...0x7E: return String(UnicodeScalar(byte))
      default:
        let digits = String(byte, radix: 16)
        return "\\u00" + (digits.count == 1 ? "0" : "") + digits
      }
    }.joined()
  }

  /// Every byte in every place of texts around the length of a word.
  @Test func contentOfJSONStrings() {
    var wrong: [[UInt8]] = []
    for count in 0...18 {
      for place in 0..<count {
        for byte in UInt8.min...UInt8.max {
          var bytes = [UInt8](repeating: 0x61, count: count)
          bytes[place] = byte
          if written({ $0.append(asciiJSON: bytes.span) }) != escaped(bytes) { wrong.append(bytes) }
        }
      }
    }
    #expect(wrong.isEmpty)
    let all = Array(UInt8.min...UInt8.max)
    #expect(written { $0.append(asciiJSON: all.span) } == escaped(all))
    let backwards = Array(all.reversed())
    #expect(written { $0.append(asciiJSON: backwards.span) } == escaped(backwards))
  }

  /// Every byte beside every other one, in every place of texts of up to two words.
  @Test func equalityWithoutCase() {
    var wrong: [[UInt8]] = []
    for count in 1...17 {
      for place in 0..<count {
        for byte in UInt8.min...UInt8.max {
          var bytes = [UInt8](repeating: 0x7A, count: count)
          bytes[place] = byte
          for other in [byte ^ 0x20, byte ^ 0x80, byte &+ 1, byte] {
            var others = [UInt8](repeating: 0x5A, count: count)
            others[place] = other
            let isEqual = byte.asciiLowercased == other.asciiLowercased
            if bytes.span.equalsIgnoringCase(others.span) != isEqual { wrong.append(bytes) }
          }
        }
      }
    }
    #expect(wrong.isEmpty)
    let name = ascii("X-Consumer-Username")
    let literals = [
      name.span.equalsIgnoringCase("x-consumer-username"),
      name.span.equalsIgnoringCase("x-consumer-usernam"),
      name.span.equalsIgnoringCase("x-consumer_username"),
    ]
    #expect(literals == [true, false, false])
  }

  @Test func valuesOfFields() {
    var wrong: [[UInt8]] = []
    for count in 1...20 {
      for place in 0..<count {
        for byte in UInt8.min...UInt8.max {
          var bytes = [UInt8](repeating: 0x61, count: count)
          bytes[place] = byte
          let isEnd = place == 0 || place == count - 1
          let isGood =
            byte == 0x09 || byte == 0x20 ? !isEnd : byte > 0x20 && byte != 0x7F
          if FieldSyntax.isValue(bytes.span) != isGood { wrong.append(bytes) }
        }
      }
    }
    #expect(wrong.isEmpty)
  }
}

/// A field is found by its name, known or not, from wherever one looks on.
@Suite struct FieldSearchTests {
  @Test func eachOneOfTheName() throws {
    let source = ascii(
      "GET / HTTP/1.1\r\nHost: a\r\napikey: 1\r\nCookie: b=1\r\nAPIKey: 2\r\nX: 3\r\ncookie: c=2\r\n\r\n"
    )
    var head = RequestHead()
    try head.parse(source.span, limits: HeadLimits())
    let keys = FieldSearch("ApiKey")
    let found = [0, 1, 2, 3, 4, 6].map { head.firstIndex(of: keys, from: $0) }
    #expect(found == [1, 1, 3, 3, nil, nil])
    let cookies = FieldSearch("COOKIE")
    let known = [0, 2, 3, 5, 6].map { head.firstIndex(of: cookies, from: $0) }
    #expect(known == [2, 2, 5, 5, nil])
    let others = ["x", "Accept", "apikey2"].map { head.firstIndex(of: FieldSearch($0)) }
    #expect(others == [4, nil, nil])
  }

  /// A value is looked at in pieces of 32 bytes, of eight and of one: whatever ends a line or must not be in
  /// it is found in each.
  @Test func controlCharactersInLongValues() {
    for place in 0..<80 {
      for byte in [0x00, 0x09, 0x0A, 0x1F, 0x7F, 0x80] as [UInt8] {
        var value = [UInt8](repeating: 0x61, count: 80)
        value[place] = byte
        let source = ascii("GET / HTTP/1.1\r\nHost: a\r\nX: b") + value + ascii("c\r\n\r\n")
        var head = RequestHead()
        let isParsed = (try? head.parse(source.span, limits: HeadLimits())) != nil
        #expect(isParsed == (byte == 0x09 || byte == 0x80))
      }
    }
  }
}
