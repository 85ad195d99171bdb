internal import Foundation

/// JSON whose objects keep their order.
enum JSONValue: Equatable, Sendable {
  case null
  case boolean(Bool)
  case integer(Int)
  case string(String)
  case array([JSONValue])
  case object([(key: String, value: JSONValue)])

  static func == (left: JSONValue, right: JSONValue) -> Bool {
    left.text() == right.text()
  }

  /// What `Codable` makes of the value.
  init(encoding value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    self = try JSONDecoder().decode(JSONValue.self, from: encoder.encode(value))
  }

  func decode<Value: Decodable>(
    _ type: Value.Type, policies: PolicyRegistry = .standard
  ) throws -> Value {
    let decoder = JSONDecoder()
    decoder.userInfo[.policyRegistry] = policies
    return try decoder.decode(type, from: Data(text().utf8))
  }

  subscript(key: String) -> JSONValue? {
    if case .object(let members) = self { members.first { $0.key == key }?.value } else { nil }
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  init(stringLiteral value: String) { self = .string(value) }
  init(booleanLiteral value: Bool) { self = .boolean(value) }
  init(integerLiteral value: Int) { self = .integer(value) }
  init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(elements.map { (key: $0.0, value: $0.1) })
  }
}

extension JSONValue: Decodable {
  private struct AnyKey: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  init(from decoder: any Decoder) throws {
    if let container = try? decoder.container(keyedBy: AnyKey.self) {
      let keys = container.allKeys.sorted { $0.stringValue < $1.stringValue }
      self = .object(
        try keys.map { ($0.stringValue, try container.decode(JSONValue.self, forKey: $0)) })
      return
    }
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .boolean(value)
    } else if let value = try? container.decode(Int.self) {
      self = .integer(value)
    } else if let value = try? container.decode(String.self) {
      self = .string(value)
    } else {
      self = .array(try container.decode([JSONValue].self))
    }
  }
}

extension JSONValue {
  /// On one line, or indented by two spaces a level.
  func text(isPretty: Bool = false) -> String {
    var result = ""
    write(to: &result, lineBreak: isPretty ? "\n" : nil)
    return result
  }

  private func write(to result: inout String, lineBreak: String?) {
    switch self {
    case .null: result += "null"
    case .boolean(let value): result += value ? "true" : "false"
    case .integer(let value): result += String(value)
    case .string(let value): Self.write(value, to: &result)
    case .array(let elements):
      let hasBreaks = elements.contains { $0.isContainer }
      Self.writeList(elements, "[", "]", to: &result, lineBreak: hasBreaks ? lineBreak : nil) {
        $0.write(to: &$1, lineBreak: $2)
      }
    case .object(let members):
      Self.writeList(members, "{", "}", to: &result, lineBreak: lineBreak) {
        Self.write($0.key, to: &$1)
        $1 += lineBreak == nil ? ":" : ": "
        $0.value.write(to: &$1, lineBreak: $2)
      }
    }
  }

  private var isContainer: Bool {
    switch self {
    case .array, .object: true
    case .null, .boolean, .integer, .string: false
    }
  }

  private static func writeList<Element>(
    _ elements: [Element], _ open: String, _ close: String, to result: inout String,
    lineBreak: String?, _ write: (Element, inout String, String?) -> Void
  ) {
    let inner = lineBreak.map { $0 + "  " }
    result += open
    for (index, element) in elements.enumerated() {
      if index > 0 { result += lineBreak == nil ? ", " : "," }
      if let inner { result += inner }
      write(element, &result, inner)
    }
    if let lineBreak, !elements.isEmpty { result += lineBreak }
    result += close
  }

  private static func write(_ text: String, to result: inout String) {
    result += "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case _ where scalar.value < 0x20:
        let hex = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      default: result.unicodeScalars.append(scalar)
      }
    }
    result += "\""
  }
}
