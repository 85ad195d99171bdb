import SluiceConfiguration
import SluiceGateway
import SluiceWire

extension AdminParameter {
  /// What a right value looks like; for messages and the reference.
  var form: String {
    switch kind {
    case .text: "text"
    case .sessionID: "a session's id"
    case .jobID: "a job's id"
    case .revocationID: "a revocation's id"
    case .integer(let bounds): "\(bounds.lowerBound) to \(bounds.upperBound)"
    case .duration: "a length of time as `30s` or `1h30m`"
    case .addressRange: "an address or a range as `10.0.0.0/8`"
    case .label: "`name:value`"
    case .choice(let choices): choices.map { "`\($0)`" }.joined(separator: ", ")
    case .sort:
      SessionSortKey.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", ")
        + "; with `-` in front descending"
    case .cursor: "`next` of the page before"
    }
  }

  func accepts(_ text: String) -> Bool {
    switch kind {
    case .text: !text.isEmpty
    // What is no id names nothing: that is a 404 and no mistake of form.
    case .sessionID, .jobID, .revocationID: true
    case .integer(let bounds): Int(text).map { bounds.contains($0) && String($0) == text } ?? false
    case .duration: Timespan(text: text) != nil
    case .addressRange: CIDR(text) != nil
    case .label: Self.label(text) != nil
    case .choice(let choices): choices.contains(text)
    case .sort: SessionSort(text) != nil
    case .cursor: SessionCursor(text) != nil
    }
  }

  static func label(_ text: String) -> (name: String, value: String)? {
    guard let colon = text.firstIndex(of: ":"), colon > text.startIndex else { return nil }
    return (String(text[..<colon]), String(text[text.index(after: colon)...]))
  }

  /// For OpenAPI.
  var schema: AdminJSON {
    switch kind {
    case .integer(let bounds):
      [
        "type": "integer", "minimum": .integer(bounds.lowerBound),
        "maximum": .integer(bounds.upperBound),
      ]
    case .choice(let choices): ["type": "string", "enum": .array(choices.map { .string($0) })]
    case .sort:
      [
        "type": "string",
        "enum": .array(
          SessionSortKey.allCases.flatMap { [.string($0.rawValue), .string("-\($0.rawValue)")] }),
      ]
    case .label: ["type": "string", "pattern": "^[^:]+:"]
    case .text, .sessionID, .jobID, .revocationID, .duration, .addressRange, .cursor:
      ["type": "string"]
    }
  }
}
