/// The two ends of a session.
enum SessionSide: UInt8 {
  /// Whoever made the handshake.
  case client
  case upstream

  var other: SessionSide { self == .client ? .upstream : .client }
}
