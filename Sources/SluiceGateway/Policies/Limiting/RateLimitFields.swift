import SluiceConfiguration
import SluiceWire

/// What callers are told of their limits: `RateLimit-Policy` and `RateLimit`
/// (draft-ietf-httpapi-ratelimit-headers-11).
struct RateLimitFields {
  struct Item {
    /// Plain enough for a string of structured fields (RFC 9651).
    let name: String
    let limit: Int
    /// Seconds; nil where the window has no length of its own.
    var window: Int64?
    /// Where it is not the limit.
    var burst: Int?
  }

  /// Always the same; nil in Kong's way of telling.
  let policy: FieldLine?
  private let kong: KongLimitFields?
  /// By rule; empty for those that limit nothing.
  private let names: [[UInt8]]

  /// One for each rule, nil where it limits nothing.
  init(_ items: [Item?], asKong: Bool = false) {
    kong = asKong ? KongLimitFields(items) : nil
    names = items.map { Array(($0?.name ?? "").utf8) }
    let texts = items.compactMap(\.self).map { item in
      "\"\(item.name)\";q=\(item.limit)" + (item.window.map { ";w=\($0)" } ?? "")
        + (item.burst.map { ";sluice-burst=\($0)" } ?? "")
    }
    policy = asKong ? nil : FieldLine("RateLimit-Policy", texts.joined(separator: ", "))
  }

  /// Of a refusal only the limits that refuse are told: the draft wants no `Retry-After` that is
  /// earlier than the end of a window told beside it.
  func append(_ decision: RateDecision, to lines: inout ByteBuffer) {
    if let kong { return kong.append(decision, to: &lines) }
    var isFirst = true
    for index in names.indices {
      if names[index].isEmpty { continue }
      let step = decision.steps[index]
      if !decision.isAllowed && step.number != nil { continue }
      lines.append(isFirst ? "RateLimit: \"" : ", \"")
      isFirst = false
      lines.append(names[index])
      lines.append("\";r=")
      lines.append(decimal: step.remaining)
      lines.append(";t=")
      lines.append(decimal: Self.seconds(step.wait))
    }
    if !isFirst { lines.appendLineEnd() }
  }

  /// Whole seconds, so that who waits so long does not come early.
  static func seconds(_ nanoseconds: UInt64) -> UInt64 {
    nanoseconds / 1_000_000_000 + (nanoseconds % 1_000_000_000 == 0 ? 0 : 1)
  }
}
