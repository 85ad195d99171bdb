public import SluiceConfiguration
import SluiceWire

extension Configuration.RequestTransform: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy {
    CompiledRequestTransform(self)
  }
}

extension Configuration.ResponseTransform: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy {
    CompiledResponseTransform(self)
  }
}

/// What happens to fields, in the order in which it happens.
struct FieldTransform {
  struct Value {
    let key: FieldSearch
    let template: CompiledTemplate
    /// The whole field where nothing of it varies.
    let line: FieldLine?

    init(_ name: String, _ value: String) {
      key = FieldSearch(name)
      template = CompiledTemplate(value)
      // What is no field is found out when it is written.
      line = template.literal.flatMap { FieldLine(name: name, value: $0) }
    }

    var name: [UInt8] { key.name }
  }

  let remove: [FieldSearch]
  let rename: [(old: FieldSearch, new: [UInt8])]
  let replace: [Value]
  let add: [Value]
  let append: [Value]

  init(
    remove: [String], rename: [String: String], replace: [String: String], add: [String: String],
    append: [String: String]
  ) {
    self.remove = remove.map { FieldSearch($0) }
    self.rename = rename.sorted { $0.key < $1.key }.map {
      (FieldSearch($0.key), Array($0.value.utf8))
    }
    self.replace = Self.values(replace)
    self.add = Self.values(add)
    self.append = Self.values(append)
  }

  private static func values(_ values: [String: String]) -> [Value] {
    values.sorted { $0.key < $1.key }.map { Value($0.key, $0.value) }
  }

  var isEmpty: Bool {
    remove.isEmpty && rename.isEmpty && replace.isEmpty && add.isEmpty && append.isEmpty
  }

  /// The fields of a message as they are so far: those of a parsed head, less what is dropped, and the
  /// lines that were added.
  func apply(
    to edits: inout FieldEdits, of fields: borrowing some MessageFields & ~Copyable,
    _ exchange: Exchange
  ) {
    for index in remove.indices { _ = take(remove[index], fields, &edits) }
    for place in rename.indices {
      let (old, new) = rename[place]
      var start = 0
      while let index = fields.nextField(of: old, from: start) {
        start = index + 1
        if edits.drops(index) { continue }
        edits.drop(index)
        fields.withValue(index) { edits.add(name: new.span, value: $0) }
      }
    }
    for index in replace.indices where take(replace[index].key, fields, &edits) {
      write(replace[index], exchange, &edits)
    }
    for index in add.indices where !has(add[index].key, fields, edits) {
      write(add[index], exchange, &edits)
    }
    for index in append.indices { write(append[index], exchange, &edits) }
  }

  /// The same for what the gateway answers itself.
  func apply(to answer: inout LocalAnswer, _ exchange: Exchange) {
    let fields = AnswerFields(answer)
    var edits = FieldEdits()
    edits.setLines(exchange.responseEdits.lines.copiedBytes())
    apply(to: &edits, of: fields, exchange)
    if edits.drops(answer.fields.count) { answer.contentType = "" }
    answer.fields = answer.fields.indices.filter { !edits.drops($0) }.map { answer.fields[$0] }
    let lines = edits.lines.copiedBytes()
    exchange.responseEdits.clear()
    exchange.responseEdits.add { $0.append(lines) }
  }

  /// Whether there was one.
  private func take(
    _ key: FieldSearch, _ fields: borrowing some MessageFields & ~Copyable,
    _ edits: inout FieldEdits
  ) -> Bool {
    var isThere = edits.removeLines(named: key.name)
    var start = 0
    while let index = fields.nextField(of: key, from: start) {
      start = index + 1
      if edits.drops(index) { continue }
      edits.drop(index)
      isThere = true
    }
    return isThere
  }

  private func has(
    _ key: FieldSearch, _ fields: borrowing some MessageFields & ~Copyable,
    _ edits: borrowing FieldEdits
  ) -> Bool {
    var start = 0
    while let index = fields.nextField(of: key, from: start) {
      if !edits.drops(index) { return true }
      start = index + 1
    }
    return edits.hasLine(named: key.name)
  }

  /// A value that is empty, or that a caller made into what is no field, is not set.
  private func write(_ value: Value, _ exchange: Exchange, _ edits: inout FieldEdits) {
    if let line = value.line { return edits.add(line) }
    edits.add(name: value.key.name) { value.template.append(exchange, .field, to: &$0) }
  }
}

