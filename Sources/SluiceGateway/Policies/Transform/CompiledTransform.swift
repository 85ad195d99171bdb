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
    let name: [UInt8]
    let template: CompiledTemplate
  }

  let remove: [[UInt8]]
  let rename: [(old: [UInt8], new: [UInt8])]
  let replace: [Value]
  let add: [Value]
  let append: [Value]

  init(
    remove: [String], rename: [String: String], replace: [String: String], add: [String: String],
    append: [String: String]
  ) {
    self.remove = remove.map { Array($0.utf8) }
    self.rename = rename.sorted { $0.key < $1.key }.map {
      (Array($0.key.utf8), Array($0.value.utf8))
    }
    self.replace = Self.values(replace)
    self.add = Self.values(add)
    self.append = Self.values(append)
  }

  private static func values(_ values: [String: String]) -> [Value] {
    values.sorted { $0.key < $1.key }.map {
      Value(name: Array($0.key.utf8), template: CompiledTemplate($0.value))
    }
  }

  var isEmpty: Bool {
    remove.isEmpty && rename.isEmpty && replace.isEmpty && add.isEmpty && append.isEmpty
  }

  /// The fields of a message as they are so far: those of a parsed head, less what is dropped, and the
  /// lines that were added.
  func apply(
    to edits: inout FieldEdits, of fields: borrowing MessageFields, _ exchange: Exchange
  ) {
    for name in remove { _ = take(name, fields, &edits) }
    for (old, new) in rename {
      for index in fields.indices(of: old) where !edits.drops(index) {
        edits.drop(index)
        fields.withValue(index) { edits.add(name: new.span, value: $0) }
      }
    }
    for value in replace where take(value.name, fields, &edits) { write(value, exchange, &edits) }
    for value in add where !has(value.name, fields, edits) { write(value, exchange, &edits) }
    for value in append { write(value, exchange, &edits) }
  }

  /// The same for what the gateway answers itself.
  func apply(to answer: inout LocalAnswer, _ exchange: Exchange) {
    let fields = MessageFields(answer)
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
    _ name: [UInt8], _ fields: borrowing MessageFields, _ edits: inout FieldEdits
  ) -> Bool {
    var isThere = edits.removeLines(named: name)
    for index in fields.indices(of: name) where !edits.drops(index) {
      edits.drop(index)
      isThere = true
    }
    return isThere
  }

  private func has(
    _ name: [UInt8], _ fields: borrowing MessageFields, _ edits: borrowing FieldEdits
  ) -> Bool {
    for index in fields.indices(of: name) where !edits.drops(index) { return true }
    return edits.hasLine(named: name)
  }

  /// A value that is empty, or that a caller made into what is no field, is not set.
  private func write(_ value: Value, _ exchange: Exchange, _ edits: inout FieldEdits) {
    var text = ByteBuffer()
    value.template.append(exchange, .field, to: &text)
    if text.isEmpty || !FieldSyntax.isValue(text.span) { return }
    edits.add(name: value.name.span, value: text.span)
  }
}

/// The fields of a head, request's or response's, copied so that both are changed by the same code.
struct MessageFields: ~Copyable {
  private var bytes = ByteBuffer()
  private var fields: [(name: Range<Int>, value: Range<Int>)] = []

  init(_ head: borrowing RequestHead) {
    for field in head.fields { append(head.span(field.name), head.span(field.value)) }
  }

  init(_ head: borrowing ResponseHead) {
    for field in head.fields { append(head.span(field.name), head.span(field.value)) }
  }

  /// The type of the body stands behind the others.
  init(_ answer: LocalAnswer) {
    for line in answer.fields.map(\.bytes) {
      let colon = line.firstIndex(of: 0x3A) ?? line.count
      append(
        line.span.extracting(..<colon),
        line.span.extracting(min(colon + 2, line.count - 2)..<line.count - 2))
    }
    if answer.contentType.utf8CodeUnitCount > 0 {
      let type = answer.contentType.withUTF8Buffer { Array($0) }
      append(Self.contentType.span, type.span)
    }
  }

  private static let contentType = Array("Content-Type".utf8)

  private mutating func append(_ name: Span<UInt8>, _ value: Span<UInt8>) {
    let start = bytes.count
    bytes.append(name)
    let middle = bytes.count
    bytes.append(value)
    fields.append((start..<middle, middle..<bytes.count))
  }

  func indices(of name: [UInt8]) -> [Int] {
    var found: [Int] = []
    for index in fields.indices where fields[index].name.count == name.count {
      if bytes.span.extracting(fields[index].name).equalsIgnoringCase(name) { found.append(index) }
    }
    return found
  }

  func withValue(_ index: Int, _ body: (Span<UInt8>) -> Void) {
    body(bytes.span.extracting(fields[index].value))
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
    remove = transform.remove
    rename = transform.rename
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
