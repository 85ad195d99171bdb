import SluiceReactor

/// Who calls, as the identify stage found out. One for all exchanges that prove the same.
final class Identity {
  /// The consumer's name.
  let consumer: [UInt8]
  /// Selected claims of what proved it.
  let claims: [(name: String, value: String)]
  /// When the proof ends; nil for never.
  let expiresAt: MonotonicTime?

  init(
    consumer: [UInt8], claims: [(name: String, value: String)] = [], expiresAt: MonotonicTime? = nil
  ) {
    self.consumer = consumer
    self.claims = claims
    self.expiresAt = expiresAt
  }
}
