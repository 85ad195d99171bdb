/// A text that is never printed: not by a diagnostic, a description, a dump or an encoder.
public struct Secret: Equatable, Hashable, Sendable {
  private let text: String

  public init(_ text: String) { self.text = text }

  /// The only way to the text.
  public func reveal() -> String { text }
}

extension Secret: Codable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    text = try container.decode(String.self)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public var description: String { "(secret)" }
  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }
}
