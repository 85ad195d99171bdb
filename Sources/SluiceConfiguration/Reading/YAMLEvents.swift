// The events of libyaml, which Yams carries. `Yams.compose` is not used because it stops at the
// first duplicate key and sets no bounds to what aliases expand to. All that is unsafe is in this
// file.

internal import CYaml
internal import Yams

/// Why the text is no YAML.
struct YAMLFailure: Error {
  var message: String
  var position: Position
  var hint: String?
}

struct YAMLEvent {
  var kind: Kind
  var position: Position

  enum Kind {
    case documentStart
    case streamEnd
    case alias(name: String)
    case scalar(SourceNode.Scalar, anchor: String?, tag: String?)
    case sequenceStart(anchor: String?, tag: String?)
    case mappingStart(anchor: String?, tag: String?)
    /// The end of a document, a sequence or a mapping.
    case end
  }
}

final class YAMLEvents {
  private let bytes: [UInt8]
  // On the heap because the parser keeps a pointer to itself.
  private let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)

  /// The reader's events in `body`, which must not let it escape.
  static func read<Result>(
    _ text: String, _ body: (YAMLEvents) throws(YAMLFailure) -> Result
  ) throws(YAMLFailure) -> Result {
    // An empty array has no address, and libyaml asks for one.
    let events = YAMLEvents(text.isEmpty ? [UInt8(ascii: "\n")] : Array(text.utf8))
    var result: Swift.Result<Result, YAMLFailure>?
    events.bytes.withUnsafeBufferPointer { buffer in
      // SAFETY: the parser reads the buffer only in `next`, which is called in `body` only.
      yaml_parser_set_input_string(events.parser, buffer.baseAddress, buffer.count)
      do throws(YAMLFailure) {
        result = .success(try body(events))
      } catch {
        result = .failure(error)
      }
    }
    return try result!.get()
  }

  private init(_ bytes: [UInt8]) {
    self.bytes = bytes
    yaml_parser_initialize(parser)
  }

  deinit {
    yaml_parser_delete(parser)
    parser.deallocate()
  }

  func next() throws(YAMLFailure) -> YAMLEvent {
    var event = yaml_event_t()
    guard yaml_parser_parse(parser, &event) == 1 else { throw failure() }
    defer { yaml_event_delete(&event) }
    let kind: YAMLEvent.Kind
    switch event.type {
    case YAML_STREAM_START_EVENT: return try next()
    case YAML_DOCUMENT_START_EVENT: kind = .documentStart
    case YAML_ALIAS_EVENT: kind = .alias(name: string(event.data.alias.anchor) ?? "")
    case YAML_SCALAR_EVENT:
      let data = event.data.scalar
      let text = String(
        decoding: UnsafeBufferPointer(start: data.value, count: data.length), as: UTF8.self)
      kind = .scalar(
        SourceNode.Scalar(text: text, isPlain: data.style == YAML_PLAIN_SCALAR_STYLE),
        anchor: string(data.anchor), tag: string(data.tag))
    case YAML_SEQUENCE_START_EVENT:
      let data = event.data.sequence_start
      kind = .sequenceStart(anchor: string(data.anchor), tag: string(data.tag))
    case YAML_MAPPING_START_EVENT:
      let data = event.data.mapping_start
      kind = .mappingStart(anchor: string(data.anchor), tag: string(data.tag))
    case YAML_DOCUMENT_END_EVENT, YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: kind = .end
    default: kind = .streamEnd
    }
    return YAMLEvent(kind: kind, position: position(event.start_mark))
  }

  private func failure() -> YAMLFailure {
    let problem = string(parser.pointee.problem) ?? "it is no YAML"
    var message = "not valid YAML: \(problem)"
    if let context = string(parser.pointee.context) {
      let line = parser.pointee.context_mark.line + 1
      message += " (\(context) from line \(line))"
    }
    // The reader, which is ahead of the scanner, knows bytes but not lines.
    let place =
      parser.pointee.error == YAML_READER_ERROR
      ? position(ofByte: parser.pointee.problem_offset) : position(parser.pointee.problem_mark)
    return YAMLFailure(message: message, position: place, hint: hint(for: problem))
  }

  private func hint(for problem: String) -> String? {
    switch problem {
    case "found character that cannot start any token":
      "indent with spaces, not tabs, and quote text that starts with @, ` or %"
    case "mapping values are not allowed in this context":
      "check the indentation, and quote a value that contains ': '"
    case "found a tab character that violates indentation": "indent with spaces"
    case "did not find expected ',' or '}'", "did not find expected ',' or ']'":
      "check commas and brackets, and quote text with braces: \"${env:NAME}\""
    case "did not find expected key", "could not find expected ':'":
      "check the indentation, and that every key has its ':'"
    default: nil
    }
  }

  private func position(ofByte offset: Int) -> Position {
    let before = bytes.prefix(offset)
    let lastLine =
      before.split(
        separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false
      ).last ?? []
    return Position(
      line: before.count { $0 == UInt8(ascii: "\n") } + 1,
      column: String(decoding: lastLine, as: UTF8.self).unicodeScalars.count + 1)
  }

  private func position(_ mark: yaml_mark_t) -> Position {
    Position(line: Int(mark.line) + 1, column: Int(mark.column) + 1)
  }

  private func string(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
    // SAFETY: libyaml ends its names and tags with a NUL.
    pointer.map { String(cString: $0) }
  }

  private func string(_ pointer: UnsafePointer<CChar>?) -> String? {
    // SAFETY: libyaml's messages are C string literals.
    pointer.map { String(cString: $0) }
  }
}
