public import SluiceConfiguration
import SluiceWire

extension Configuration.JSONSchema: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy { CompiledJSONSchema(self) }

  public func problem() -> String? {
    for (key, text) in [
      ("schema", schema), ("messagesFromUpstream.schema", messagesFromUpstream?.schema),
    ] {
      guard let text else { continue }
      do throws(CompiledSchema.Problem) {
        _ = try CompiledSchema.compile(text)
      } catch {
        return "\(key): \(error.text)"
      }
    }
    return nil
  }
}

/// Lets requests pass whose bodies are what a schema asks for.
final class CompiledJSONSchema: CompiledPolicy {
  /// Nil for one that can't be compiled, which `problem` has told of; then nothing passes.
  private let schema: CompiledSchema?
  let limit: Int
  private let requiresBody: Bool
  /// Nil where an end's messages are not looked at.
  let fromClient: MessageRule?
  let fromUpstream: MessageRule?
  private let missing = PolicyRefusal(.bodyNotJSON, detail: "This needs a body.")
  private let otherType = PolicyRefusal(
    .bodyNotJSON, detail: "Send JSON, with Content-Type: application/json.")
  private let encoded = PolicyRefusal(
    .bodyNotJSON, detail: "Send the JSON without Content-Encoding.")
  private let invalid = PolicyRefusal(.bodyNotJSON)
  private let ambiguous = PolicyRefusal(
    .bodyNotJSON, detail: "The same name occurs twice in one object.")

  init(_ settings: Configuration.JSONSchema) {
    let schema = try? CompiledSchema.compile(settings.schema)
    self.schema = schema
    limit = settings.maxBodySize.bytes
    requiresBody = settings.requireBody
    fromClient = settings.messages.map { MessageRule(schema: schema, action: $0.action) }
    fromUpstream = settings.messagesFromUpstream.map { rule in
      MessageRule(
        schema: rule.schema.map { try? CompiledSchema.compile($0) } ?? schema, action: rule.action)
    }
  }

  override func request(_ exchange: Exchange) -> PolicyOutcome {
    if exchange.wantsUpgrade { return .next }
    if exchange.callerFraming.isEmpty {
      switch exchange.request.method {
      case .post, .put, .patch: return requiresBody ? .refuse(missing) : .next
      default: return .next
      }
    }
    if !JSONBody.isJSON(exchange.request) { return .refuse(otherType) }
    if JSONBody.isEncoded(exchange.request) { return .refuse(encoded) }
    return .collect(upTo: limit)
  }

  override func requestBody(_ exchange: Exchange) -> PolicyOutcome {
    exchange.withCollectedBody { judge($0, exchange) }
  }

  /// What is asked of the messages of one end.
  struct MessageRule {
    fileprivate let schema: CompiledSchema?
    let action: Configuration.RefusalAction
  }

  /// What a message is to its rule. What passes unread by a policy that reads must not be read as
  /// something else by its receiver.
  func verdict(
    _ payload: Span<UInt8>, isCompressed: Bool, _ rule: MessageRule
  ) -> Verdict {
    isCompressed || payload.count > limit
      ? .unreadable : Self.verdict(payload, rule.schema)
  }

  /// What a JSON text is to the schema.
  enum Verdict {
    case right
    case wrong(SchemaRun.Failure)
    /// It is no JSON.
    case unreadable
    /// It says something twice.
    case ambiguous
  }

  /// Costs at most what `SchemaRun.maxSteps` does, and 28 bytes for each value of the text meanwhile.
  private static func verdict(_ text: Span<UInt8>, _ schema: CompiledSchema?) -> Verdict {
    guard let schema, UTF8Validator.isValid(text) else { return .unreadable }
    do throws(JSONTape.Failure) {
      var run = SchemaRun(schema, try JSONTape(text))
      return run.failure(text).map { .wrong($0) } ?? .right
    } catch {
      return error == .duplicateKey ? .ambiguous : .unreadable
    }
  }

  private func judge(_ body: Span<UInt8>, _ exchange: Exchange) -> PolicyOutcome {
    switch Self.verdict(body, schema) {
    case .right: return .next
    case .unreadable: return .refuse(invalid)
    case .ambiguous: return .refuse(ambiguous)
    case .wrong(let failure):
      exchange.record.error = .bodyInvalid
      return .answer(
        LocalAnswer(.bodyInvalid, detail: nil, requestID: exchange.requestID) { text in
          text.append("\",\"pointer\":\"")
          text.append(jsonContent: failure.pointer.span)
          text.append("\",\"keyword\":\"")
          text.append(failure.keyword)
        })
    }
  }
}
