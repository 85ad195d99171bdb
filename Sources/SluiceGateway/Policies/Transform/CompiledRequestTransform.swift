import SluiceConfiguration
import SluiceWire

/// Changes the request on its way to a target.
final class CompiledRequestTransform: CompiledPolicy {
  private let fields: FieldTransform
  private let query: QueryTransform?
  private let body: BodyTransform?
  private let path: CompiledTemplate?
  private let method: [UInt8]?
  /// Nil where messages are not changed.
  let messages: MessageTransform?
  private let leaves = PolicyRefusal(
    .malformedRequest, detail: "The request's values don't fit into the path they are for.")
  private let encoded = PolicyRefusal(
    .bodyNotJSON, detail: "Send the JSON without Content-Encoding.")
  private let invalid = PolicyRefusal(.bodyNotJSON)
  private let ambiguous = PolicyRefusal(
    .bodyNotJSON, detail: "The same name occurs twice in one object.")

  init(_ settings: Configuration.RequestTransform) {
    fields = FieldTransform(
      remove: settings.remove.headers, rename: settings.rename.headers,
      replace: settings.replace.headers, add: settings.add.headers,
      append: settings.append.headers)
    query = QueryTransform(settings)
    body = BodyTransform(settings)
    messages = MessageTransform(
      body, settings.messages, Configuration.RequestTransform.policyName)
    path = settings.path.map { CompiledTemplate($0) }
    method = settings.method.map { Array($0.utf8) }
  }

  override func request(_ exchange: Exchange) -> PolicyOutcome {
    if !fields.isEmpty {
      fields.apply(to: &exchange.requestEdits.fields, of: exchange.request, exchange)
    }
    if let query { exchange.editQuery { query.append($0, exchange, to: &$1) } }
    if let method, exchange.request.method != .head, !exchange.wantsUpgrade {
      exchange.requestEdits.setMethod(method)
    }
    if let path {
      var text = ByteBuffer()
      path.append(exchange, .url, to: &text)
      // Dots that a caller sent must not lead out of where the operator wanted it to go.
      guard SentPath.isNormal(text.span, exchange.listener.slashes) else { return .refuse(leaves) }
      exchange.requestEdits.setPath(text)
    }
    guard let body, !exchange.wantsUpgrade, !exchange.requestFraming.isEmpty,
      JSONBody.isJSON(exchange.request)
    else { return .next }
    if JSONBody.isEncoded(exchange.request) { return .refuse(encoded) }
    return .collect(upTo: body.limit)
  }

  override func requestBody(_ exchange: Exchange) -> PolicyOutcome {
    guard let body else { return .next }
    var text = ByteBuffer()
    exchange.withCollectedBody { text.append($0) }
    do throws(JSONEdit.Failure) {
      _ = try body.apply(to: &text, .exchange(exchange))
    } catch {
      return .refuse(error == .duplicateKey ? ambiguous : invalid)
    }
    exchange.replaceCollectedBody(text)
    return .next
  }
}

/// A path that a policy has made, for targets.
enum SentPath {
  /// Whether it is what it would be after normalisation: no dots that lead elsewhere, nothing that
  /// others read in another way.
  static func isNormal(
    _ path: Span<UInt8>, _ slashes: PathNormalizer.EncodedSlashes
  ) -> Bool {
    if PathNormalizer.isNormal(path) { return true }
    var normal = ByteBuffer()
    do throws(PathError) {
      try PathNormalizer.normalize(path, slashes: slashes, into: &normal)
    } catch {
      return false
    }
    return normal.span.equals(path)
  }
}
