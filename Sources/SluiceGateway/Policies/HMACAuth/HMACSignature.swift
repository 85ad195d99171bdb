import SluiceWire

/// What an Authorization field of the scheme `hmac` says.
struct HMACSignature {
  private(set) var username: [UInt8] = []
  private(set) var algorithm: [UInt8] = []
  /// Lower-case names, in the order in which they were signed.
  private(set) var headers: [[UInt8]] = []
  private(set) var signature: [UInt8] = []

  /// `name="value", …`; nil when it is malformed, lacks something or says it twice.
  init?(_ text: Span<UInt8>) {
    var seen: Set<[UInt8]> = []
    var at = 0
    while at < text.count {
      guard let (name, value, next) = Self.parameter(text, at), seen.insert(name).inserted else {
        return nil
      }
      at = next
      switch String(decoding: name, as: UTF8.self) {
      case "username": username = value
      case "algorithm": algorithm = value
      case "headers":
        headers = value.split(separator: 0x20).map { part in
          part.map { $0 &- 0x41 < 26 ? $0 | 0x20 : $0 }
        }
      case "signature":
        var decoded = ByteBuffer()
        guard decoded.append(decodingBase64: value.span, .standard) else { return nil }
        signature = decoded.copiedBytes()
      default: break
      }
    }
    if username.isEmpty || algorithm.isEmpty || signature.isEmpty || headers.isEmpty { return nil }
    if Set(headers).count != headers.count { return nil }
  }

  private static func parameter(
    _ text: Span<UInt8>, _ start: Int
  ) -> (name: [UInt8], value: [UInt8], next: Int)? {
    var at = start
    while at < text.count && (text[at] == 0x20 || text[at] == 0x2C) { at += 1 }
    var name: [UInt8] = []
    while at < text.count && text[at] != 0x3D {
      name.append(text[at])
      at += 1
    }
    guard !name.isEmpty, at + 1 < text.count, text[at + 1] == 0x22 else { return nil }
    at += 2
    var value: [UInt8] = []
    while at < text.count && text[at] != 0x22 {
      value.append(text[at])
      at += 1
    }
    guard at < text.count else { return nil }
    at += 1
    while at < text.count && (text[at] == 0x20 || text[at] == 0x2C) { at += 1 }
    return (name, value, at)
  }

  /// What was signed: a line for each name, `request-line` as it was sent and fields as `name: value`.
  /// Nil when the request lacks one or has it twice: which of the two was meant?
  func signed(_ head: borrowing RequestHead) -> [UInt8]? {
    var output = ByteBuffer()
    for (index, name) in headers.enumerated() {
      if index > 0 { output.append(0x0A) }
      if name == Self.requestLine {
        output.append(head.span(head.methodName))
        output.append(0x20)
        output.append(head.span(head.target))
        switch head.version {
        case .http10: output.append(" HTTP/1.0")
        case .http11: output.append(" HTTP/1.1")
        case .http2: output.append(" HTTP/2.0")
        }
        continue
      }
      guard let value = Self.onlyValue(of: name, head) else { return nil }
      output.append(name)
      output.append(": ")
      output.append(head.span(value))
    }
    return output.copiedBytes()
  }

  static func onlyValue(of name: [UInt8], _ head: borrowing RequestHead) -> ByteRange? {
    guard let first = head.firstIndex(named: name.span) else { return nil }
    for index in (first + 1)..<max(first + 1, head.fields.count)
    where head.span(head.fields[index].name).equalsIgnoringCase(name) { return nil }
    return head.fields[first].value
  }

  static let requestLine = Array("request-line".utf8)
}

/// A date of HTTP (RFC 9110 5.6.7), the one form that is sent today.
enum HTTPDateText {
  private static let months = Array("JanFebMarAprMayJunJulAugSepOctNovDec".utf8)

  /// Seconds of Unix time; nil for what is not `Sun, 06 Nov 1994 08:49:37 GMT`.
  static func unixTime(_ text: Span<UInt8>) -> Int64? {
    guard text.count == 29, text[3] == 0x2C, text[4] == 0x20, text[7] == 0x20, text[11] == 0x20,
      text[16] == 0x20, text[19] == 0x3A, text[22] == 0x3A, text[25] == 0x20,
      text[26] == 0x47, text[27] == 0x4D, text[28] == 0x54,
      let day = number(text, 5, 2), let year = number(text, 12, 4),
      let hour = number(text, 17, 2), let minute = number(text, 20, 2),
      let second = number(text, 23, 2), let month = month(text),
      (1...31).contains(day), year >= 1970, hour < 24, minute < 60, second < 61
    else { return nil }
    // Days since 1970 of a year that begins in March.
    let shifted = month > 2 ? year : year - 1
    let era = shifted / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    let days = era * 146_097 + dayOfEra - 719_468
    return Int64(days * 86_400 + hour * 3_600 + minute * 60 + second)
  }

  private static func number(_ text: Span<UInt8>, _ start: Int, _ count: Int) -> Int? {
    var value = 0
    for index in start..<start + count {
      guard text[index] &- 0x30 < 10 else { return nil }
      value = value * 10 + Int(text[index] - 0x30)
    }
    return value
  }

  private static func month(_ text: Span<UInt8>) -> Int? {
    for month in 0..<12
    where (0..<3).allSatisfy({ text[8 + $0] == months[month * 3 + $0] }) { return month + 1 }
    return nil
  }
}
