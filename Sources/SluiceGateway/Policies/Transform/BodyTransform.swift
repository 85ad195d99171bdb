import SluiceConfiguration
import SluiceWire

/// What happens to a JSON body, in the order in which it happens; nothing is done by halves.
struct BodyTransform {
  private struct Step {
    let edit: JSONEdit
    let value: JSONTemplate?
  }

  /// Bytes of a body that is changed, at most.
  let limit: Int
  private let steps: [Step]

  /// Nil when nothing happens to bodies.
  init?(
    remove: [String], rename: [String: String], replace: [String: String], add: [String: String],
    append: [String: String], limit: ByteCount
  ) {
    var steps: [Step] = []
    func insert(_ kind: JSONEdit.Kind, _ path: String, _ value: String? = nil) {
      guard let path = try? JSONPath(path), let edit = JSONEdit(kind, path) else { return }
      steps.append(Step(edit: edit, value: value.map { JSONTemplate($0) }))
    }
    for path in remove { insert(.remove, path) }
    for (path, name) in rename.sorted(by: { $0.key < $1.key }) { insert(.rename(to: name), path) }
    for (path, value) in replace.sorted(by: { $0.key < $1.key }) { insert(.replace, path, value) }
    for (path, value) in add.sorted(by: { $0.key < $1.key }) { insert(.add, path, value) }
    for (path, value) in append.sorted(by: { $0.key < $1.key }) { insert(.append, path, value) }
    if steps.isEmpty { return nil }
    self.steps = steps
    self.limit = limit.bytes
  }

  init?(_ settings: Configuration.RequestTransform) {
    self.init(
      remove: settings.remove.body, rename: settings.rename.body, replace: settings.replace.body,
      add: settings.add.body, append: settings.append.body, limit: settings.maxBodySize)
  }

  init?(_ settings: Configuration.ResponseTransform) {
    self.init(
      remove: settings.remove.body, rename: settings.rename.body, replace: settings.replace.body,
      add: settings.add.body, append: settings.append.body, limit: settings.maxBodySize)
  }

  /// Changes `body`, and whether it did; each step reads it once and copies it if it changes.
  func apply(
    to body: inout ByteBuffer, _ source: TemplateSource
  ) throws(JSONEdit.Failure) -> Bool {
    var isChanged = false
    for step in steps {
      var value = ByteBuffer()
      if let template = step.value, !template.append(source, to: &value) { continue }
      var changed = ByteBuffer(capacity: body.count + value.count + 64)
      if try step.edit.apply(to: body.span, value: value.span, into: &changed) {
        swap(&body, &changed)
        isChanged = true
      }
    }
    return isChanged
  }
}

/// A template whose text is a JSON value: as it is written if it is one, otherwise a string. What
/// callers bring into it can't leave the string in which it stands.
struct JSONTemplate {
  private let template: CompiledTemplate
  private let isJSON: Bool

  init(_ text: String) {
    template = CompiledTemplate(text)
    // A variable counts as a letter: within a string it may stand, elsewhere it makes no JSON.
    let sample = (Template(text)?.segments ?? []).map { segment in
      if case .literal(let text) = segment { text } else { "v" }
    }.joined()
    isJSON = Self.isJSON(Array(sample.utf8))
  }

  private static func isJSON(_ text: [UInt8]) -> Bool {
    var scanner = JSONScanner(text.span)
    while true {
      guard let token = try? scanner.next() else { return false }
      if token.kind == .end { return true }
    }
  }

  /// False for a text that comes out empty, which is not set.
  func append(_ source: TemplateSource, to output: inout ByteBuffer) -> Bool {
    if isJSON {
      template.append(json: source, literals: .asWritten, to: &output)
      return true
    }
    output.append(0x22)
    template.append(json: source, literals: .escaped, to: &output)
    output.append(0x22)
    return output.count > 2
  }
}

/// Collects a response's body and hands it on changed; see `Exchange.holdResponse`.
final class BodyEditFilter: BodyFilter {
  private let transform: BodyTransform
  private weak var exchange: Exchange?
  private var body = ByteBuffer()

  init(_ transform: BodyTransform, _ exchange: Exchange) {
    self.transform = transform
    self.exchange = exchange
  }

  override func filter(
    _ bytes: Span<UInt8>, isLast: Bool, into output: inout ByteBuffer
  ) -> Result {
    if body.count + bytes.count > transform.limit { return .refused(.upstreamBodyTooLarge) }
    body.append(bytes)
    guard isLast, let exchange else { return .replaced }
    do throws(JSONEdit.Failure) {
      _ = try transform.apply(to: &body, .exchange(exchange))
    } catch {
      return .refused(.upstreamBodyUnusable)
    }
    output.append(body.span)
    body.release()
    return .replaced
  }
}