/// The fields of a message, where they stand: of a request's head, of a response's, or of an answer that the
/// gateway makes.
protocol MessageFields: ~Copyable {
  /// The place of the first field with this name at or behind `start`.
  func nextField(of key: FieldSearch, from start: Int) -> Int?
  func withValue(_ index: Int, _ body: (Span<UInt8>) -> Void)
}

extension RequestHead: MessageFields {
  func nextField(of key: FieldSearch, from start: Int) -> Int? { firstIndex(of: key, from: start) }

  func withValue(_ index: Int, _ body: (Span<UInt8>) -> Void) { body(span(fields[index].value)) }
}

extension ResponseHead: MessageFields {
  func nextField(of key: FieldSearch, from start: Int) -> Int? { firstIndex(of: key, from: start) }

  func withValue(_ index: Int, _ body: (Span<UInt8>) -> Void) { body(span(fields[index].value)) }
}

/// Those of an answer, taken apart; the type of the body stands behind the others.
private struct AnswerFields: MessageFields {
  private var fields: [(name: [UInt8], value: [UInt8])]

  init(_ answer: LocalAnswer) {
    fields = answer.fields.map { field in
      let line = field.bytes
      let colon = line.firstIndex(of: 0x3A) ?? line.count
      return (Array(line[..<colon]), Array(line[min(colon + 2, line.count - 2)..<line.count - 2]))
    }
    if answer.contentType.utf8CodeUnitCount > 0 {
      fields.append((Self.contentType, answer.contentType.withUTF8Buffer { Array($0) }))
    }
  }

  private static let contentType = Array("Content-Type".utf8)

  func nextField(of key: FieldSearch, from start: Int) -> Int? {
    fields.indices.dropFirst(start).first {
      let name = fields[$0].name
      return name.span.equalsIgnoringCase(key.name.span)
    }
  }

  func withValue(_ index: Int, _ body: (Span<UInt8>) -> Void) {
    let value = fields[index].value
    body(value.span)
  }
}

/// What happens to the query.
struct QueryTransform {
  private let remove: [[UInt8]]
  private let rename: [(old: [UInt8], new: [UInt8])]
  private let replace: [FieldTransform.Value]
  private let add: [FieldTransform.Value]
  private let appended: [FieldTransform.Value]

  /// Nil when nothing happens to it.
  init?(_ settings: Configuration.RequestTransform) {
    let transform = FieldTransform(
      remove: settings.remove.query, rename: settings.rename.query,
      replace: settings.replace.query, add: settings.add.query, append: settings.append.query)
    if transform.isEmpty { return nil }
    remove = transform.remove.map { $0.name }
    rename = transform.rename.map { ($0.old.name, $0.new) }
    replace = transform.replace
    add = transform.add
    appended = transform.append
  }

  /// Names are compared as they are written.
  func append(_ query: Span<UInt8>, _ exchange: Exchange, to output: inout ByteBuffer) -> Bool {
    var names: [[UInt8]] = []
    var start = 0
    while start < query.count {
      var end = start
      while end < query.count && query[end] != 0x26 { end += 1 }
      var nameEnd = start
      while nameEnd < end && query[nameEnd] != 0x3D { nameEnd += 1 }
      var name: [UInt8] = []
      for index in start..<nameEnd { name.append(query[index]) }
      if !remove.contains(name) {
        if let renamed = rename.first(where: { $0.old == name }) { name = renamed.new }
        if let value = replace.first(where: { $0.name == name }) {
          // All of this name become the one.
          if !names.contains(name) { write(value, exchange, to: &output) }
        } else {
          separate(&output)
          output.append(name)
          output.append(query.extracting(nameEnd..<end))
        }
        names.append(name)
      }
      start = end + 1
    }
    for value in add where !names.contains(value.name) { write(value, exchange, to: &output) }
    for value in appended { write(value, exchange, to: &output) }
    return true
  }

  private func separate(_ output: inout ByteBuffer) { if !output.isEmpty { output.append(0x26) } }

  private func write(
    _ value: FieldTransform.Value, _ exchange: Exchange, to output: inout ByteBuffer
  ) {
    var text = ByteBuffer()
    value.template.append(exchange, .parameter, to: &text)
    if text.isEmpty { return }
    separate(&output)
    output.append(value.name)
    output.append(0x3D)
    output.append(text.span)
  }
}
