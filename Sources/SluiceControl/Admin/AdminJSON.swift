import Foundation

/// JSON of the admin API: objects keep their order.
enum AdminJSON: Sendable, Equatable {
  case null
  case boolean(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case array([AdminJSON])
  case object([Member])

  struct Member: Sendable, Equatable {
    let key: String
    let value: AdminJSON
  }

  subscript(key: String) -> AdminJSON? {
    if case .object(let members) = self { members.first { $0.key == key }?.value } else { nil }
  }

  /// What `Codable` makes of the value; members sorted by key.
  init(encoding value: some Encodable) {
    // Foundation refuses only what our types don't hold, such as a number that is infinite.
    guard let data = try? JSONEncoder().encode(value),
      let json = try? JSONDecoder().decode(AdminJSON.self, from: data)
    else {
      self = .null
      return
    }
    self = json
  }

  func text(isPretty: Bool = true) -> String {
    String(decoding: Self.bytes(encoding: self, isPretty: isPretty), as: UTF8.self)
  }

  /// The same text as that of `init(encoding:)`, without the way through it.
  static func bytes(encoding value: some Encodable, isPretty: Bool = true) -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting =
      isPretty
      ? [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
      : [.sortedKeys, .withoutEscapingSlashes]
    return (try? encoder.encode(value)) ?? Data("null".utf8)
  }
}

extension AdminJSON: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  init(stringLiteral value: String) { self = .string(value) }
  init(booleanLiteral value: Bool) { self = .boolean(value) }
  init(integerLiteral value: Int) { self = .integer(value) }
  init(arrayLiteral elements: AdminJSON...) { self = .array(elements) }
  init(dictionaryLiteral elements: (String, AdminJSON)...) {
    self = .object(elements.map { Member(key: $0.0, value: $0.1) })
  }
}

extension AdminJSON: Codable {
  private struct MemberKey: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  init(from decoder: any Decoder) throws {
    if let container = try? decoder.container(keyedBy: MemberKey.self) {
      self = .object(
        try container.allKeys.sorted { $0.stringValue < $1.stringValue }.map {
          Member(key: $0.stringValue, value: try container.decode(AdminJSON.self, forKey: $0))
        })
      return
    }
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .boolean(value)
    } else if let value = try? container.decode(Int.self) {
      self = .integer(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .string(value)
    } else {
      self = .array(try container.decode([AdminJSON].self))
    }
  }

  func encode(to encoder: any Encoder) throws {
    switch self {
    case .object(let members):
      var container = encoder.container(keyedBy: MemberKey.self)
      for member in members {
        try container.encode(member.value, forKey: MemberKey(stringValue: member.key))
      }
    case .null:
      var container = encoder.singleValueContainer()
      try container.encodeNil()
    case .boolean(let value): try Self.encode(value, to: encoder)
    case .integer(let value): try Self.encode(value, to: encoder)
    case .number(let value): try Self.encode(value, to: encoder)
    case .string(let value): try Self.encode(value, to: encoder)
    case .array(let value): try Self.encode(value, to: encoder)
    }
  }

  private static func encode(_ value: some Encodable, to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(value)
  }
}
