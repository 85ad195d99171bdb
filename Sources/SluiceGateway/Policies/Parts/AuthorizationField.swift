import SluiceWire

/// Reading Authorization (RFC 9110 11.4): a scheme, and what follows it.
enum AuthorizationField {
  /// The range behind `scheme` (lower-case) and its spaces; nil for another scheme.
  static func credentials(_ scheme: StaticString, in value: Span<UInt8>) -> Range<Int>? {
    let length = scheme.utf8CodeUnitCount
    guard value.count > length, value[length] == 0x20,
      value.extracting(..<length).equalsIgnoringCase(scheme)
    else { return nil }
    var start = length
    while start < value.count && value[start] == 0x20 { start += 1 }
    return start..<value.count
  }

  /// A value with a quoted string is made of plain text only (`TextForm.fieldText`).
  static func challenge(_ scheme: String, realm: String, _ rest: String = "") -> FieldLine {
    let parameters = [realm.isEmpty ? "" : "realm=\"\(realm)\"", rest].filter { !$0.isEmpty }
    let text = ([scheme] + (parameters.isEmpty ? [] : [parameters.joined(separator: ", ")]))
    return FieldLine("WWW-Authenticate", text.joined(separator: " "))
  }
}
