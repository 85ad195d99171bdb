import SluiceConfiguration
import SluiceWire

/// Where a policy finds its credential in a first message; what `firstMessage` compiles to.
struct FirstMessagePlace {
  let limits: FirstMessageLimits
  private let path: JSONPath?

  /// Nil for a path that the configuration's check would have refused.
  init?(_ settings: Configuration.FirstMessage) {
    limits = FirstMessageLimits(timeout: settings.timeout, maxSize: settings.maxSize.bytes)
    guard let text = settings.path else {
      path = nil
      return
    }
    guard let path = try? JSONPath(text) else { return nil }
    self.path = path
  }

  /// Calls `body` with the credential in the exchange's first message; nil when there is none.
  func withToken<R>(of exchange: Exchange, _ body: (Span<UInt8>) -> R) -> R? {
    guard let message = exchange.firstMessage?.bytes, !message.isEmpty else { return nil }
    guard let path else { return body(message.span) }
    guard case .found(let value) = path.value(in: message.span), value.kind == .string else {
      return nil
    }
    let content = message.span.extracting(value.content)
    if !value.hasEscapes { return body(content) }
    var meaning = ByteBuffer()
    guard meaning.append(meaningOfJSON: content) else { return nil }
    return body(meaning.span)
  }
}

/// How long a first message may take and how large it may be.
struct FirstMessageLimits {
  var timeout: Timespan
  var maxSize: Int

  /// Both fit.
  func joined(with other: FirstMessageLimits) -> FirstMessageLimits {
    FirstMessageLimits(
      timeout: max(timeout, other.timeout), maxSize: max(maxSize, other.maxSize))
  }
}

/// What an exchange knows of the first message that it asked for.
final class FirstMessage {
  let limits: FirstMessageLimits
  /// What the gateway agreed to in the target's stead, and the target has to agree to, too.
  var subprotocol: [UInt8]?
  /// Nil before it came.
  var bytes: [UInt8]?

  init(_ limits: FirstMessageLimits) { self.limits = limits }
}
