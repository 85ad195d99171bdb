import SluiceWire

/// What Kong tells callers of their limits: `X-RateLimit-Limit-Minute` and
/// `X-RateLimit-Remaining-Minute` for every window, and `RateLimit-Limit`, `-Remaining` and `-Reset` of
/// the one with the least left (developer.konghq.com/plugins/rate-limiting, headers sent to the client).
struct KongLimitFields {
  private struct Window {
    let limit: UInt64
    /// Whole lines up to the number that changes: what is allowed, and the name of what is left.
    let constant: [UInt8]
  }

  /// By rule; nil for those that limit nothing.
  private let windows: [Window?]

  init(_ items: [RateLimitFields.Item?]) {
    windows = items.map { item in
      guard let item else { return nil }
      let unit = LimitWindowName.text(item.window)
      let lines =
        "X-RateLimit-Limit-\(unit): \(item.limit)\r\nX-RateLimit-Remaining-\(unit): "
      return Window(limit: UInt64(item.limit), constant: Array(lines.utf8))
    }
  }

  func append(_ decision: RateDecision, to lines: inout ByteBuffer) {
    var least: (limit: UInt64, remaining: UInt64, wait: UInt64)?
    for index in windows.indices {
      guard let window = windows[index] else { continue }
      let step = decision.steps[index]
      lines.append(window.constant)
      lines.append(decimal: UInt64(step.remaining))
      lines.appendLineEnd()
      if least == nil || UInt64(step.remaining) < least!.remaining {
        least = (window.limit, UInt64(step.remaining), RateLimitFields.seconds(step.wait))
      }
    }
    guard let least else { return }
    lines.appendField("RateLimit-Limit", decimal: least.limit)
    lines.appendField("RateLimit-Remaining", decimal: least.remaining)
    lines.appendField("RateLimit-Reset", decimal: max(1, least.wait))
  }
}
