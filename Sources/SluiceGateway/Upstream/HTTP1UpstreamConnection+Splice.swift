import SluiceReactor
import SluiceWire

/// Large bodies of known length go from socket to socket inside the kernel, behind what came with the
/// head. Everything else is read and written (docs/decisions/0009).
extension HTTP1UpstreamConnection {
  /// Bytes of a body still to come from which on a pipe is worth its system calls.
  static let spliceThreshold: UInt64 = 64 * 1_024

  /// `following`: bytes of the body that are here already.
  static func isWorthSplicing(_ framing: BodyFraming, _ following: Int) -> Bool {
    guard case .length(let count) = framing else { return false }
    return count >= spliceThreshold &+ UInt64(following)
  }

  /// Moves what there is of the body, up to a pipe full.
  func spliceBody() {
    guard let exchange else { return }
    switch exchange.upstreamBody(from: self, atMost: decoder.plainBytesLeft) {
    case .moved(let count):
      if count > 0 { timeResponse(exchange) }
      decoder.passed(UInt64(count))
      if decoder.isComplete { completed(hasExcess: false) }
    case .wouldBlock: return
    case .end: ended()
    case .failed: failed(isMalformed: false)
    case .refused: isSplicing = false
    }
  }
}
