public import SluiceConfiguration
import SluiceWire

extension Configuration.RequestSizeLimit: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy {
    CompiledRequestSizeLimit(self)
  }
}

/// Refuses request bodies that are too large: at once when their length is said, else as they come.
final class CompiledRequestSizeLimit: CompiledPolicy {
  private let maxSize: UInt64
  private let requiresLength: Bool
  private let tooLarge = PolicyRefusal(.bodyTooLarge)
  private let noLength = PolicyRefusal(.lengthRequired)

  init(_ settings: Configuration.RequestSizeLimit) {
    maxSize = UInt64(settings.maxSize.bytes)
    requiresLength = settings.requireLength
  }

  override func request(_ exchange: Exchange) -> PolicyOutcome {
    switch exchange.callerFraming {
    case .none, .untilClose: return .next
    case .length(let count): return count > maxSize ? .refuse(tooLarge) : .next
    case .chunked:
      if requiresLength { return .refuse(noLength) }
      exchange.addRequestFilter(SizeFilter(limit: maxSize))
      return .next
    }
  }
}

private final class SizeFilter: BodyFilter {
  private var left: UInt64

  init(limit: UInt64) { left = limit }

  override func filter(
    _ bytes: Span<UInt8>, isLast: Bool, into output: inout ByteBuffer
  ) -> Result {
    if UInt64(bytes.count) > left { return .refused(.bodyTooLarge) }
    left -= UInt64(bytes.count)
    return .unchanged
  }
}
