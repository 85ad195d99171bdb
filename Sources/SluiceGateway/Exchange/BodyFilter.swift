public import SluiceWire

/// Looks at one body of one exchange on its way, and may change it.
///
/// Made by a policy for the exchange whose body it wants; an exchange without such a policy has none
/// and pays nothing.
open class BodyFilter {
  public init() {}

  /// What goes on in the place of the bytes that were given.
  public enum Result {
    /// They go on as they are.
    case unchanged
    /// What was appended to `output` goes on, which may be nothing yet.
    case replaced
    /// The body can't go on: the request is refused, a response is cut short.
    case refused(GatewayError)
  }

  /// A piece of the body, or nothing at its end. `bytes` hold until this returns.
  open func filter(_ bytes: Span<UInt8>, isLast: Bool, into output: inout ByteBuffer) -> Result {
    .unchanged
  }

  /// The trailers behind the body; called before `filter` gets the body's end, which may still say what is
  /// taken out here.
  open func trailersArrived(_ trailers: inout TrailerSection) {}

  /// Shows them to this filter and those behind it.
  final func passTrailers(_ trailers: inout TrailerSection) {
    trailersArrived(&trailers)
    next?.passTrailers(&trailers)
  }

  /// The next filter of this body.
  fileprivate(set) var next: BodyFilter?
  private var output = ByteBuffer()

  /// Appends a filter behind the last one.
  static func append(_ filter: BodyFilter, to first: inout BodyFilter?) {
    guard var last = first else {
      first = filter
      return
    }
    while let next = last.next { last = next }
    last.next = filter
  }

  /// Sends a piece through this filter and those behind it; what comes out goes to `sink`, never
  /// empty. The error says why the body can't go on.
  final func pass(
    _ bytes: Span<UInt8>, isLast: Bool, to sink: (Span<UInt8>) -> Void
  ) -> GatewayError? {
    // Taken out for the call: filters further on must not find it borrowed.
    var output = ByteBuffer()
    swap(&output, &self.output)
    defer {
      output.clear()
      swap(&output, &self.output)
    }
    switch filter(bytes, isLast: isLast, into: &output) {
    case .unchanged: return handOn(bytes, isLast: isLast, to: sink)
    case .replaced: return handOn(output.span, isLast: isLast, to: sink)
    case .refused(let error): return error
    }
  }

  private func handOn(
    _ bytes: Span<UInt8>, isLast: Bool, to sink: (Span<UInt8>) -> Void
  ) -> GatewayError? {
    if let next {
      if bytes.isEmpty && !isLast { return nil }
      return next.pass(bytes, isLast: isLast, to: sink)
    }
    if !bytes.isEmpty { sink(bytes) }
    return nil
  }
}
